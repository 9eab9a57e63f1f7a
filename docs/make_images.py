"""Draws the pictures of the README: python docs/make_images.py runs/inverse-kinematics"""

import sys
from pathlib import Path

import jax
import numpy as np

import retrodict

IMAGES = Path(__file__).parent / "images"
HAND = np.array([[1.7, 0.0]])


def main(run: str) -> None:
    problem = retrodict.get_problem("inverse-kinematics")
    posterior = retrodict.load(Path(run) / "model").retrodict(HAND[0])
    exact = problem.exact_posterior_rows(jax.random.key(0), HAND, 4000)[0]
    figure = retrodict.plots.pairs(
        posterior.sample(4000), posterior.parameters, reference=exact, draws_label="retrodict"
    )
    (IMAGES / "inverse-kinematics.png").write_bytes(retrodict.plots.to_png(figure, dpi=110))


if __name__ == "__main__":
    main(sys.argv[1])
