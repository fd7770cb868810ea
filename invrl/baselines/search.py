"""Tuning an incumbent: every candidate of a grid simulated in one compiled program."""

from __future__ import annotations

import itertools
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from invrl.baselines.contract import FORECASTS, Baseline
from invrl.config.schema import Config, Objective
from invrl.demand.episodes import Dataset
from invrl.devices import placement
from invrl.metrics import Prices, day_cost
from invrl.simulator import Action, Episode, Observation, rollout


def fit(
    baseline: Baseline, dataset: Dataset, weight: np.ndarray, price: Prices, config: Config, forecast: str
) -> np.ndarray:
    """The best numbers on the training days, [k, 1] for all pairs or [k, N'] pair by pair.

    Searches the grid of `baseline.axes`, then a finer one around the winner.

    Args:
        weight: [N'] weights of the dataset's pairs.
        forecast: one of `FORECASTS`; the last number of a rule that orders by one.
    """
    if not baseline.axes:
        return np.zeros((0, 1))
    choice = (np.float32(FORECASTS.index(forecast)),) if baseline.has_safety_factor else ()
    axes = [np.linspace(low, high, steps) for low, high, steps in baseline.axes]
    best = _search(baseline, dataset, weight, price, config, _grid(axes, choice))
    if config.baseline.per_pair:
        return best
    steps = [axis[1] - axis[0] for axis in axes]
    lows = [low for low, _, _ in baseline.axes]
    around = np.linspace(-1, 1, 11)
    finer = [
        np.maximum(b + s * around, low) for b, s, low in zip(best[: len(lows), 0], steps, lows, strict=True)
    ]
    return _search(baseline, dataset, weight, price, config, _grid(finer, choice))


def _grid(axes: list[np.ndarray], last: tuple[np.float32, ...]) -> np.ndarray:
    """[G, k] every combination, `last` behind each."""
    return np.array([(*numbers, *last) for numbers in itertools.product(*axes)], np.float32)


def _search(
    baseline: Baseline, dataset: Dataset, weight: np.ndarray, price: Prices, config: Config, grid: np.ndarray
) -> np.ndarray:
    results = [
        _costs(
            grid,
            group.episode,
            price,
            baseline,
            config.objective,
            config.supply.unmet,
            group.devices,
        )
        for group in dataset.groups
    ]
    (costs,) = dataset.gather(results)  # [N', G]
    if config.baseline.per_pair:
        return grid[costs.argmin(1)].T
    return grid[[(weight @ costs).argmin()]].T


@partial(jax.jit, static_argnums=(3, 4, 5, 6))
def _costs(
    grid: Array,
    episodes: Episode,
    price: Prices,
    baseline: Baseline,
    objective: Objective,
    unmet: str,
    devices: int,
) -> Array:
    """[blocks, B, G] exact mean daily cost of each candidate."""

    def block(shared: tuple[Array, Prices], episode: Episode) -> Array:
        grid, price = shared

        def candidate(numbers: Array) -> Array:
            def act(seen: Observation, _: None) -> Action:
                return Action(baseline.decide(numbers, seen), seen.position[None])

            cost, _ = rollout(
                act,
                episode,
                lambda day: day_cost(day, episode.scale, price, objective),
                unmet=unmet,
            )
            return cost / jnp.maximum(episode.measured.sum((0, 1)), 1)

        return lax.map(candidate, grid).T

    return placement.map_blocks(block, (grid, price), episodes, devices)
