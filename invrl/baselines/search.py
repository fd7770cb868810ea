"""Tuning an incumbent: every candidate of a grid simulated in one compiled program."""

from __future__ import annotations

import itertools
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from invrl.baselines.contract import Baseline
from invrl.baselines.forecasts import FORECASTS, narrowed
from invrl.baselines.levels import DISTRIBUTIONS
from invrl.config.schema import Config, Objective
from invrl.demand.episodes import Dataset
from invrl.demand.forecasts import is_quantile
from invrl.devices import placement
from invrl.metrics import Prices, day_cost
from invrl.simulator import Action, Episode, Observation, rollout


class Outlook(NamedTuple):
    """By what a rule with a safety factor orders."""

    forecast: str  # one of `FORECASTS`, or of `own`
    distribution: str = "normal"  # one of `DISTRIBUTIONS`
    own: tuple[str, ...] = ()  # the panel's own forecasts

    @property
    def numbers(self) -> tuple[int, int]:
        """The last two numbers of such a rule."""
        return list(DISTRIBUTIONS).index(self.distribution), (*FORECASTS, *self.own).index(self.forecast)

    @property
    def is_level(self) -> bool:
        """The forecast is a quantile: itself what to order up to, without a safety factor."""
        return self.forecast in self.own and is_quantile(self.forecast)


class Fitted(NamedTuple):
    numbers: np.ndarray  # [k, 1] for all pairs, or [k, N'] pair by pair
    cost: float  # objective on the training days


def fit(
    baseline: Baseline, dataset: Dataset, weight: np.ndarray, price: Prices, config: Config, outlook: Outlook
) -> Fitted:
    """The best numbers on the training days.

    Searches the grid of `baseline.axes`, then a finer one around the winner.

    Args:
        weight: [N'] weights of the dataset's pairs.
        outlook: that of a rule that orders by one; its last two numbers.
    """
    if not baseline.axes:
        return Fitted(np.zeros((0, 1)), np.nan)
    search = partial(_search, baseline, dataset, weight, price, config, outlook)
    axes = [np.linspace(low, high, steps) for low, high, steps in baseline.axes]
    if outlook.is_level:
        axes[0] = np.zeros(1)
    best = search(_grid(axes))
    if not config.baseline.per_pair:
        finer = [
            np.maximum(found + np.diff(axis[:2]).sum() * np.linspace(-1, 1, len(axis)), axis[0])
            for found, axis in zip(best.numbers[:, 0], axes, strict=True)
        ]  # as many steps: the program is compiled once
        best = search(_grid(finer))
    if not baseline.has_safety_factor:
        return best
    last = np.repeat(np.array(outlook.numbers, np.float32)[:, None], best.numbers.shape[1], axis=1)
    return best._replace(numbers=np.concatenate([best.numbers, last]))


def _grid(axes: list[np.ndarray]) -> np.ndarray:
    """[G, axes] every combination."""
    return np.array(list(itertools.product(*axes)), np.float32)


def _search(
    baseline: Baseline,
    dataset: Dataset,
    weight: np.ndarray,
    price: Prices,
    config: Config,
    outlook: Outlook,
    grid: np.ndarray,
) -> Fitted:
    distribution, forecast = outlook.numbers
    rule = (baseline, distribution, config.objective, config.supply.unmet)
    results = [
        _costs(grid, np.int32(forecast), group.episode, price, rule, group.devices)
        for group in dataset.groups
    ]
    (costs,) = dataset.gather(results)  # [N', G]
    if config.baseline.per_pair:
        return Fitted(grid[costs.argmin(1)].T, float(weight @ costs.min(1) / weight.sum()))
    means = weight @ costs / weight.sum()
    return Fitted(grid[[means.argmin()]].T, float(means.min()))


@partial(jax.jit, static_argnums=(4, 5))
def _costs(
    grid: Array,
    forecast: Array,
    episodes: Episode,
    price: Prices,
    rule: tuple[Baseline, int, Objective, str],
    devices: int,
) -> Array:
    """[blocks, B, G] exact mean daily cost of each candidate."""
    baseline, distribution, objective, unmet = rule

    def block(shared: tuple[Array, Array, Prices], episode: Episode) -> Array:
        grid, forecast, price = shared
        episode = baseline.prepare(episode, unmet, objective)
        outlook: tuple[int, ...] = ()
        if baseline.has_safety_factor:
            episode, outlook = narrowed(episode, forecast), (distribution, 0)

        def candidate(numbers: Array) -> Array:
            def act(seen: Observation, _: None) -> Action:
                return Action(baseline.decide((*numbers, *outlook), seen), seen.position[None])

            cost, _ = rollout(
                act,
                episode,
                lambda day: day_cost(day, episode.scale, price, objective, whole=episode.whole),
                unmet=unmet,
            )
            return cost / jnp.maximum(episode.measured.sum((0, 1)), 1)

        return lax.map(candidate, grid).T

    return placement.map_blocks(block, (grid, forecast, price), episodes, devices)
