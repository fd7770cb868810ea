"""The state file: what is on hand and on order today, one row per pair, read in chunks.

sku, warehouse       who; without `warehouse` all rows are of one
on_hand              units, today's arrivals included (negative: backlog)
due_1, due_2, ...    units that arrive in 1, 2, ... days after the review; or instead
due_in_1, ...        the same, counted from the evening before: what is due in 1 is on hand by the review; or
pipeline, due        units on order in all, and in how many days they arrive; what is overdue (due <= 0, or
                     a column due_0) counts as due tomorrow, what comes later than the longest lead time that
                     the policy knows as due then
demand_1, ...        demand 1, 2, ... days ago (empty: unknown); else a panel tells it
<column>_0, ...      a known-ahead column today, tomorrow, ...
lead_time, review_period, review, do_not_order, pack_size, min_order, max_order,
mean_demand, sd_demand, and static columns: where a cell is empty, the default holds
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import numpy as np

from invrl.demand.panel import MOST
from invrl.errors import InvrlError
from invrl.sources.long import REGRESSORS
from invrl.tables.chunks import part, read_batches
from invrl.tables.columns import TINY, Columns, resolve
from invrl.tables.open import TableFile
from invrl.tables.unread import unread

WHOLE: dict[str, int | None] = {"lead_time": 0, "review_period": 1, "due": None}
"""Optional columns of whole days, and their least value."""
REAL = {
    "pipeline": 0.0, "review": 0.0, "do_not_order": 0.0, "pack_size": 0.0, "min_order": 0.0, "max_order": 0.0,
    "mean_demand": TINY, "sd_demand": 0.0,
}  # fmt: skip
"""Optional columns of numbers, and their least value."""
MUCH = f"it is at most {MOST:g}"
LONG = 1000
"""Days of the longest review period."""
FLAGS = ("review", "do_not_order")
"""Those of them that are yes or no: 1 and 0, or true and false."""


class State(NamedTuple):
    """Some rows of the state file; NaN where an optional cell is empty."""

    start: int  # the first row
    names: Any  # `pyarrow.Table` of the columns sku and warehouse
    on_hand: np.ndarray  # [B] units
    due: np.ndarray  # [L, B] units, due in 1..L days
    demand: np.ndarray | None  # [W, B] units a day, yesterday last
    numbers: dict[str, np.ndarray]  # name -> [B]
    ahead: dict[str, np.ndarray]  # name -> [H, B], today first
    moved: np.ndarray  # [B] bool: units on order are overdue, or due beyond the longest lead time

    @property
    def rows(self) -> int:
        return len(self.on_hand)


@dataclass(frozen=True)
class Layout:
    """Which columns a state file has.

    Attributes:
        names: our name -> the file's name, of all columns that are read.
        due, due_in, demand: days of the families `due_k`, `due_in_k` and `demand_k`; 0 for none.
        ahead: known-ahead column -> days of its family.
        static: the static columns among `names`.
        longest: L, the longest lead time that the policy knows, days.
        backlog: on hand may be negative.
    """

    file: TableFile
    names: dict[str, str]
    due: int
    due_in: int
    demand: int
    ahead: dict[str, int]
    static: tuple[str, ...]
    longest: int
    backlog: bool = False


def read_layout(
    file: TableFile,
    columns: Mapping[str, str],
    ahead: Iterable[str],
    static: Iterable[str],
    longest: int,
    backlog: bool,
) -> Layout:
    """What the file holds.

    Args:
        columns: our name -> the file's name.
        ahead, static: names of the panel's feature columns.
        longest, backlog: as in `Layout`.

    Raises:
        InvrlError: a column lacks, is there twice, or a family has a hole.
    """
    static = [name for name in static if name not in REAL and name not in WHOLE]
    overdue = "due_0" in file.names
    families = {"due": _family(file, "due", 0 if overdue else 1), "due_in": _family(file, "due_in", 1)}
    families["demand"] = _family(file, "demand", 1)
    coming = {name: _family(file, name, 0) for name in ahead}
    optional = ["warehouse", *WHOLE, *REAL, *REGRESSORS, *static]
    names = _resolve(file, columns, optional)
    ways = [way for way, used in (
        ("due_1", families["due"]), ("due_in_1", families["due_in"]), ("pipeline", "pipeline" in names),
    ) if used]  # fmt: skip
    if len(ways) > 1:
        hint = "say what is on order once, in one of the ways"
        raise file.fail(f"both `{ways[0]}` and `{ways[1]}`", hint=hint)
    if ("pipeline" in names) != ("due" in names):
        lacks = "due" if "pipeline" in names else "pipeline"
        hint = "`pipeline` units arrive in `due` days; or give columns due_1, due_2, ..."
        raise file.fail(f"no column `{lacks}`", hint=hint)
    for family in (*families.values(), *coming.values()):
        names |= {name: name for name in family}
    days = {name: len(family) for name, family in coming.items() if family}
    kept = tuple(name for name in static if name in names)
    others = [name for name in ("due", "due_1", "due_in_1", "demand_1") if name not in names]
    unread(file, names, {*optional, *others, *(f"{name}_0" for name in ahead)}, "--column ")
    return Layout(
        file, names, len(families["due"]) - overdue, len(families["due_in"]), len(families["demand"]),
        days, kept, longest, backlog,
    )  # fmt: skip


def _resolve(file: TableFile, columns: Mapping[str, str], optional: list[str]) -> dict[str, str]:
    try:
        return resolve(file, columns, ("sku", "on_hand"), optional)
    except InvrlError as error:  # the hint is for the config of a panel
        raise InvrlError(error.message, hint=error.hint.replace("data.columns.", "--column ")) from None


def _family(file: TableFile, name: str, first: int) -> list[str]:
    """The columns `name_first`, `name_first+1`, ... which must not leave out a number."""
    pattern = re.compile(re.escape(name) + r"_(0|[1-9]\d*)")
    found = sorted(int(match[1]) for match in map(pattern.fullmatch, file.names) if match)
    for wanted, number in enumerate(found, first):
        if number != wanted:
            raise file.fail(f"no column `{name}_{wanted}`, but `{name}_{number}`", hint="leave out no day")
    return [f"{name}_{number}" for number in found]


def read_states(layout: Layout, rows: int) -> Iterator[State]:
    """The file in chunks of `rows` rows.

    Raises:
        InvrlError: naming the line or row, the column and the value.
    """
    text = {layout.names[ours] for ours in ("sku", "warehouse") if ours in layout.names}
    guessed = {layout.names[ours] for ours in FLAGS if ours in layout.names}
    numbers = set(layout.names.values()) - text - guessed
    for start, table in read_batches(layout.file, sorted(text), sorted(numbers), sorted(guessed), rows):
        yield _state(layout, Columns(part(layout.file, start), layout.names, table), start)


def _state(layout: Layout, table: Columns, start: int) -> State:
    whole = {name: _optional(table, name, low, True) for name, low in WHOLE.items() if name in table}
    if "lead_time" in whole:
        hint = f"the policy was trained with lead times of at most {layout.longest} days"
        table.refuse("lead_time", whole["lead_time"] > layout.longest, "{}", hint)
    if "review_period" in whole:
        table.refuse("review_period", whole["review_period"] > LONG, "{}", f"at most {LONG} days")
    real = {name: _optional(table, name, low) for name, low in REAL.items() if name in table}
    for name, values in real.items():
        flag = name in FLAGS
        wrong = (values > 0) & (values != 1) if flag else values > MOST
        table.refuse(name, wrong, "{}", "1 or 0, true or false" if flag else MUCH)
    loose = {name: _optional(table, name) for name in (*REGRESSORS, *layout.static) if name in table}
    demand = [_optional(table, f"demand_{k}", 0) for k in range(layout.demand, 0, -1)]
    ahead = {
        name: np.stack([_optional(table, f"{name}_{k}") for k in range(days)])
        for name, days in layout.ahead.items()
    }
    names = table.table.select([table.names[ours] for ours in ("sku", "warehouse") if ours in table])
    due, moved = _due(layout, table, whole, real.get("pipeline"))
    history = np.stack(demand) if demand else None
    on_hand = _on_hand(layout, table)
    if layout.due_in:
        on_hand = on_hand + _units(table, "due_in_1")
    return State(start, names, on_hand, due, history, whole | real | loose, ahead, moved)


def _on_hand(layout: Layout, table: Columns) -> np.ndarray:
    """[B] units; below 0 only where unmet demand waits."""
    units = _units(table, "on_hand", None)
    if not layout.backlog:
        hint = "unmet demand is lost in this run: write 0, or train with supply.unmet=backlog"
        table.refuse("on_hand", units < 0, "{}, less than nothing", hint)
    return units


def _units(table: Columns, ours: str, low: float | None = 0) -> np.ndarray:
    """[B] units of a column that has no empty cells."""
    values = table.numbers(ours, low)
    table.refuse(ours, values > MOST, "{}", MUCH)
    return values


def _optional(table: Columns, ours: str, low: float | None = None, whole: bool = False) -> np.ndarray:
    """[B] float32; NaN where the cell is empty."""
    import pyarrow.compute as pc

    name = table.names[ours]
    column = table.table.column(name)
    empty = column.is_null(nan_is_null=True)
    mask = np.asarray(empty)
    if not mask.any():
        return np.asarray(
            table.whole(ours, None if low is None else int(low)) if whole else table.numbers(ours, low),
            np.float32,
        )
    if mask.all():
        return np.full(len(mask), np.nan, np.float32)
    filler = column.filter(pc.invert(empty))[0]  # any value that passes or fails by itself
    index = table.table.schema.get_field_index(name)
    filled = replace(table, table=table.table.set_column(index, name, pc.if_else(empty, filler, column)))
    return np.where(mask, np.nan, _optional(filled, ours, low, whole)).astype(np.float32)


def _due(
    layout: Layout, table: Columns, whole: Mapping[str, np.ndarray], pipeline: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray]:
    """[L, B] units due in 1..L days, and [B] where some were moved into these days."""
    longest = layout.longest
    due = np.zeros((longest, table.table.num_rows), np.float32)
    moved = np.zeros(table.table.num_rows, bool)
    parts = []
    if pipeline is not None:
        units, days = np.nan_to_num(pipeline), whole["due"]
        lost = (units > 0) & np.isnan(days)
        table.refuse("due", lost, "missing", "in how many days does the pipeline arrive?")
        parts.append((units, np.nan_to_num(days, nan=1)))
    for k in range(0 if "due_0" in layout.names else 1, layout.due + 1):
        parts.append((_units(table, f"due_{k}"), np.full(len(moved), k)))
    for k in range(2, layout.due_in + 1):
        parts.append((_units(table, f"due_in_{k}"), np.full(len(moved), k - 1)))
    for units, days in parts:
        row = np.flatnonzero(units)
        within = np.clip(days[row], 1, max(longest, 1)).astype(int)
        moved[row] |= within != days[row]
        if longest:
            due[within - 1, row] += units[row]
        else:
            table.refuse("on_hand", units > 0, "{} beside units on order", "the lead time is 0: none are")
    return due, moved
