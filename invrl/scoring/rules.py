"""From a policy and a part of the data to per-pair measures: exact, jitted once per policy."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any, NamedTuple

import jax
import numpy as np

from invrl.baselines.contract import Baseline
from invrl.config.schema import Config, Objective
from invrl.demand.episodes import Dataset
from invrl.demand.pieces import Pieces
from invrl.devices import placement
from invrl.metrics import Totals, float_sums, measures, totals
from invrl.policies.network import Policy
from invrl.simulator import Action, Episode, Observation, rollout


class Rule(NamedTuple):
    """Anything that orders: a learned policy or an incumbent, in the form evaluation runs."""

    act: Callable[[Any, Any, Observation], Action]
    """(shared parameters, the pairs' own numbers [k, B] or None, observation) -> Action."""
    prepare: Callable[[Episode], Episode] = lambda episode: episode


PROGRAMS = 32
"""Compiled policies that are kept: equal ones, which are one and the same, are compiled once."""


@lru_cache(PROGRAMS)
def learned(policy: Policy) -> Rule:
    return Rule(lambda params, own, seen: policy.act(params, seen))


def classical(baseline: Baseline, config: Config) -> Rule:
    return _classical(baseline, config.supply.unmet, config.objective)


@lru_cache(PROGRAMS)
def _classical(baseline: Baseline, unmet: str, objective: Objective) -> Rule:
    def act(_: Any, own: Any, seen: Observation) -> Action:
        order = baseline.decide(own, seen)
        return Action(order, (seen.position + order)[None])

    return Rule(act, lambda episode: baseline.prepare(episode, unmet, objective))


Simulate = Callable[..., dict[str, np.ndarray]]


def make_run(rule: Rule, unmet: str) -> Callable[[Any, Episode, Any, int], Totals]:
    """(shared, episode, own, devices) -> sums [blocks, B] of a group; traceable."""

    def run(shared: Any, episode: Episode, own: Any, devices: int) -> Totals:
        def block(shared: Any, given: tuple[Episode, Any]) -> Totals:
            episode, own = given

            tally = partial(totals, scale=episode.scale, whole=episode.whole)
            act = lambda seen, _: rule.act(shared, own, seen)
            return rollout(act, rule.prepare(episode), tally, unmet=unmet)[0]

        return placement.map_blocks(block, shared, (episode, own), devices)

    return run


def make_simulate(rule: Rule, config: Config) -> Simulate:
    """A function (shared, dataset, own=None) -> per-pair measures, compiled once per shape.

    `own` is [k, N'] over the pairs of the dataset, which may come in pieces. The measures are those of
    `metrics.measures`, each [N'], in the order of `dataset.pairs`.
    """
    sums = make_sums(rule, config)

    def simulate(
        shared: Any, dataset: Dataset | Pieces, own: np.ndarray | None = None
    ) -> dict[str, np.ndarray]:
        if isinstance(dataset, Dataset):
            return measured(dataset, sums(shared, dataset, own), config)
        found: dict[str, np.ndarray] = {}
        for position, piece in dataset:
            values = simulate(shared, piece, None if own is None else own[:, position])
            for name, value in values.items():
                found.setdefault(name, np.zeros(dataset.pairs.size, value.dtype))[position] = value
        return found

    return simulate


def make_sums(rule: Rule, config: Config) -> Callable[..., list[Totals]]:
    """A function (shared, dataset, own=None) -> sums [blocks, B] of each group, compiled once per shape."""
    run = _compiled(rule, config.supply.unmet)

    def sums(shared: Any, dataset: Dataset, own: np.ndarray | None = None) -> list[Totals]:
        return [
            run(
                placement.replicate(shared, group.devices),
                group.episode,
                own_blocks(group, own),
                group.devices,
            )
            for group in dataset.groups
        ]

    return sums


@lru_cache(PROGRAMS)
def _compiled(rule: Rule, unmet: str) -> Callable[..., Totals]:
    return jax.jit(make_run(rule, unmet), static_argnums=3)


def measured(dataset: Dataset, results: list[Totals], config: Config) -> dict[str, np.ndarray]:
    """The measures [N'] of a data set from its groups' sums [blocks, B]."""
    sums = float_sums(Totals(*dataset.gather(results)))
    return measures(sums, dataset.scale, config.objective, config.evaluation.turnover_cap)


def own_blocks(group: Any, own: np.ndarray | None) -> Any:
    """[k, N'] cut into the group's blocks: [blocks, k, B]."""
    if own is None:
        return None
    cut = np.moveaxis(np.asarray(own, np.float32)[:, np.maximum(group.index, 0)], 1, 0)
    return placement.put(cut, group.devices)
