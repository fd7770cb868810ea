"""The trained policy of a run, ready to order for any pairs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from invrl import registry
from invrl.config.schema import Config
from invrl.demand.features import Known, features
from invrl.demand.supply import MAX_LEAD_TIME
from invrl.errors import InvrlError
from invrl.policies.heads import Head, aim, with_forecasts, with_unit
from invrl.policies.network import Policy, make_policy
from invrl.recommend.catalogue import Catalogue
from invrl.runs import checkpoints
from invrl.runs.arrays import read_arrays
from invrl.runs.directory import Run
from invrl.scoring.rules import Rule, classical, learned
from invrl.simulator import Observation
from invrl.training.session import own_forecasts


class Orderer(NamedTuple):
    """A run's policy."""

    rule: Rule
    shared: Any
    own: np.ndarray | None  # [k, N] an incumbent's numbers for the panel's pairs
    slots: int  # rows of the inventory it sees: on hand, then due in 1..L days
    target: Callable[[Any, Array, Observation], tuple[Array, Array]] | None
    """(own numbers, raw, observation) -> [B] units: the level to order up to, where there is one, and what
    counts against it"""
    projects: bool = False  # sales expected to be lost count, too
    coefficients: tuple[str, ...] = ()  # what the raw outputs weigh, where they are coefficients
    weighed: Callable[[Observation], Array] | None = None
    """observation -> [A, B] units a day: what the coefficients weigh"""


def load_orderer(run: Run, config: Config, catalogue: Catalogue) -> Orderer:
    """The trained policy of a run.

    Raises:
        InvrlError: it is not trained yet, was trained with other features, or needs to know the future.
    """
    if config.algo in registry.BASELINES:
        return _load_baseline(run, config, catalogue)
    own = own_forecasts(run)
    rows = _feature_rows(config, catalogue) + ("forecast" in config.features.groups) * len(own)
    slots = _width(run) - rows
    if slots < 1:
        raise InvrlError(f"{run.best} is of a network with other features", hint=checkpoints.OTHER)
    head = with_unit(registry.get("head", config.reg), float(catalogue.normaliser.typical))
    head = with_forecasts(head, own)
    policy = make_policy(config.network, head, rows, slots)
    shared = checkpoints.load(run.best, jax.eval_shape(policy.init, jax.random.key(0)))
    return network_orderer(policy, shared, slots, head)


def network_orderer(policy: Policy, shared: Any, slots: int, head: Head) -> Orderer:
    """The policy of a network with parameters `shared`."""
    level = head.level

    def target(own: Any, raw: Array, seen: Observation) -> tuple[Array, Array]:
        assert level is not None
        return level(aim(raw, head.terms(seen)), seen), head.counted(seen)

    return Orderer(
        learned(policy), shared, None, slots, target if level else None, head.projects,
        head.coefficients, lambda seen: head.terms(seen) * seen.demand_rate[None],
    )  # fmt: skip


def _load_baseline(run: Run, config: Config, catalogue: Catalogue) -> Orderer:
    if config.algo == "clairvoyant":
        raise InvrlError(
            "the clairvoyant knows the future: it cannot order today", hint="recommend from another run"
        )
    baseline = registry.get("baseline", config.algo)
    own = _own_numbers(run, baseline.size, catalogue)
    rule = classical(baseline, config)

    def target(own: Any, raw: Array, seen: Observation) -> tuple[Array, Array]:
        return baseline.target(own, seen)

    has_level = target if baseline.level else None
    return Orderer(rule, None, own, MAX_LEAD_TIME + 1, has_level, baseline.projects)


def _own_numbers(run: Run, count: int, catalogue: Catalogue) -> np.ndarray:
    """[k, N]; an incumbent tuned for all pairs together fits any panel."""
    shape = next(iter(_stored(run).values())).shape
    numbers = np.asarray(checkpoints.load(run.best, np.zeros((count, *shape[1:]), np.float32)))
    if (numbers == numbers[:, :1]).all():
        return np.repeat(numbers[:, :1], catalogue.panel.pairs, axis=1)
    if numbers.shape[1] != catalogue.panel.pairs:
        hint = "recommend without --data, or train it with baseline.per_pair=false"
        raise InvrlError(f"{run.name} was tuned pair by pair, for {numbers.shape[1]:,} pairs", hint=hint)
    return numbers


def _width(run: Run) -> int:
    """Inputs of the network."""
    kernels = [array for name, array in _stored(run).items() if "Linear_0" in name and "kernel" in name]
    if not kernels:
        raise InvrlError(f"{run.best} holds no network", hint=checkpoints.OTHER)
    return kernels[0].shape[1]


def _stored(run: Run) -> dict[str, np.ndarray]:
    try:
        return read_arrays(run.best)
    except FileNotFoundError:
        raise InvrlError(f"{run.name} is not trained yet", hint=f"invrl resume {run.path}") from None


def _feature_rows(config: Config, catalogue: Catalogue) -> int:
    """F of `Observation.features`."""
    one = jnp.ones((1,))
    known = Known(
        jnp.ones((1, 1)),
        jnp.ones((1, len(catalogue.panel.ahead), 1)),
        jnp.ones((len(catalogue.static), 1)),
        one,
        one,
    )
    day = jnp.ones((1, 1), int)
    shapes = jax.eval_shape(lambda known: features(known, day, day, 1, (0.0, 7.0), config.features)[0], known)
    return shapes.shape[1]
