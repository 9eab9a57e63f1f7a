"""Kullback-Leibler divergences in closed form."""

import jax.numpy as jnp

from retrodict.distributions.normal import Normal, StandardNormal
from retrodict.typing import Array, Float


def normal_kl(q: Normal, p: Normal | StandardNormal) -> Float[Array, "..."]:
    """KL(q_i || p_i) in nats for each of the independent entries of two normals.

        log(s_p / s_q) + (s_q^2 + (m_q - m_p)^2) / (2 s_p^2) - 1/2

    (Kingma & Welling 2013, arXiv:1312.6114, app. B). The sum is that of the joint
    distributions; its gradient is exact, without a draw from q.
    """
    if isinstance(p, StandardNormal):
        difference, log_ratio = q.loc, q.log_scale
    else:
        difference = (q.loc - p.loc) * jnp.exp(-p.log_scale)
        log_ratio = q.log_scale - p.log_scale
    return 0.5 * (jnp.expm1(2 * log_ratio) + difference**2) - log_ratio
