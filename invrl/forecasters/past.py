"""What every forecaster is given: the panel's past, and how it is read without looking ahead."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from invrl.demand import masks
from invrl.demand.panel import Panel
from invrl.demand.timestep import STEPS, phase

Forecaster = Callable[["Past", tuple[int, ...]], Callable[[int], dict[str, np.ndarray]]]
"""(past, origins) -> a function of an origin: name of each forecast -> [H, N] units a day. At origin o the
days 0 .. o - 1 are known, and known-ahead columns of all days."""
LEVEL = {"day": 28, "week": 13, "month": 6}
"""Steps whose mean is the level of a series."""


@dataclass(frozen=True)
class Past:
    """A panel to forecast.

    Attributes:
        horizon: H, days from each origin on.
        quantiles: those wanted beside the mean, 0..1.
        first: the first origin; masked days before it are filled from the days before it.
    """

    panel: Panel
    horizon: int
    quantiles: tuple[float, ...]
    first: int

    @cached_property
    def demand(self) -> np.ndarray:
        """[T, N] units a day; recent demand on masked days."""
        return masks.filled(self.panel, slice(0, self.first))

    @cached_property
    def known(self) -> np.ndarray:
        """[T, N] bool: the day's demand is known."""
        found = masks.observed(self.panel)
        return np.ones(self.panel.demand.shape, bool) if found is None else found

    @property
    def cycle(self) -> float:
        """Days after which demand is like itself."""
        return STEPS[self.panel.step]

    @property
    def level_days(self) -> int:
        return LEVEL[self.panel.step]

    @cached_property
    def phases(self) -> np.ndarray:
        """[T + H] int: the day's place in its cycle."""
        days = np.arange(self.panel.days + self.horizon)
        return ((days + phase(self.panel.start, self.panel.step)) % self.cycle).astype(int)

    def sums(self, values: Any) -> np.ndarray:
        """[T + 1, N] sums of the days before each."""
        zero = np.zeros((1, self.panel.pairs))
        return np.concatenate([zero, np.cumsum(values, 0, dtype=np.float64)])

    def cut(self, forecast: np.ndarray, origin: int) -> np.ndarray:
        """[H, N] without demand on days that are closed, as far as the panel says."""
        if self.panel.open is None:
            return forecast
        held = self.panel.open[origin : origin + self.horizon]
        forecast[: len(held)] *= held
        return forecast
