"""The outcome table of a pilot: one row per unit and day, read, checked and held as arrays.

A unit is usually one SKU in one warehouse. It is under the old policy until its
start day and under the new one from then on; control units never start.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from invrl.errors import InvrlError, nearest

NEVER = np.iinfo(np.int64).max
"""Start day of a control unit."""

ROLES = (
    "unit", "date", "stockout", "inventory", "sales",
    "treated", "post", "treatment_date", "weight", "cluster",
)  # fmt: skip
OUTCOMES = {"stockout": ("stockout",), "turnover": ("inventory", "sales")}
"""Each outcome and the columns it is made of."""

Place = Callable[[int], str]


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


def read_table(
    path: Path,
    columns: Mapping[str, str] | None = None,
    outcomes: Sequence[str] = tuple(OUTCOMES),
    covariates: Sequence[str] = (),
    treatment: bool = True,
) -> PilotTable:
    """Read a long CSV or Parquet file.

    Args:
        path: the file; `.csv` (also compressed) or `.parquet`.
        columns: role -> column of the file where it is not called like the role; `unit` may
            name several columns, joined by commas: `sku,warehouse`.
        outcomes: which of `OUTCOMES` are wanted; their columns must be there.
        covariates: more columns, numbers or text, for the balance table.
        treatment: False for a panel without a pilot (planning, year on year without controls).

    Raises:
        InvrlError: the first thing wrong with the file, with its line.
    """
    from invrl.pilot.columns import load, numbers, per_unit, unit_days

    names = {role: role for role in ROLES} | _known(columns or {})
    needed = ["date", *dict.fromkeys(part for outcome in outcomes for part in OUTCOMES[outcome])]
    frame, place = load(path, names, needed, list(covariates), treatment)
    unit, labels, day = unit_days(frame, names, place)
    wanted = set(needed)
    outcome_columns = {
        role: numbers(frame, names[role], place, low=0.0, high=1.0 if role == "stockout" else None)
        if role in wanted
        else None
        for role in ("stockout", "inventory", "sales")
    }
    weight, cluster = np.ones(len(labels)), np.arange(len(labels))
    if names["weight"] in frame:
        weight = per_unit(numbers(frame, names["weight"], place, low=0.0), unit, labels, "weight")
    if names["cluster"] in frame:
        cluster = per_unit(_codes(frame[names["cluster"]]), unit, labels, "cluster")
    return PilotTable(
        unit=unit,
        day=day,
        names=labels,
        start=_starts(frame, names, place, unit, day, labels) if treatment else np.full(len(labels), NEVER),
        weight=weight,
        cluster=cluster,
        covariates={name: _covariate(frame[name]) for name in covariates},
        **outcome_columns,
    )


def _known(columns: Mapping[str, str]) -> dict[str, str]:
    for role in columns:
        if role not in ROLES:
            raise InvrlError(f"no column role `{role}`", hint=nearest(role, ROLES))
    return dict(columns)


def _codes(column: Any) -> np.ndarray:
    return np.unique(column.astype(str).to_numpy(), return_inverse=True)[1]


def _covariate(column: Any) -> np.ndarray:
    if column.dtype.kind in "biuf":
        return column.to_numpy(float)
    return column.astype(str).to_numpy().astype(str)


def _starts(
    frame: Any, names: Mapping[str, str], place: Place, unit: np.ndarray, day: np.ndarray, labels: np.ndarray
) -> np.ndarray:
    from invrl.pilot.columns import dates, numbers, per_unit

    treated = None
    if names["treated"] in frame:
        flag = numbers(frame, names["treated"], place, only=(0.0, 1.0))
        treated = per_unit(flag, unit, labels, "treated") > 0
    if names["treatment_date"] in frame:
        start = dates(frame, names["treatment_date"], place, missing=NEVER)
        start = per_unit(start, unit, labels, "treatment_date")
        if treated is not None and ((start != NEVER) != treated).any():
            name = labels[np.flatnonzero((start != NEVER) != treated)[0]]
            raise InvrlError(
                f"`treated` and `treatment_date` of unit {name} contradict each other",
                hint="a treated unit has a date, a control has none",
            )
        return start
    assert treated is not None  # load() asked for one of the two forms
    post = numbers(frame, names["post"], place, only=(0.0, 1.0)) > 0
    start = np.full(len(labels), NEVER)
    np.minimum.at(start, unit[post], day[post])
    back = treated[unit] & ~post & (day > start[unit])
    if back.any():
        row = int(np.flatnonzero(back)[0])
        raise InvrlError(
            f"{place(row)}: `post` of unit {labels[unit[row]]} goes back to 0",
            hint="a pilot that is switched off again is not supported: cut the table before that day",
        )
    late = treated & (start == NEVER)
    if late.any():
        name = labels[np.flatnonzero(late)[0]]
        raise InvrlError(f"unit {name} is treated but `post` is never 1", hint="set it from its first day on")
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
    start = table.start[table.unit]
    before = (start != NEVER) & (table.day < start)
    if not before.any():
        hint = "bring some weeks before the pilot, of all units"
        raise InvrlError("no treated unit has a day before its start", hint=hint)
    gone = np.setdiff1d(np.flatnonzero(table.treated), table.unit[before])
    if gone.size:
        table = table.rows(~np.isin(table.unit, gone))
        table = replace(table, start=np.where(np.isin(np.arange(len(table.start)), gone), NEVER, table.start))
        remarks.append(f"{gone.size} treated units without a day before their start were left out.")
    _enough_clusters(table)
    return table, remarks


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
    for wave in np.unique(table.start[present]):
        count = np.unique(table.cluster[present & (table.start == wave)]).size
        if count < 2:
            group = "the control group" if wave == NEVER else f"the wave that starts on {date(wave)}"
            raise InvrlError(
                f"{group} has {count} cluster: no error can be computed from it",
                hint="use finer clusters, or give units that start about the same day one date",
            )
