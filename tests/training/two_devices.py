"""Trains on one device and on two, and compares; run with two forced host devices."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from retrodict.training import TrainingConfig, train, train_online
from retrodict.training.sharding import data_parallel, shared_by


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
    assert len(q.sharding.device_set) == 2
    assert len(p.sharding.device_set) == 1

# Randomness in the loss differs between the devices; what comes back is the average.
drawn = jax.jit(
    shared_by(data_parallel(mesh), lambda parameters, batch, key: jax.random.uniform(key))
)
own = [jax.random.uniform(jax.random.fold_in(key, i)) for i in range(2)]
assert own[0] != own[1]
np.testing.assert_allclose(drawn(x, x, key), (own[0] + own[1]) / 2, rtol=1e-6)
