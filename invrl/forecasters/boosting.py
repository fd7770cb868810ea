"""Gradient boosting: one model for all pairs; quantiles beside the mean.

It sees lags, the season, known-ahead columns and attributes of the pair.

Demand is learned in multiples of the pair's level. A model learns from days before its own date alone, and is
fitted anew at a few origins; each origin uses the latest model before it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from invrl.errors import InvrlError
from invrl.forecasters.past import Past

REFITS = 3
ROWS = 120_000
"""Days forecast that a model learns from, drawn at random."""
WINDOWS = {
    "day": (1, 3, 7, 14, 28, 56),
    "week": (1, 2, 4, 8, 13, 26, 52),
    "month": (1, 2, 3, 6, 12),
}
"""Days of the trailing means."""
SETTINGS = {
    "max_iter": 80, "learning_rate": 0.08, "max_leaf_nodes": 31, "min_samples_leaf": 40,
    "early_stopping": False, "random_state": 0,
}  # fmt: skip
WEIGHT = 0.5
"""Power of the level that an example counts with: between counting pairs (0) and counting units (1)."""
MOST = 30.0
"""Multiples of the level that a model learns from: one wholesale order is no example."""


def boosting(past: Past, origins: tuple[int, ...]) -> Callable[[int], dict[str, np.ndarray]]:
    """Histogram gradient boosting of scikit-learn: Poisson loss for the mean, pinball loss for quantiles."""
    regressor = _regressor()
    table = Table(past)
    refits = [origins[k * len(origins) // REFITS] for k in range(min(REFITS, len(origins)))]
    models = {refit: _fitted(regressor, table, refit) for refit in sorted(set(refits))}

    def at(origin: int) -> dict[str, np.ndarray]:
        fitted = models[max(refit for refit in models if refit <= origin)]
        ahead, pair = (x.ravel() for x in np.indices((past.horizon, past.panel.pairs)))
        inputs, level = table.rows(np.full(len(pair), origin), ahead, pair)
        found = {}
        for name, model in fitted.items():
            units = np.maximum(model.predict(inputs), 0) * level
            found[name] = past.cut(units.reshape(past.horizon, -1).astype(np.float32), origin)
        return found

    return at


def _regressor() -> Any:
    try:
        from sklearn.ensemble import HistGradientBoostingRegressor
    except ImportError:
        raise InvrlError(
            "the forecaster `boosting` needs scikit-learn", hint="`pip install 'invrl[forecast]'`"
        ) from None
    return HistGradientBoostingRegressor


def _fitted(regressor: Any, table: Table, refit: int) -> dict[str, Any]:
    """Name -> model, of what was known on the morning of day `refit`."""
    rng = np.random.default_rng(refit)
    past = table.past
    target = rng.integers(2, refit, 4 * ROWS)
    ahead = rng.integers(0, past.horizon, target.size)
    pair = rng.integers(0, past.panel.pairs, target.size)
    usable = (target - ahead >= 2) & past.known[target, pair]
    target, ahead, pair = (x[usable][:ROWS] for x in (target, ahead, pair))
    if not target.size:
        raise InvrlError(f"no day before {past.panel.dates[refit]} to learn from", hint="a later --first")
    inputs, level = table.rows(target - ahead, ahead, pair)
    truth = np.minimum(past.panel.demand[target, pair] / level, MOST)
    models = {"": regressor(loss="poisson", **SETTINGS)}
    for share in past.quantiles:
        models[f"q{share:g}"] = regressor(loss="quantile", quantile=share, **SETTINGS)
    weight = level**WEIGHT / np.mean(level**WEIGHT)
    return {name: model.fit(inputs, truth, sample_weight=weight) for name, model in models.items()}


class Table:
    """The inputs of the models."""

    def __init__(self, past: Past):
        panel = past.panel
        self.past = past
        self.sums = past.sums(past.demand)
        self.squares = past.sums(past.demand**2)
        self.sold = past.sums(past.demand > 0)
        self.began = np.where((past.demand > 0).any(0), (past.demand > 0).argmax(0), panel.days)
        self.static = [np.unique(c, return_inverse=True)[1] if c.dtype.kind in "UO" else c
                       for c in panel.static.values()]  # fmt: skip

    def rows(self, origin: np.ndarray, ahead: np.ndarray, pair: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Inputs [R, F] of the days `origin + ahead`, from days before `origin`; levels [R], units a day."""
        past = self.past
        days = past.level_days

        def mean(sums: np.ndarray, last: np.ndarray, count: int) -> np.ndarray:
            """Of `count` days before `last`."""
            low = np.maximum(last - count, 0)
            return (sums[last, pair] - sums[low, pair]) / np.maximum(last - low, 1)

        ever = (self.sums[origin, pair] + 0.5) / origin
        level = (days * mean(self.sums, origin, days) + 4 * ever) / (days + 4)
        deviation = mean(self.squares, origin, days) - mean(self.sums, origin, days) ** 2
        columns = [mean(self.sums, origin, count) / level for count in WINDOWS[past.panel.step]]
        columns += [np.sqrt(np.maximum(deviation, 0)) / level, mean(self.sold, origin, days)]
        columns += self._season(origin, ahead, pair, level)
        columns += [np.log(level), ahead, past.phases[origin + ahead], origin - self.began[pair]]
        columns += [self._known(column, origin + ahead, pair) for column in past.panel.ahead.values()]
        columns += [column[pair] for column in self.static]
        return np.stack(columns, 1).astype(np.float32), level

    def _season(
        self, origin: np.ndarray, ahead: np.ndarray, pair: np.ndarray, level: np.ndarray
    ) -> list[np.ndarray]:
        """Demand of the same place in the last cycles: of the last one, and the mean of four."""
        cycle = round(self.past.cycle)
        wide = int(self.past.panel.step == "week")  # and the weeks beside it
        last = origin + ahead - cycle * (ahead // cycle + 1)
        found = []
        for back in range(4 if cycle < 12 else 2):
            day = last - back * cycle
            high, low = np.minimum(day + 1 + wide, origin), np.maximum(day - wide, 0)
            units = self.sums[np.maximum(high, 0), pair] - self.sums[low, pair]
            found.append(np.where(day >= 0, units / np.maximum(high - low, 1) / level, np.nan))
        known = np.isfinite(found)
        total = np.where(known, found, 0).sum(0)
        return [found[0], np.where(known.any(0), total / np.maximum(known.sum(0), 1), np.nan)]

    def _known(self, column: np.ndarray, day: np.ndarray, pair: np.ndarray) -> np.ndarray:
        """A known-ahead column on the days; NaN beyond the panel."""
        inside = day < len(column)
        return np.where(inside, column[np.where(inside, day, 0), pair], np.nan)
