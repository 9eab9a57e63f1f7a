"""A small image density model: the 1,797 handwritten digits of scikit-learn, 8x8, 17 grey levels.

    python benchmarks/digits.py --output benchmarks/results/digits.json
    python benchmarks/digits.py --picture docs/images/digits.png

Every density is one over the same continuous data: grey level plus uniform noise in (0, 1),
fresh in every epoch (dequantisation; its bits per dimension bound those of the grey levels from
above). 1,197 digits train, 200 validate, 400 test, split at random by a fixed seed. Validation
chooses the epoch, and the smoothing and shrinkage of the baselines; the flow's other settings
were set by hand and not searched. The test digits are scored under 8 draws of the noise.

Round trips: the numbers are those of the noisy test digits; the sentence is on the worse of that
and of the way from the base and back. The latter misses where a draw comes so close to the upper
bound that float32 no longer resolves the probit there (5.2 standard deviations), see
`BoundedToReal`.

Two models, unconditional and conditional on the class. The conditional one also classifies, by
Bayes' rule with equal priors; so do the baselines, fitted to each class.
"""

import argparse
import dataclasses
import json
import time
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from scipy.special import logsumexp
from scipy.stats import multivariate_normal
from sklearn.datasets import load_digits

from machine import described
from retrodict.bijections import Affine, BoundedToReal, Chain, Reshape, standardise
from retrodict.diagnostics import round_trip
from retrodict.distributions import Transformed
from retrodict.flows import ImageGlow
from retrodict.objectives import negative_log_likelihood
from retrodict.training import TrainingConfig, train

SHAPE, DIM, NUM_LEVELS, NUM_CLASSES = (1, 8, 8), 64, 17, 10
NUM_VALIDATION, NUM_TEST, NUM_NOISES, BLOCK = 200, 400, 8, 1600
FLOW = ImageGlow(num_levels=2, num_layers=4, width=64)
CONFIG = TrainingConfig(
    batch_size=64, learning_rate=3e-3, max_epochs=50, patience=None, ema_decay=0.99
)


def split_digits(seed=0):
    grey, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(seed).permutation(len(grey))
    sizes = [len(grey) - NUM_VALIDATION - NUM_TEST, len(grey) - NUM_TEST]
    return [(grey[rows].astype(np.float32), labels[rows]) for rows in np.split(order, sizes)]


def dequantised(grey, key):
    # Not exactly at the bounds, where the probit has no finite value.
    return grey + jr.uniform(key, grey.shape, minval=1e-6, maxval=1 - 1e-6)


def augment(batch, key):
    grey, condition = batch
    return dequantised(grey, key), condition


def new_model(flow, grey, cond_dim, key):
    """The image flow behind a probit of each grey level and a standardisation of each pixel."""
    key_noise, key_build = jr.split(key)
    probit = BoundedToReal([0.0] * DIM, [float(NUM_LEVELS)] * DIM)
    rows = np.asarray(jax.vmap(probit.forward)(dequantised(jnp.asarray(grey), key_noise)))
    scale = standardise(rows)
    scale = Affine(scale.loc.astype(jnp.float32), scale.scale.astype(jnp.float32))
    images = flow.build(SHAPE, cond_dim, key=key_build)
    links = [probit, scale, Reshape((DIM,), SHAPE), images.bijection]
    return Transformed(images.base, Chain(links))


def one_hot(labels):
    return jax.nn.one_hot(labels, NUM_CLASSES)


@eqx.filter_jit
def _log_probs(model, x, condition):
    return jax.vmap(model.log_prob)(x, condition)


@eqx.filter_jit
def draws(model, keys, condition):
    return jax.vmap(model.sample)(keys, condition)


def log_probs(model, x, condition=None):
    blocks = [
        np.asarray(
            _log_probs(
                model, x[i : i + BLOCK], None if condition is None else condition[i : i + BLOCK]
            )
        )
        for i in range(0, len(x), BLOCK)
    ]
    return np.concatenate(blocks)


def noisy(grey, key, num=NUM_NOISES):
    """Several dequantised copies, shape (num, rows, DIM)."""
    return jax.vmap(lambda key: dequantised(jnp.asarray(grey), key))(jr.split(key, num))


def bits(log_prob):
    return float(-log_prob.mean() / (DIM * np.log(2)))


def accuracy(scores, labels):
    """Of Bayes' rule: `scores` are log p(noisy x | class), shape (classes, noises, rows).

    The mean density over the noise is the probability of the grey levels.
    """
    return float((logsumexp(scores, axis=1).argmax(axis=0) == labels).mean())


def learned(flow, config, train_set, validation_set, is_conditional, seed):
    key_model, key_noise, key_train = jr.split(jr.key(seed), 3)

    def rows(grey, labels):
        return jnp.asarray(grey), one_hot(labels) if is_conditional else None

    model = new_model(flow, train_set[0], NUM_CLASSES if is_conditional else 0, key_model)
    held_out = augment(rows(*validation_set), key_noise)
    return train(
        model,
        negative_log_likelihood,
        rows(*train_set),
        held_out,
        key=key_train,
        config=config,
        augment=augment,
    )


class Histogram:
    """Independent pixels: the share of each grey level at each pixel, smoothed by `smoothing`."""

    candidates = (0.01, 0.03, 0.1, 0.3, 1.0)

    def __init__(self, grey, smoothing):
        counts = (grey[:, :, None] == np.arange(NUM_LEVELS)).sum(axis=0) + smoothing
        self.log_shares = np.log(counts / counts.sum(axis=1, keepdims=True))

    def log_prob(self, x):
        levels = np.minimum(np.asarray(x).astype(int), NUM_LEVELS - 1)
        return self.log_shares[np.arange(DIM), levels].sum(axis=-1)


class Gaussian:
    """All covariances of the dequantised pixels, shrunk towards their diagonal by a share."""

    candidates = (0.003, 0.01, 0.03, 0.1, 0.3, 0.6)

    def __init__(self, grey, shrinkage):
        # Uniform noise adds its own mean and variance, exactly.
        covariance = np.cov(grey.T) + np.eye(DIM) / 12
        diagonal = np.diag(np.diag(covariance))
        covariance = (1 - shrinkage) * covariance + shrinkage * diagonal
        self.normal = multivariate_normal(grey.mean(axis=0) + 0.5, covariance)

    def log_prob(self, x):
        return self.normal.logpdf(np.asarray(x, np.float64))


def baseline(kind, train_set, validation_set, test_set, key):
    """Fitted to all digits, and to each class; what validation likes best of the candidates."""
    key_validation, key_test = jr.split(key)
    validation = noisy(validation_set[0], key_validation)
    test = noisy(test_set[0], key_test)
    best = max(kind.candidates, key=lambda s: kind(train_set[0], s).log_prob(validation).mean())

    def classes(setting):
        return [kind(train_set[0][train_set[1] == c], setting) for c in range(NUM_CLASSES)]

    def own_class(setting):
        scores = np.stack([m.log_prob(validation) for m in classes(setting)])
        return scores[validation_set[1], :, np.arange(NUM_VALIDATION)].mean()

    best_by_class = max(kind.candidates, key=own_class)
    scores = np.stack([m.log_prob(test) for m in classes(best_by_class)])
    return {
        "test_bits_per_dimension": bits(kind(train_set[0], best).log_prob(test)),
        "test_bits_per_dimension_given_class": bits(scores[test_set[1], :, np.arange(NUM_TEST)]),
        "test_accuracy": accuracy(scores, test_set[1]),
        "settings": [best, best_by_class],
    }


def judged(result, test_set, is_conditional, key):
    key_noise, key_draw, key_trip = jr.split(key, 3)
    model = result.model
    grey, labels = test_set
    x = noisy(grey, key_noise)
    flat = x.reshape(-1, DIM)
    numbers = {
        "validation_bits_per_dimension": result.best_validation_loss / (DIM * float(np.log(2))),
        "best_epoch": result.best_epoch,
        "training_seconds": round(result.seconds, 1),
        "parameters": sum(
            leaf.size for leaf in jax.tree.leaves(eqx.filter(model, eqx.is_inexact_array))
        ),
    }
    if is_conditional:
        every_class = np.broadcast_to(np.arange(NUM_CLASSES)[:, None], (NUM_CLASSES, len(flat)))
        scores = np.stack([log_probs(model, flat, one_hot(c)) for c in every_class])
        scores = scores.reshape(NUM_CLASSES, NUM_NOISES, NUM_TEST)
        numbers["test_bits_per_dimension"] = bits(scores[labels, :, np.arange(NUM_TEST)])
        numbers["test_accuracy"] = accuracy(scores, labels)
    else:
        numbers["test_bits_per_dimension"] = bits(log_probs(model, flat))
    condition = one_hot(labels) if is_conditional else None
    trip = round_trip(model, np.asarray(x[0]), condition, key=key_trip)
    numbers["round_trip"] = str(trip)
    numbers["round_trip_largest_error"] = trip.largest_error
    numbers["round_trip_typical_error"] = trip.typical_error
    numbers["sampling_seconds_per_1000"] = sampling_seconds(model, is_conditional, key_draw)
    return numbers


def sampling_seconds(model, is_conditional, key):
    labels = jnp.arange(1000) % NUM_CLASSES
    condition = one_hot(labels) if is_conditional else None
    keys = jr.split(key, 1000)
    jax.block_until_ready(draws(model, keys, condition))
    started = time.perf_counter()
    jax.block_until_ready(draws(model, keys, condition))
    return round(time.perf_counter() - started, 3)


def draw_picture(model, train_set, path, num_draws=12, num_real=4):
    """One row per class: real digits, then draws."""
    import matplotlib.pyplot as plt

    from retrodict.plots.export import to_png
    from retrodict.plots.style import style_context

    grey, labels = train_set
    condition = one_hot(jnp.repeat(jnp.arange(NUM_CLASSES), num_draws))
    keys = jr.split(jr.key(5), len(condition))
    drawn = np.asarray(draws(model, keys, condition)).reshape(NUM_CLASSES, num_draws, 8, 8)
    real = np.stack([grey[labels == c][:num_real] for c in range(NUM_CLASSES)])
    real = real.reshape(NUM_CLASSES, num_real, 8, 8)

    def sheet(images):
        """All of them side by side, white lines between."""
        framed = np.pad(images, ((0, 0), (0, 0), (1, 1), (1, 1)), constant_values=np.nan)
        return framed.transpose(0, 2, 1, 3).reshape(NUM_CLASSES * 10, -1)

    with style_context():
        figure, axes = plt.subplots(
            1, 2, figsize=(7.2, 4.9), width_ratios=[num_real, num_draws], layout="constrained"
        )
        titles = ("digits", "drawn by ImageGlow, given the class")
        for axis, images, title in zip(axes, (real, np.floor(drawn)), titles, strict=True):
            axis.imshow(sheet(images), cmap="gray_r", vmin=0, vmax=NUM_LEVELS - 1)
            axis.set_title(title)
            axis.set_axis_off()
        Path(path).write_bytes(to_png(figure, dpi=110))
        plt.close(figure)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=CONFIG.max_epochs)
    parser.add_argument("--output", help="write the numbers to this file")
    parser.add_argument("--picture", help="write draws of the conditional model to this file")
    arguments = parser.parse_args()
    config = dataclasses.replace(CONFIG, max_epochs=arguments.epochs)
    train_set, validation_set, test_set = split_digits()
    numbers = described("python benchmarks/digits.py")
    for kind in (Histogram, Gaussian):
        name = kind.__name__.lower()
        numbers[name] = baseline(kind, train_set, validation_set, test_set, jr.key(2))
        print(name, json.dumps(numbers[name]), flush=True)
    for is_conditional in (False, True):
        name = "image-glow given class" if is_conditional else "image-glow"
        result = learned(FLOW, config, train_set, validation_set, is_conditional, seed=0)
        numbers[name] = judged(result, test_set, is_conditional, jr.key(2))
        print(name, json.dumps(numbers[name]), flush=True)
    if arguments.picture:
        draw_picture(result.model, train_set, arguments.picture)
    if arguments.output:
        Path(arguments.output).write_text(json.dumps(numbers, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
