"""Own forecasts: what a planner's system says of coming days, summed over what an order must last.

A forecast has an origin, the first day on whose morning it was there; a review of day t uses the latest
origin at or before t, and of that the days t .. t + lead time + review period - 1, no other. So nothing looks
ahead. The mean of these days, units a day, is what networks, coefficients and incumbents see.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

NEVER = -(2**30)
"""Origin of what is not forecast."""
MOST = 2**32
"""Rows, if every pair had every origin and day, up to which repeats are looked for: a byte each."""
LEVELS = (
    r"(?:(?P<stem>.+)[-_.])?[qp][-_]?(?P<level>0?\.\d+|\d{1,2}(?:\.\d+)?)",
    r"(?:(?P<stem>.+)[-_])?(?P<level>0?\.\d+)",
    r"(?P<stem>.+)-(?P<side>lo|hi)-(?P<level>\d{1,2}(?:\.\d+)?)",
    r"(?:(?P<stem>.+)[-_])?(?P<level>median)",
)
"""Names of quantiles: `q0.9`, `gbm_q90`, `0.9`, `LGBM-hi-80` (the upper end of 80 %), `LGBM-median`."""


class Meaning(NamedTuple):
    """What the name of a forecast says.

    Attributes:
        stem: the forecast that it is a quantile of; empty for a plain `q0.9`. Of a mean, its own name.
        quantile: 0..1; None for a mean.
    """

    stem: str
    quantile: float | None


def meaning(name: str) -> Meaning:
    """A mean, or a quantile of what."""
    for pattern in LEVELS:
        match = re.fullmatch(pattern, name)
        if match:
            parts = match.groupdict()
            return Meaning(parts["stem"] or "", _level(parts["level"], parts.get("side")))
    return Meaning(name, None)


def _level(text: str, side: str | None) -> float:
    if text == "median":
        return 0.5
    value = float(text) if float(text) < 1 else float(text) / 100
    return {"lo": (1 - value) / 2, "hi": (1 + value) / 2}.get(str(side), value)


def is_quantile(name: str) -> bool:
    return meaning(name).quantile is not None


@dataclass
class Sums:
    """Sums over protection intervals, from rows in any order: `note` all, then `add` all.

    Days count from the first review day; origins and targets may lie before it or after the last.

    Attributes:
        cover: [D, N] days that an order must last: lead time + review period.
        centres: for each of the K value columns the column whose deviations it is measured by, or -1: a
            quantile adds up by its distance to the mean, as of days that are independent, not by itself.
        end: targets from here on may miss: no day of the panel.
    """

    cover: np.ndarray
    centres: list[int]
    end: int
    origin: np.ndarray = field(init=False)  # [M, D, N] the latest origin known on the day
    total: np.ndarray = field(init=False)  # [K, M, D, N] units, or signed squared deviations
    seen: np.ndarray = field(init=False)  # [M * D * N, C] which of the days are there
    given: np.ndarray = field(init=False)  # [M * N * origins * reach] how often each row was there
    origins: np.ndarray = field(init=False)  # all origins, in order
    reach: int = 1  # the longest horizon, days

    def __post_init__(self) -> None:
        self.origin = np.full((0, *self.cover.shape), NEVER, np.int32)
        self.origins = np.zeros(0, np.int64)

    def note(self, model: np.ndarray, pair: np.ndarray, origin: np.ndarray, target: np.ndarray) -> None:
        """Rows [R] of model 0, 1, ..., pair, origin and target day."""
        if not len(model):
            return
        low = int(origin.min())
        self.origins = np.union1d(self.origins, np.flatnonzero(np.bincount(origin - low)) + low)
        self.reach = max(self.reach, int((target - origin).max()) + 1)
        more = int(model.max()) + 1 - len(self.origin)
        if more > 0:
            new = np.full((more, *self.cover.shape), NEVER, np.int32)
            self.origin = np.concatenate([self.origin, new])
        kept = origin < len(self.cover)
        cell = self._cell(model[kept], np.maximum(origin[kept], 0), pair[kept])
        np.maximum.at(self.origin.reshape(-1), cell, origin[kept].astype(np.int32))

    def noted(self) -> None:
        """All rows were noted."""
        self.origin = np.maximum.accumulate(self.origin, axis=1)
        self.total = np.zeros((len(self.centres), self.origin.size), np.float32)
        self.seen = np.zeros((self.origin.size, int(self.cover.max())), np.uint8)
        rows = len(self.origin) * self.cover.shape[1] * len(self.origins) * self.reach
        self.given = np.zeros(rows if rows < MOST else 0, np.uint8)

    def _cell(self, model: np.ndarray, day: np.ndarray, pair: np.ndarray) -> np.ndarray:
        days, pairs = self.cover.shape
        return (model.astype(np.int64) * days + day) * pairs + pair

    def add(
        self, model: np.ndarray, pair: np.ndarray, origin: np.ndarray, target: np.ndarray, values: np.ndarray
    ) -> int | None:
        """Rows [R] with values [K, R]; returns a row that was there before, or None."""
        values = self._deviations(values)
        again = self._again(model, pair, origin, target)
        row, day = np.arange(len(pair)), np.maximum(origin, 0)
        while row.size:
            inside = (day < len(self.cover)) & (day <= target[row])
            row, day = row[inside], day[inside]
            cell = self._cell(model[row], day, pair[row])
            latest = self.origin.reshape(-1)[cell] == origin[row]
            row, day, cell = row[latest], day[latest], cell[latest]
            ahead = target[row] - day
            used = ahead < self.cover[day, pair[row]]
            place = cell[used] * self.seen.shape[1] + ahead[used]
            self.seen.reshape(-1)[place] = 1
            for total, value in zip(self.total, values, strict=True):
                np.add.at(total, cell[used], value[row[used]])
            day = day + 1
        return again

    def _again(
        self, model: np.ndarray, pair: np.ndarray, origin: np.ndarray, target: np.ndarray
    ) -> int | None:
        if not self.given.size:
            return None
        series = model * self.cover.shape[1] + pair
        place = (series * len(self.origins) + np.searchsorted(self.origins, origin)) * self.reach
        place += target - origin
        np.add.at(self.given, place, 1)
        twice = np.flatnonzero(self.given[place] > 1)
        return int(twice[-1]) if twice.size else None

    def _deviations(self, values: np.ndarray) -> np.ndarray:
        found = values.copy()
        for k, centre in enumerate(self.centres):
            if centre >= 0:
                off = values[k] - values[centre]
                found[k] = np.sign(off) * off**2
        return found

    def means(self) -> tuple[np.ndarray, np.ndarray]:
        """[K, M, D, N] units a day, NaN where days miss; and [M, D, N] whether they do although begun."""
        count = self.seen.sum(-1, dtype=np.int32).reshape(self.origin.shape)
        days, pairs = self.cover.shape
        held = np.clip(self.end - np.arange(days), 0, None)[:, None]
        least = np.minimum(self.cover, held)
        first = np.arange(self.seen.shape[1]) < least[..., None]  # [D, N, C]
        seen = self.seen.reshape(len(self.origin), days, pairs, -1) > 0
        complete = (seen | ~first).all(-1) & (count > 0)
        per_day = self.total.reshape(-1, *self.origin.shape) / np.maximum(count, 1)
        out = per_day.copy()
        for k, centre in enumerate(self.centres):
            if centre >= 0:
                spread = np.sqrt(np.abs(per_day[k]) / self.cover)
                out[k] = per_day[centre] + np.sign(per_day[k]) * spread
        begun = self.origin > NEVER
        return np.where(complete, np.maximum(out, 0), np.float32(np.nan)).astype(
            np.float32
        ), begun & ~complete
