"""New training trajectories from old ones: each review cycle's demand from a random other pair.

Valid where demand is independent over time and all pairs of a block look alike to the policy,
so that nothing it sees contradicts the demand it meets. Only training episodes pass through here.
"""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from invrl.algorithms.contract import Problem
from invrl.devices import hosts
from invrl.errors import InvrlError
from invrl.simulator import Episode

SEEN = ("features", "demand_rate", "lead_time", "active", "measured", "initial", "scale", "spread", "weight")


def recombiner(problem: Problem) -> Callable[[Array, Episode], Episode]:
    """(key, block) -> the block that an update rolls out; as it is where `ds.recombine` is off."""
    ds = problem.config.ds
    if not ds.recombine:
        return lambda key, episode: episode
    refuse_unlike(problem)
    return lambda key, episode: recombined(key, episode, ds.copies)


def refuse_unlike(problem: Problem) -> None:
    """Recombining needs pairs that look the same on each day.

    Raises:
        InvrlError: pairs differ in what a policy sees.
    """
    names = SEEN + (("regressors",) if problem.config.reg in ("coeff", "both") else ())
    names += ("forecasts",) if problem.train.groups[0].episode.forecasts is not None else ()
    for group in problem.train.groups:
        real = group.index >= 0
        for name in names:
            values = np.moveaxis(hosts.fetch(getattr(group.episode, name)), -1, 1)[real]
            if not np.array_equal(values, np.broadcast_to(values[:1], values.shape)):
                raise InvrlError(
                    f"ds.recombine: the pairs differ in their {name}",
                    hint="it needs independent days and features without a pair's own demand, "
                    "as in Setting 1 (`--config independent`); or set ds.recombine=false",
                )


def recombined(key: Array, episode: Episode, copies: int) -> Episode:
    """`copies` of a block [..., N], side by side [..., copies * N].

    In each copy and cycle the demands of the pairs are a new random permutation of theirs;
    padding (weight 0, the last pairs of a block) stays out of it.
    """
    cycles, _, pairs = episode.demand.shape
    last = jnp.where(episode.weight > 0, 0.0, 2.0)
    order = jnp.argsort(jax.random.uniform(key, (copies, cycles, pairs)) + last, axis=-1)
    source = jnp.moveaxis(order, 0, 1).reshape(cycles, 1, copies * pairs)
    tiled = jax.tree.map(lambda x: jnp.tile(x, (1,) * (x.ndim - 1) + (copies,)), episode)
    return tiled.replace(demand=jnp.take_along_axis(episode.demand, source, axis=-1))
