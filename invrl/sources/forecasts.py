"""Files of own forecasts: one row per pair, origin and target day, read in chunks.

sku, warehouse    who; without `warehouse`, `SKU@WAREHOUSE` where the panel has several
origin            the first day on whose morning the forecast was there; or instead
cutoff            the last day whose demand it knows: the day before its origin
date              the day that is forecast; or instead
horizon           1 for the first day after the cutoff, 2, ...
model             its name, where rows are of several models; `mean` and quantiles are then columns of each
everything else   a forecast per column, units a day: means, and quantiles by their names (`q0.9`, `gbm_q90`,
                  `LGBM-hi-80`); the truth (`y`, `demand`) is left out

The two passes over a file hold what orders need of it (days x pairs), never its rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from invrl.config.schema import Data
from invrl.demand import timestep
from invrl.demand.forecasts import NEVER, Sums
from invrl.demand.panel import Panel
from invrl.demand.timestep import BETWEEN, spoken, steps_from
from invrl.errors import InvrlError, nearest
from invrl.sources.forecast_columns import KEYS, MAP, Layout, read_layout
from invrl.sources.names import Names, PairIndex, names_of
from invrl.tables.chunks import part, read_batches
from invrl.tables.columns import Columns
from invrl.tables.open import NO_ROWS, TableFile, open_table

ROWS = 1 << 20
"""Rows in memory at a time."""


@dataclass(frozen=True)
class Wanted:
    """Which sums are wanted.

    Attributes:
        sku, warehouse: [N] str.
        start: the first of D review days; step: the panel's.
        cover: [D, N] days that an order must last.
        review: [D, N] bool, the reviews that need a forecast.
        end: days of the panel from `start` on; later targets may miss.
        others: pairs of the file that are not wanted may be there.
        gaps: a review may be without a forecast.
    """

    sku: np.ndarray
    warehouse: np.ndarray
    start: np.datetime64
    step: str
    cover: np.ndarray
    review: np.ndarray
    end: int
    others: bool
    gaps: bool

    def when(self, step: int) -> np.datetime64:
        """The date of a step, counted from `start`."""
        return timestep.dates_at(self.start, int(step), self.step)

    def name(self, pair: int) -> str:
        return f"{self.sku[pair]}@{self.warehouse[pair]}"


def with_forecasts(panel: Panel, data: Data) -> Panel:
    """The panel with the forecasts of the config's files.

    Args:
        panel: with supply filled in.

    Raises:
        InvrlError: anything wrong in a file, with its place.
    """
    if not data.forecasts:
        return panel
    assert panel.lead_time is not None and panel.review_period is not None and panel.first_review is not None
    days = np.arange(panel.days)[:, None]
    since = days - panel.first_review
    fill = data.forecast_gaps == "fill"
    wanted = Wanted(
        panel.sku, panel.warehouse, panel.start, panel.step,
        np.broadcast_to(panel.lead_time + panel.review_period, panel.demand.shape),
        (since >= 0) & (since % panel.review_period == 0), panel.days, others=fill, gaps=fill,
    )  # fmt: skip
    return replace(panel, forecasts=read_forecasts(data.forecasts, data, wanted))


def read_forecasts(
    paths: Sequence[str | Path], data: Data, wanted: Wanted, owner: str = ""
) -> dict[str, np.ndarray]:
    """Name -> [D, N] units a day, the mean over what an order must last; NaN where nothing is forecast.

    Args:
        owner: what plain columns `mean` and `q0.9` are called after; empty: their file.
    """
    found: dict[str, np.ndarray] = {}
    for path in paths:
        file = open_table(path)
        layout = read_layout(file, data.forecast_columns, data.forecast_models, owner)
        new = Reading(file, layout, wanted).sums()
        twice = next((name for name in new if name in found), None)
        if twice:
            raise file.fail(f"forecast `{twice}` is in another file, too", hint="rename its column or model")
        found |= new
    unknown = next((name for name in data.forecast_models if name not in found), None)
    if unknown:
        raise InvrlError(f"no forecast `{unknown}` in the files", hint=nearest(unknown, found))
    return found


KNOWN = {
    "origin": "`origin` is the first day that the forecast may be used on",
    "cutoff": "`cutoff` is the last day whose demand the forecast knows",
}


class Rows(NamedTuple):
    """Some rows of a file; days count from the first review day."""

    model: np.ndarray
    pair: np.ndarray
    origin: np.ndarray
    target: np.ndarray
    kept: np.ndarray  # bool: the pair is wanted


@dataclass
class Reading:
    """A file that is being read."""

    file: TableFile
    layout: Layout
    wanted: Wanted
    models: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.index = PairIndex(self.wanted.sku, self.wanted.warehouse)
        self.named = "warehouse" in self.layout.names

    def sums(self) -> dict[str, np.ndarray]:
        """Name of forecast -> [D, N]."""
        sums = Sums(self.wanted.cover, self.layout.centres, self.wanted.end)
        rows = 0
        for table in self._tables([]):
            found = self._rows(table)
            rows += len(found.model)
            sums.note(*(x[found.kept] for x in found[:4]))
        if not rows:
            raise self.file.fail(*NO_ROWS)
        sums.noted()
        self._check_begun(sums)
        for table in self._tables(self.layout.values):
            found = self._rows(table)
            model, pair, origin, target = (x[found.kept] for x in found[:4])
            again = sums.add(model, pair, origin, target, self._values(table)[:, found.kept])
            if again is not None:
                self._refuse_repeat(table, found, int(np.flatnonzero(found.kept)[again]))
        return self._named(*sums.means(), sums)

    def _tables(self, values: list[str]) -> Iterator[Columns]:
        names = {ours: name for ours, name in self.layout.names.items() if ours in KEYS or ours in values}
        text = {ours for ours in names if ours in ("sku", "warehouse", "model")}
        dates = {ours for ours in names if ours in ("origin", "cutoff", "date")}
        numbers = set(names) - text - dates
        first, second, third = ([names[ours] for ours in sorted(kind)] for kind in (text, numbers, dates))
        for start, table in read_batches(self.file, first, second, third, ROWS):
            if table.num_rows:
                yield Columns(part(self.file, start), names, table)

    def _rows(self, table: Columns) -> Rows:
        model = np.zeros(table.table.num_rows, np.int64)
        if "model" in table:
            codes, words = table.text("model")
            for word in words:
                self.models.setdefault(str(word), len(self.models))
            model = np.array([self.models[str(word)] for word in words])[codes]
        pair = self._pairs(table)
        known = "origin" if "origin" in table else "cutoff"
        origin = self._days(table, known) + (known == "cutoff")
        if "date" in table:
            target = self._days(table, "date")
            table.refuse("date", target < origin, f"{{}}, a day that is known at its {known}", KNOWN[known])
        else:
            target = origin + table.whole("horizon", 1) - 1
        return Rows(model, pair, origin, target, pair >= 0)

    def _days(self, table: Columns, ours: str) -> np.ndarray:
        step = self.wanted.step
        steps = steps_from(self.wanted.start, table.days(ours), step)
        hint = f"the panel has one row every {step}: write the date that it has for the {step}"
        table.refuse(ours, steps == BETWEEN, f"{{}}, between two {step}s of the panel", hint)
        return steps

    def _pairs(self, table: Columns) -> np.ndarray:
        """[rows] which of the wanted pairs each row is, -1 for none."""
        names = names_of(table)
        pair = self.index.find(names) if "warehouse" in table else self.index.find_words(names)
        unknown = pair < 0
        if unknown.any() and not self.wanted.others:
            table.refuse("sku", unknown, "{}" + self._whose(names, unknown), self._unknown_hint())
        return pair

    def _whose(self, names: Names, unknown: np.ndarray) -> str:
        place = f" in {names.warehouses[names.warehouse[np.argmax(unknown)]]}" if self.named else ""
        return f"{place}, a pair that the panel does not have"

    def _unknown_hint(self) -> str:
        if not self.named and not self.index.one_warehouse:
            return f"the panel has several warehouses: `{MAP}warehouse=NAME`, or write {self.wanted.name(0)}"
        return f"it has such as {self.wanted.name(0)}; `data.forecast_gaps=fill` leaves unknown pairs out"

    def _values(self, table: Columns) -> np.ndarray:
        """[K, rows] units a day."""
        out = np.empty((len(self.layout.values), table.table.num_rows), np.float32)
        for k, name in enumerate(self.layout.values):
            out[k] = table.numbers(name)
            table.refuse(name, out[k] < 0, "{}", "demand is at least 0: clip the forecast")
        return out

    def _check_begun(self, sums: Sums) -> None:
        if (sums.origin == NEVER).all():
            last = self.wanted.when(len(self.wanted.cover) - 1)
            hint = "the latest origin at or before a review counts: nothing looks ahead"
            raise self.file.fail(f"every origin is later than {last}", hint=hint)

    def _refuse_repeat(self, table: Columns, rows: Rows, row: int) -> None:
        who = self.wanted.name(rows.pair[row])
        origin, target = self.wanted.when(rows.origin[row]), self.wanted.when(rows.target[row])
        text = f"{who} has two forecasts of origin {origin} for {target}"
        raise table.file.fail(text, hint="keep one row per pair, origin and day (and model)", row=row)

    def _named(self, means: np.ndarray, lacking: np.ndarray, sums: Sums) -> dict[str, np.ndarray]:
        names = list(self.models) or [""]
        if not self.wanted.gaps:
            self._check_complete(names, lacking, sums)
        found = {
            self.layout.label(column, model): means[k, m]
            for m, model in enumerate(names)
            for k, column in enumerate(self.layout.values)
        }
        return {name: x for name, x in found.items() if not self.layout.wanted or name in self.layout.wanted}

    def _check_complete(self, names: list[str], lacking: np.ndarray, sums: Sums) -> None:
        """Refuse a review whose forecast ends too early, or a pair without one where others have theirs."""
        wanted, hint = self.wanted, "or `data.forecast_gaps=fill` takes the seasonal mean there"
        short = np.argwhere(lacking & wanted.review)
        if short.size:
            m, day, pair = short[0]
            cover, origin = wanted.cover[day, pair], sums.origin[m, day, pair]
            text = spoken(f"{wanted.name(pair)} must last {cover} days from {wanted.when(day)}", wanted.step)
            latest = f"the latest forecast of them ({wanted.when(origin)}) ends too early"
            need = f"each must reach {cover + day - origin} days from its origin (or come more often), "
            need = spoken(need, wanted.step) + hint
            raise self.file.fail(f"{self._of(names[m])}{text}, {latest}", hint=need)
        for m, name in enumerate(names):
            never = sums.origin[m] == NEVER
            begun = np.maximum.accumulate(~never.all(1))  # [D] somebody has a forecast
            bad = np.argwhere(never & begun[:, None] & wanted.review)
            if bad.size:
                day, pair = bad[0]
                text = f"{wanted.name(pair)} has no forecast on {wanted.when(day)}, others have one"
                hint = f"forecast every pair from the same origin on, {hint}"
                raise self.file.fail(self._of(name) + text, hint=hint)

    def _of(self, model: str) -> str:
        return f"{model}: " if model else ""
