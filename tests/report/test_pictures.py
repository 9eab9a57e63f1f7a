import base64

import numpy as np
from matplotlib.figure import Figure

from retrodict.report.pictures import embed


def busy_figure(num_points):
    figure = Figure(figsize=(6, 6))
    rng = np.random.default_rng(0)
    figure.add_subplot().scatter(*rng.normal(size=(2, num_points)), c=rng.normal(size=num_points))
    return figure


def test_a_plain_figure_is_svg_and_a_crowded_one_png():
    plain, crowded = embed([(busy_figure(10), "few"), (busy_figure(3000), "many")])
    assert plain.uri.startswith("data:image/svg+xml;base64,")
    assert crowded.uri.startswith("data:image/png;base64,")
    assert (plain.alt, plain.width, plain.height) == ("few", 576, 576)


def test_many_crowded_figures_together_stay_in_the_budget():
    figure = busy_figure(3000)
    alone = len(embed([(figure, "")])[0].uri)
    many = embed([(figure, "")] * 2, budget=alone)
    assert sum(len(picture.uri) for picture in many) <= alone
    assert base64.b64decode(many[0].uri.split(",")[1]).startswith(b"\x89PNG")
