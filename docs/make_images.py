"""Draws the pictures of the documentation.

python docs/make_images.py                              those of the pages in docs/
python docs/make_images.py runs/inverse-kinematics      that of the README, from a finished run
"""

import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from matplotlib.figure import Figure

import retrodict
from retrodict.diagnostics import Gaussian, witness
from retrodict.dynamics import CircleMap, LogisticMap
from retrodict.plots import cobweb, witness as witness_picture
from retrodict.plots.style import BLUE, MUTED, VERMILION, style_context

IMAGES = Path(__file__).parent / "images"
BENCH = Path(__file__).parents[1] / "benchmarks" / "results" / "bench-sbibm.json"
HAND = np.array([[1.7, 0.0]])


def inverse_kinematics(run: str) -> Figure:
    problem = retrodict.get_problem("inverse-kinematics")
    posterior = retrodict.load(Path(run) / "model").retrodict(HAND[0])
    exact = problem.exact_posterior_rows(jax.random.key(0), HAND, 4000)[0]
    return retrodict.plots.pairs(
        posterior.sample(4000), posterior.parameters, reference=exact, draws_label="retrodict"
    )


def kepler_curves() -> Figure:
    """z = x - e sin x below and above the bound, and one z that the second has three x for."""
    with style_context():
        figure = Figure(figsize=(6.4, 3.6), layout="constrained")
        ax = figure.add_subplot()
        x = np.linspace(-np.pi, np.pi, 601)
        ax.axhline(0.3, color=MUTED, lw=1, ls=(0, (4, 2)))
        ax.text(-3.0, 0.42, "one z", color=MUTED)
        for e, color, say in ((0.8, BLUE, "one x"), (1.8, VERMILION, "three x")):
            ax.plot(x, x - e * np.sin(x), color=color, lw=2, label=f"e = {e}: {say}")
            roots = retrodict.dynamics.fixed_points(kepler(e, 0.3), -np.pi, np.pi)
            at = [root.x for root in roots]
            ax.plot(at, [0.3] * len(at), "o", ms=7, mfc="white", mec=color, mew=1.6)
        ax.set_xlabel("x")
        ax.set_ylabel("z = x \N{MINUS SIGN} e sin x")
        ax.legend(loc="upper left")
    return figure


def kepler(e: float, z: float):
    return lambda x: z + e * jnp.sin(x)


def why_the_inverse_exists() -> dict[str, Figure]:
    return {
        "kepler-curves": kepler_curves(),
        "cobweb-kepler": cobweb(
            kepler(0.8, 0.3), 3.0, 25, -0.5, 3.5, title="x \N{RIGHTWARDS ARROW} 0.3 + 0.8 sin x"
        ),
        "cobweb-kepler-too-steep": cobweb(
            kepler(2.6, 0.3), 1.0, 60, -3.2, 3.2, title="x \N{RIGHTWARDS ARROW} 0.3 + 2.6 sin x"
        ),
        "cobweb-logistic-attracting": cobweb(LogisticMap(2.8), 0.1, 30, title="r = 2.8"),
        "cobweb-logistic-cycle": cobweb(LogisticMap(3.3), 0.1, 30, title="r = 3.3"),
        "cobweb-circle": cobweb(
            CircleMap(0.2, 0.9), 0.1, 30, title="\N{GREEK CAPITAL LETTER OMEGA} = 0.2, K = 0.9"
        ),
    }


def two_samples() -> dict[str, Figure]:
    """The pairs of samples of docs/two-samples.md, and where they differ."""
    rng = np.random.default_rng(0)
    normal = rng.normal(size=(200, 2))
    correlated = rng.multivariate_normal([0, 0], [[1, 0.8], [0.8, 1]], size=200)
    laplace = rng.laplace(size=(2000, 1)) / np.sqrt(2)
    columns = [retrodict.Variable("x1"), retrodict.Variable("x2")]
    return {
        "witness-correlation": witness_picture(
            witness(normal, correlated),
            columns,
            first_label="independent",
            second_label="correlated",
        ),
        "witness-laplace": witness_picture(
            witness(rng.normal(size=(2000, 1)), laplace, kernel=Gaussian(0.4)),
            columns[:1],
            first_label="normal",
            second_label="Laplace",
        ),
    }


def main(runs: list[str]) -> None:
    figures = why_the_inverse_exists() | two_samples()
    figures["bench-sbibm"] = retrodict.bench.Bench.read(BENCH).picture()
    if runs:
        figures = {"inverse-kinematics": inverse_kinematics(runs[0])}
    for name, figure in figures.items():
        (IMAGES / f"{name}.png").write_bytes(retrodict.plots.to_png(figure, dpi=110))


if __name__ == "__main__":
    main(sys.argv[1:])
