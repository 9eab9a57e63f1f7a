"""Bijections of images against their definitions, written out in NumPy."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.signal
from bijection_case import randomise
from cases_images import multi_scale
from numpy.testing import assert_allclose

from retrodict.bijections import (
    ActNorm,
    AffineTransformer,
    Chain,
    CheckerboardCoupling,
    ConvolutionalCoupling,
    HaarDownsampling,
    InvertibleConvolution,
    MultiScale,
    Reshape,
    Squeeze,
    VolumePreservingAffineTransformer,
    initialise_actnorm,
)
from retrodict.errors import ConditionError, ConfigurationError
from retrodict.networks import ConvolutionalNetwork


@pytest.mark.parametrize("pixel_bias", [True, False])
def test_a_convolutional_network_is_its_convolutions(pixel_bias):
    key_build, key_noise = jax.random.split(jax.random.key(5))
    network = ConvolutionalNetwork(2, 3, (4, 5), 6, pixel_bias=pixel_bias, key=key_build)
    network = randomise(network, key_noise)
    x = image(2, 4, 5)

    def convolved(layer, x, size):
        kernel = np.asarray(layer.weight).reshape(-1, len(x), size, size)
        sums = [
            sum(scipy.signal.correlate2d(c, k, mode="same") for c, k in zip(x, one, strict=True))
            for one in kernel
        ]
        return np.stack(sums) + np.asarray(layer.bias)[:, None, None]

    bias = np.asarray(network.pixel_bias) if pixel_bias else 0
    hidden = np.maximum(convolved(network.layers[0], x, 3) + bias, 0)
    hidden = np.maximum(convolved(network.layers[1], hidden, 1), 0)
    expected = convolved(network.last, hidden, 3)
    assert_allclose(network(jnp.asarray(x, jnp.float32)), expected, rtol=1e-4, atol=1e-4)


def image(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape)


def test_squeeze_takes_each_corner_of_the_squares():
    x = image(2, 4, 6)
    z = np.asarray(Squeeze((2, 4, 6)).forward(jnp.asarray(x, jnp.float32)))
    corners = [x[:, 0::2, 0::2], x[:, 0::2, 1::2], x[:, 1::2, 0::2], x[:, 1::2, 1::2]]
    assert_allclose(z, np.concatenate(corners), rtol=1e-6)


def test_haar_gives_the_averages_and_differences_of_the_squares():
    x = image(2, 4, 6)
    z = np.asarray(HaarDownsampling((2, 4, 6)).forward(jnp.asarray(x, jnp.float32)))
    for channel in range(2):
        for i in range(2):
            for j in range(3):
                (p, q), (r, s) = x[channel, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2]
                bands = np.array([p + q + r + s, p - q + r - s, p + q - r - s, p - q - r + s]) / 2
                assert_allclose(z[channel::2, i, j], bands, rtol=1e-5, atol=1e-6)


def test_haar_is_orthonormal():
    shape = (2, 4, 2)
    basis = jnp.eye(16).reshape(16, *shape)
    matrix = jax.vmap(HaarDownsampling(shape).forward)(basis).reshape(16, 16)
    assert_allclose(matrix @ matrix.T, np.eye(16), atol=1e-6)


def test_haar_of_a_constant_image_is_its_average_band():
    z = HaarDownsampling((1, 4, 4)).forward(jnp.ones((1, 4, 4)))
    assert_allclose(z[0], 2.0)
    assert_allclose(z[1:], 0.0)


@pytest.mark.parametrize("shape", [(1, 3, 2), (1, 2, 5), (4, 4), (0, 2, 2)])
@pytest.mark.parametrize("bijection", [Squeeze, HaarDownsampling])
def test_odd_images_cannot_be_halved(bijection, shape):
    with pytest.raises(ConfigurationError, match="even height and width"):
        bijection(shape)


@pytest.mark.parametrize("seed", range(3))
def test_an_invertible_convolution_starts_as_a_rotation(seed):
    matrix = InvertibleConvolution((5, 2, 2), key=jax.random.key(seed)).matrix
    assert_allclose(matrix @ matrix.T, np.eye(5), atol=1e-5)
    assert np.abs(np.asarray(matrix) - np.eye(5)).max() > 0.1


@pytest.mark.parametrize("seed", range(3))
def test_an_invertible_convolution_multiplies_every_pixel_by_one_matrix(seed):
    with jax.enable_x64(True):
        key_build, key_noise = jax.random.split(jax.random.key(seed))
        convolution = randomise(InvertibleConvolution((3, 2, 4), key=key_build), key_noise)
        x = image(3, 2, 4)
        z, log_det = convolution.forward_and_log_det(jnp.asarray(x))
        matrix = np.asarray(convolution.matrix)
    for i in range(2):
        for j in range(4):
            assert_allclose(z[:, i, j], matrix @ x[:, i, j], rtol=1e-10)
    assert_allclose(log_det, 8 * np.linalg.slogdet(matrix).logabsdet, rtol=1e-10)


def test_actnorm_gives_each_channel_mean_zero_and_variance_one():
    rows = 5 + np.array([1.0, 20.0])[:, None, None] * image(64, 2, 3, 2)
    data = jnp.asarray(rows, jnp.float32)
    started = initialise_actnorm(ActNorm((2, 3, 2)), data)
    assert started.loc.size == started.log_scale.size == 2
    z = np.asarray(jax.vmap(started.forward)(data))
    assert_allclose(z.mean(axis=(0, 2, 3)), [0, 0], atol=1e-4)
    assert_allclose(z.std(axis=(0, 2, 3)), [1, 1], rtol=1e-4)


def test_what_leaves_first_comes_first():
    x = jnp.asarray(image(4, 1, 2), jnp.float32)
    shapes = ((4, 1, 2), (3, 1, 2), (1, 1, 2))
    flow = MultiScale([ActNorm(shape) for shape in shapes])
    z = flow.forward(x)
    assert_allclose(z, np.concatenate([x[3].ravel(), x[1:3].ravel(), x[0].ravel()]))
    assert_allclose(flow.inverse(z), x)


def test_a_multi_scale_flow_is_its_stages():
    with jax.enable_x64(True):
        flow = multi_scale(jax.random.key(1))
        x, condition = jnp.asarray(image(1, 2, 4)), jnp.array([0.3, -1.0])
        z, log_det = eqx.filter_jit(flow.forward_and_log_det)(x, condition)
        of_first, of_last = (eqx.filter_jit(stage.forward_and_log_det) for stage in flow.stages)
        first, log_det_first = of_first(x, condition)
        last, log_det_last = of_last(first[:3], condition)
        assert_allclose(z, np.concatenate([first[3:].ravel(), last.ravel()]))
        assert_allclose(log_det, log_det_first + log_det_last)


def test_what_a_coupling_keeps_and_moves():
    key = jax.random.key(2)
    x = jnp.asarray(image(2, 3, 3), jnp.float32)
    channels = randomise(ConvolutionalCoupling(AffineTransformer(), x.shape, 1, key=key), key)
    z = np.asarray(eqx.filter_jit(channels.forward)(x))
    assert (z[0] == np.asarray(x[0])).all()
    assert (z[1] != np.asarray(x[1])).all()
    even = np.indices((3, 3)).sum(axis=0) % 2 == 0
    for keeps_even, kept in ((True, even), (False, ~even)):
        board = CheckerboardCoupling(AffineTransformer(), x.shape, keeps_even, key=key)
        z = eqx.filter_jit(randomise(board, key).forward)(x)
        assert (np.asarray(z == x) == kept).all()


def test_a_coupling_starts_as_the_identity():
    x = jnp.asarray(image(2, 3, 3), jnp.float32)
    for coupling in (
        ConvolutionalCoupling(AffineTransformer(), x.shape, 1, key=jax.random.key(0)),
        CheckerboardCoupling(AffineTransformer(), x.shape, True, key=jax.random.key(0)),
    ):
        assert_allclose(eqx.filter_jit(coupling.forward)(x), x)


def test_entries_of_an_image_can_be_tied():
    """Whichever transformer: one that preserves the volume does so over all that is moved."""
    key = jax.random.key(3)
    transformer = VolumePreservingAffineTransformer()
    x = jnp.asarray(image(3, 2, 2), jnp.float32)
    coupling = randomise(ConvolutionalCoupling(transformer, x.shape, 1, key=key), key)
    z, log_det = eqx.filter_jit(coupling.forward_and_log_det)(x)
    assert_allclose(log_det, 0.0, atol=1e-5)
    assert not np.allclose(z, x, atol=0.1)


def test_a_coupling_can_depend_on_an_image():
    key = jax.random.key(4)
    x = jnp.asarray(image(2, 2, 3), jnp.float32)
    condition = jnp.asarray(image(1, 2, 3, seed=1), jnp.float32)
    coupling = randomise(
        ConvolutionalCoupling(AffineTransformer(), x.shape, 0, (1, 2, 3), key=key), key
    )
    forward = eqx.filter_jit(coupling.forward)
    z = forward(x, condition)
    assert not np.allclose(z, forward(x, condition.at[0, 1, 1].add(1.0)), atol=1e-3)
    assert_allclose(eqx.filter_jit(coupling.inverse)(z, condition), x, atol=1e-4)
    with pytest.raises(ConditionError, match=r"\(1, 2, 3\)"):
        coupling.forward(x, jnp.zeros((1, 3, 2)))


KEY = jax.random.key(0)
AFFINE = AffineTransformer()


@pytest.mark.parametrize(
    "build",
    [
        lambda: ConvolutionalCoupling(AFFINE, (1, 4, 4), 0, key=KEY),
        lambda: ConvolutionalCoupling(AFFINE, (2, 4, 4), 2, (3,), key=KEY),
        lambda: ConvolutionalCoupling(AFFINE, (2, 4, 4), 1, (3, 2, 4), key=KEY),
        lambda: ConvolutionalCoupling(AFFINE, (2, 4), 1, key=KEY),
        lambda: ConvolutionalCoupling(AFFINE, (2, 4, 4), 1, width=0, key=KEY),
        lambda: CheckerboardCoupling(AFFINE, (3, 1, 1), True, key=KEY),
        lambda: InvertibleConvolution((3,), key=KEY),
        lambda: MultiScale([]),
        lambda: MultiScale([ActNorm((2, 2, 2)), ActNorm((2, 2, 2))]),
        lambda: MultiScale([ActNorm((2, 2, 2)), ActNorm((1, 2, 1))]),
        lambda: Reshape((2, 3), (5,)),
        lambda: Chain([Squeeze((1, 2, 2)), ActNorm((1, 2, 2))]),
    ],
)
def test_impossible_images_are_refused(build):
    with pytest.raises(ConfigurationError):
        build()
