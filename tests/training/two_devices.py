"""Trains on one device and on two, and compares; run with two forced host devices."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from retrodict.bijections import side_by_side
from retrodict.errors import ConfigurationError
from retrodict.training import TrainingConfig, train, train_online
from retrodict.training.sharding import along_one_axis, shared_by


def loss(model, batch, key):
    x, y = batch
    return jnp.mean((jax.vmap(model)(x) - y) ** 2)


def augment(batch, key):
    x, y = batch
    return x + 0.01 * jax.random.normal(key, x.shape, x.dtype), y


def simulate(key):
    x = jax.random.normal(key, (4,))
    return x, jnp.sin(x[:2])


mesh = jax.make_mesh((2,), ("devices",))
rng = np.random.default_rng(3)
x = rng.normal(size=(330, 4)).astype(np.float32)
y = np.sin(x[:, :2] * x[:, 2:])
model = eqx.nn.MLP(4, 2, 16, 1, key=jax.random.key(1))
config = TrainingConfig(batch_size=32, learning_rate=0.01, max_epochs=4, ema_decay=0.9)
held_out = (x[300:329], y[300:329])  # an odd number of rows, which does not divide
key = jax.random.key(2)

one, two = (
    train(
        model,
        loss,
        (x[:300], y[:300]),
        held_out,
        key=key,
        config=config,
        augment=augment,
        mesh=m,
    )
    for m in (None, mesh)
)
one_online, two_online = (
    train_online(model, loss, simulate, held_out, key=key, config=config, steps_per_epoch=9, mesh=m)
    for m in (None, mesh)
)
for a, b in [(one, two), (one_online, two_online)]:
    for p, q in zip(
        jax.tree.leaves(eqx.filter(a.model, eqx.is_array)),
        jax.tree.leaves(eqx.filter(b.model, eqx.is_array)),
        strict=True,
    ):
        np.testing.assert_allclose(p, q, rtol=2e-4, atol=2e-5)
    assert a.best_epoch == b.best_epoch > 0
    # What comes back lies where it can be used at once, not on both.
    assert len(q.sharding.device_set) == len(p.sharding.device_set) == 1

# Randomness in the loss differs between the devices; what comes back is the average.
drawn = jax.jit(
    shared_by(
        along_one_axis(mesh), lambda parameters, frozen, batch, key: (jax.random.uniform(key), None)
    )
)
own = [jax.random.uniform(jax.random.fold_in(key, i)) for i in range(2)]
assert own[0] != own[1]
np.testing.assert_allclose(drawn(x, None, x, key)[0], (own[0] + own[1]) / 2, rtol=1e-6)


# Models side by side: each device trains its own.
def members_loss(models, batch, key):
    return eqx.filter_vmap(lambda model: loss(model, batch, key))(models).mean()


def mean_loss(models, batch, key):
    x, y = batch
    predicted = eqx.filter_vmap(lambda model: jax.vmap(model)(x))(models).mean(axis=0)
    return jnp.mean((predicted - y) ** 2)


def one_of(models, i):
    return jax.tree.map(lambda leaf: leaf[i] if eqx.is_array(leaf) else leaf, models)


four = side_by_side([eqx.nn.MLP(4, 2, 16, 1, key=jax.random.key(i)) for i in range(4)])
members = jax.make_mesh((2,), ("members",))
one, two = (
    train(
        four,
        members_loss,
        (x[:300], y[:300]),
        held_out,
        key=key,
        config=config,
        augment=augment,
        validation_loss=mean_loss,
        # Of each model the last layer stands still, and yet every device has its own.
        trainable=eqx.tree_at(
            lambda tree: tree.layers[-1],
            jax.tree.map(eqx.is_inexact_array, four),
            replace_fn=lambda layer: jax.tree.map(lambda _: False, layer),
        ),
        mesh=m,
    )
    for m in (None, members)
)
for p, q in zip(
    *(jax.tree.leaves(eqx.filter(m, eqx.is_array)) for m in (one.model, two.model)),
    strict=True,
):
    np.testing.assert_allclose(p, q, rtol=2e-4, atol=2e-5)
assert one.best_epoch == two.best_epoch > 0
assert [record.validation_loss for record in two.history] == pytest.approx(
    [record.validation_loss for record in one.history], rel=1e-4
)
frozen, moved = two.model.layers[-1].weight, two.model.layers[0].weight
assert (frozen == four.layers[-1].weight).all()
assert (np.abs(moved - four.layers[0].weight).max(axis=(1, 2)) > 0.01).all()

# Adam does not see the size of a gradient, but what bounds its norm does.
numbers = jnp.arange(1.0, 5.0)
in_parts = jax.jit(
    shared_by(
        along_one_axis(members),
        lambda parameters, frozen, batch, key: jax.value_and_grad(lambda p: jnp.mean(p**2))(
            parameters
        ),
    )
)
found_loss, found_gradient = in_parts(numbers, None, x, key)
np.testing.assert_allclose(found_loss, 7.5, rtol=1e-6)
np.testing.assert_allclose(found_gradient, numbers / 2, rtol=1e-6)

# Three models do not divide by two devices.
three = one_of(four, slice(3))
with pytest.raises(ConfigurationError, match="evenly by 2 devices"):
    train(three, members_loss, (x, y), held_out, key=key, config=config, mesh=members)
