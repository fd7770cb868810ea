"""The outcome table of a pilot: one row per unit and day, read, checked and held as arrays.

A unit is usually one SKU in one warehouse. It is under the old policy until its
start day and under the new one from then on; control units never start.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from invrl.errors import InvrlError
from invrl.pilot.columns import flags, load, per_unit, shares, start_days, unit_days
from invrl.tables.columns import Columns
from invrl.tables.whole import guarded, whole_file

NEVER = np.iinfo(np.int64).max
"""Start day of a control unit."""

OUTCOMES = {"stockout": ("stockout",), "turnover": ("inventory", "sales")}
"""Each outcome and the columns it is made of."""


@dataclass(frozen=True)
class PilotTable:
    """Daily outcomes of N units, M rows in long form.

    Attributes:
        unit: [M] int, which unit, an index into `names`.
        day: [M] int, days since 1970-01-01.
        stockout: [M] float or None, out of stock that day: 0, 1 or a share between.
        inventory: [M] float or None, units on hand at the end of the day, >= 0.
        sales: [M] float or None, units sold that day, >= 0.
        names: [N] str.
        start: [N] int, first day under the new policy; `NEVER` for controls.
        weight: [N] float >= 0, importance in means.
        cluster: [N] int, units with the same number may move together.
        covariates: name -> [M] float or str, compared before the pilot.
    """

    unit: np.ndarray
    day: np.ndarray
    stockout: np.ndarray | None
    inventory: np.ndarray | None
    sales: np.ndarray | None
    names: np.ndarray
    start: np.ndarray
    weight: np.ndarray
    cluster: np.ndarray
    covariates: dict[str, np.ndarray] = field(default_factory=dict)

    @property
    def treated(self) -> np.ndarray:
        """[N] bool: units that start at some day."""
        return self.start != NEVER

    @property
    def outcomes(self) -> list[str]:
        """The outcomes this table can answer for."""
        return [name for name, parts in OUTCOMES.items() if all(getattr(self, p) is not None for p in parts)]

    def rows(self, keep: np.ndarray) -> PilotTable:
        """The table with only the rows of a mask over M; units keep their numbers."""
        return replace(
            self,
            unit=self.unit[keep],
            day=self.day[keep],
            stockout=None if self.stockout is None else self.stockout[keep],
            inventory=None if self.inventory is None else self.inventory[keep],
            sales=None if self.sales is None else self.sales[keep],
            covariates={name: column[keep] for name, column in self.covariates.items()},
        )


def date(day: int) -> str:
    """`2024-07-01` from days since 1970-01-01."""
    return str(np.datetime64(int(day), "D"))


def counted(number: int, noun: str) -> str:
    """`1 unit`, `2 units`."""
    return f"{number} {noun}" + ("" if number == 1 else "s")


def dense_table(
    start: np.ndarray,
    stockout: np.ndarray | None = None,
    inventory: np.ndarray | None = None,
    sales: np.ndarray | None = None,
    first_day: str = "2024-01-01",
    cluster: np.ndarray | None = None,
    weight: np.ndarray | None = None,
) -> PilotTable:
    """A table from [T, N] arrays, such as what a simulator records.

    Args:
        start: [N] int, first treated day counted from 0; -1 for controls.
        stockout, inventory, sales: [T, N] daily outcomes, any of them None.
        first_day: the date of day 0.
        cluster: [N] int, default every unit its own.
        weight: [N] float, default 1.
    """
    shape = next(x.shape for x in (stockout, inventory, sales) if x is not None)
    days, units = shape
    zero = int(np.datetime64(first_day, "D").astype(int))

    def flat(x: np.ndarray | None) -> np.ndarray | None:
        return None if x is None else np.asarray(x, float).ravel()

    return PilotTable(
        unit=np.tile(np.arange(units), days),
        day=zero + np.repeat(np.arange(days), units),
        stockout=flat(stockout),
        inventory=flat(inventory),
        sales=flat(sales),
        names=np.arange(units).astype(str),
        start=np.where(start < 0, NEVER, zero + np.maximum(start, 0)),
        weight=np.ones(units) if weight is None else np.asarray(weight, float),
        cluster=np.arange(units) if cluster is None else np.unique(cluster, return_inverse=True)[1],
    )


def write_table(table: PilotTable, path: Path) -> None:
    """Write the outcomes that the table has as a new CSV file, in the form that `read_table` reads."""
    columns = {name: getattr(table, name) for name in ("stockout", "inventory", "sales")}
    found = {name: values for name, values in columns.items() if values is not None}
    starts = ["" if start == NEVER else date(start) for start in table.start]
    days = {day: date(day) for day in np.unique(table.day)}
    if path.exists():
        raise FileExistsError(17, "File exists", str(path))
    with whole_file(path) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        out = csv.writer(file)
        out.writerow(["unit", "date", "treatment_date", *found])
        for unit, day, *values in zip(table.unit, table.day, *found.values(), strict=True):
            out.writerow(
                [guarded(str(table.names[unit])), days[day], starts[unit], *(f"{x:g}" for x in values)]
            )


def read_table(
    path: Path,
    columns: Mapping[str, str] | None = None,
    outcomes: Sequence[str] = tuple(OUTCOMES),
    covariates: Sequence[str] = (),
    treatment: bool = True,
) -> PilotTable:
    """Read a long CSV or Parquet file.

    Args:
        path: the file, whatever its suffix.
        columns: role -> column of the file where it is not called like the role; `unit` may
            name several columns, joined by commas: `sku,warehouse`.
        outcomes: which of `OUTCOMES` are wanted; their columns must be there. Without a column
            `stockout`, a day is out of stock that ends with an inventory of 0.
        covariates: more columns, numbers or text, for the balance table.
        treatment: False for a panel without a pilot (planning, year on year without controls).

    Raises:
        InvrlError: the first thing wrong with the file, with its line.
    """
    needed = ["date", *dict.fromkeys(part for outcome in outcomes for part in OUTCOMES[outcome])]
    table, parts = load(path, columns or {}, needed, covariates, treatment)
    unit, labels, day = unit_days(table, parts)
    weight, cluster = np.ones(len(labels)), np.arange(len(labels))
    if "weight" in table:
        weight = per_unit(table, "weight", table.numbers("weight", low=0).astype(float), unit)
    if "cluster" in table:
        cluster = per_unit(table, "cluster", table.text("cluster")[0], unit)
    inventory = table.numbers("inventory", low=0).astype(float) if "inventory" in table else None
    stockout = shares(table, "stockout") if "stockout" in table else None
    if stockout is None and inventory is not None and "stockout" in outcomes:
        stockout = (inventory == 0).astype(float)
    return PilotTable(
        unit=unit,
        day=day,
        stockout=stockout,
        inventory=inventory,
        sales=table.numbers("sales", low=0).astype(float) if "sales" in table else None,
        names=labels,
        start=_starts(table, unit, day, labels) if treatment else np.full(len(labels), NEVER),
        weight=weight,
        cluster=cluster,
        covariates={name: _covariate(table, name) for name in covariates},
    )


def _covariate(table: Columns, name: str) -> np.ndarray:
    values, words = table.attribute(name)
    return values.astype(float) if words is None else words[values]


def _starts(table: Columns, unit: np.ndarray, day: np.ndarray, labels: np.ndarray) -> np.ndarray:
    if "treatment_date" in table:
        start = per_unit(table, "treatment_date", start_days(table, NEVER), unit)
        if "treated" in table:
            wrong = (start[unit] != NEVER) != flags(table, "treated")
            hint = "a treated unit has a treatment date on all its rows, a control has none"
            table.refuse("treated", wrong, "{}, against its treatment date", hint)
        return start
    treated = per_unit(table, "treated", flags(table, "treated"), unit)
    post = flags(table, "post")
    start = np.full(len(labels), NEVER)
    np.minimum.at(start, unit[post], day[post])
    back = treated[unit] & ~post & (day > start[unit])
    hint = "a pilot that is switched off again is not supported: cut the table before that day"
    table.refuse("post", back, "{} again after a day with 1", hint)
    late = treated & (start == NEVER)
    if late.any():
        name = labels[np.flatnonzero(late)[0]]
        raise table.file.fail(f"{name} is treated but `post` is never 1", hint="set it from its first day on")
    return np.where(treated, start, NEVER)


def settle(table: PilotTable) -> tuple[PilotTable, list[str]]:
    """The table ready to be compared, with remarks on what had to be left out.

    Raises:
        InvrlError: nothing treated, nothing to compare with, no days before the pilot,
            a start after the last day, or too few clusters for an error.
    """
    if not table.treated.any():
        raise InvrlError("no unit is treated", hint="pilot units have `treated` = 1 or a `treatment_date`")
    late = table.treated & (table.start > table.day.max())
    if late.any():
        i = int(np.flatnonzero(late)[0])
        raise InvrlError(
            f"{table.names[i]} starts on {date(table.start[i])}, the table ends on {date(table.day.max())}",
            hint="leave `treatment_date` empty for units not yet treated, or bring the later days",
        )
    table, remarks = _last_wave_as_control(table)
    weightless = np.flatnonzero(table.weight == 0)
    if weightless.size:
        table = _without(table, weightless)
        remarks.append(f"Left out: {counted(weightless.size, 'unit')} of weight 0.")
    start = table.start[table.unit]
    before = (start != NEVER) & (table.day < start)
    if not before.any():
        hint = "bring some weeks before the pilot, of all units"
        raise InvrlError("no treated unit has a day before its start", hint=hint)
    gone = np.setdiff1d(np.flatnonzero(table.treated), table.unit[before])
    if gone.size:
        table = _without(table, gone)
        remarks.append(f"Left out: {counted(gone.size, 'treated unit')} without a day before the start.")
    _enough_clusters(table)
    return table, remarks


def _without(table: PilotTable, units: np.ndarray) -> PilotTable:
    start = table.start.copy()
    start[units] = NEVER
    return replace(table.rows(~np.isin(table.unit, units)), start=start)


def _last_wave_as_control(table: PilotTable) -> tuple[PilotTable, list[str]]:
    if not table.treated.all():
        return table, []
    waves = np.unique(table.start)
    if waves.size == 1:
        raise InvrlError(
            "every unit is treated from the same day: there is no control",
            hint="bring units that kept the old policy, or see `invrl pilot year-on-year`",
        )
    last = waves[-1]
    table = replace(table, start=np.where(table.start == last, NEVER, table.start)).rows(table.day < last)
    return table, [
        f"No unit stays untreated: the last wave is the control, and no day from {date(last)} on is used."
    ]


def _enough_clusters(table: PilotTable) -> None:
    present = np.isin(np.arange(len(table.names)), table.unit)
    for wave in np.unique([*table.start[present], NEVER]):
        count = np.unique(table.cluster[present & (table.start == wave)]).size
        if count < 2:
            group = "the control group" if wave == NEVER else f"the wave that starts on {date(wave)}"
            raise InvrlError(
                f"{group} has {counted(count, 'cluster')}: no error can be computed from so few",
                hint="use finer clusters, or give units that start about the same day one date",
            )
