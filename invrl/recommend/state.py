"""The state file: what is on hand and on order today, one row per pair, read in chunks.

sku, warehouse       who; without `warehouse` all rows are of one
on_hand              units, today's arrivals included (negative: backlog)
due_1, due_2, ...    units that arrive in 1, 2, ... days; or instead
pipeline, due        units on order in all, and in how many days they arrive
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

from invrl.errors import InvrlError
from invrl.sources.long import ONE_WAREHOUSE, REGRESSORS, TINY
from invrl.tables.chunks import part, read_batches
from invrl.tables.columns import Columns, resolve
from invrl.tables.open import TableFile, pyarrow

WHOLE = {"lead_time": 0, "review_period": 1, "due": 1}
"""Optional columns of whole days, and their least value."""
REAL = {
    "pipeline": 0.0, "review": 0.0, "do_not_order": 0.0, "pack_size": 0.0, "min_order": 0.0, "max_order": 0.0,
    "mean_demand": TINY, "sd_demand": 0.0,
}  # fmt: skip
"""Optional columns of numbers, and their least value."""
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

    @property
    def rows(self) -> int:
        return len(self.on_hand)


@dataclass(frozen=True)
class Layout:
    """Which columns a state file has.

    Attributes:
        names: our name -> the file's name, of all columns that are read.
        due, demand: days of the families `due_k` and `demand_k`; 0 for none.
        ahead: known-ahead column -> days of its family.
        static: the static columns among `names`.
        longest: L, the longest lead time that the policy knows, days.
        backlog: on hand may be negative.
    """

    file: TableFile
    names: dict[str, str]
    due: int
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
    families = {name: _family(file, name, 1) for name in ("due", "demand")}
    coming = {name: _family(file, name, 0) for name in ahead}
    optional = ["warehouse", *WHOLE, *REAL, *REGRESSORS, *static]
    names = _resolve(file, columns, optional)
    if families["due"] and "pipeline" in names:
        raise file.fail(
            "both `due_1` and `pipeline`", hint="say what is on order once, in one of the two ways"
        )
    if ("pipeline" in names) != ("due" in names):
        lacks = "due" if "pipeline" in names else "pipeline"
        hint = "`pipeline` units arrive in `due` days; or give columns due_1, due_2, ..."
        raise file.fail(f"no column `{lacks}`", hint=hint)
    for family in (*families.values(), *coming.values()):
        names |= {name: name for name in family}
    days = {name: len(family) for name, family in coming.items() if family}
    kept = tuple(name for name in static if name in names)
    return Layout(file, names, len(families["due"]), len(families["demand"]), days, kept, longest, backlog)


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
    real = {name: _optional(table, name, low) for name, low in REAL.items() if name in table}
    loose = {name: _optional(table, name) for name in (*REGRESSORS, *layout.static) if name in table}
    demand = [_optional(table, f"demand_{k}", 0) for k in range(layout.demand, 0, -1)]
    ahead = {
        name: np.stack([_optional(table, f"{name}_{k}") for k in range(days)])
        for name, days in layout.ahead.items()
    }
    names = table.table.select([table.names[ours] for ours in ("sku", "warehouse") if ours in table])
    return State(
        start,
        names,
        table.numbers("on_hand", low=None if layout.backlog else 0),
        _due(layout, table, whole, real.get("pipeline")),
        np.stack(demand) if demand else None,
        whole | real | loose,
        ahead,
    )


def _optional(table: Columns, ours: str, low: float | None = None, whole: bool = False) -> np.ndarray:
    """[B] float32; NaN where the cell is empty."""
    import pyarrow.compute as pc

    name = table.names[ours]
    column = table.table.column(name)
    empty = column.is_null(nan_is_null=True)
    mask = np.asarray(empty)
    if not mask.any():
        return np.asarray(table.whole(ours, int(low or 0)) if whole else table.numbers(ours, low), np.float32)
    if mask.all():
        return np.full(len(mask), np.nan, np.float32)
    filler = column.filter(pc.invert(empty))[0]  # any value that passes or fails by itself
    index = table.table.schema.get_field_index(name)
    filled = replace(table, table=table.table.set_column(index, name, pc.if_else(empty, filler, column)))
    return np.where(mask, np.nan, _optional(filled, ours, low, whole)).astype(np.float32)


def _due(
    layout: Layout, table: Columns, whole: Mapping[str, np.ndarray], pipeline: np.ndarray | None
) -> np.ndarray:
    """[L, B] units due in 1..L days."""
    due = np.zeros((layout.longest, table.table.num_rows), np.float32)
    hint = f"the policy was trained with lead times of at most {layout.longest} days"
    if pipeline is not None:
        units, days = np.nan_to_num(pipeline), whole["due"]
        table.refuse(
            "due", (units > 0) & np.isnan(days), "missing", "in how many days does the pipeline arrive?"
        )
        table.refuse("due", (units > 0) & (days > layout.longest), "{}", hint)
        row = np.flatnonzero(units)
        due[days[row].astype(int) - 1, row] = units[row]
    for k in range(1, layout.due + 1):
        units = table.numbers(f"due_{k}", low=0)
        if k > layout.longest:
            table.refuse(f"due_{k}", units > 0, "{}", hint)
        else:
            due[k - 1] = units
    return due


class Names(NamedTuple):
    """SKU and warehouse of each row, as codes of words."""

    sku: np.ndarray  # [rows]
    skus: np.ndarray  # [S] str
    warehouse: np.ndarray  # [rows]
    warehouses: np.ndarray  # [W] str

    @property
    def key(self) -> np.ndarray:
        """[rows] int64, different for different pairs."""
        return self.sku.astype(np.int64) * len(self.warehouses) + self.warehouse

    def of(self, row: int) -> str:
        return f"{self.skus[self.sku[row]]}@{self.warehouses[self.warehouse[row]]}"


def read_names(file: TableFile, names: dict[str, str]) -> Names:
    """The names in a file of one row per pair.

    Raises:
        InvrlError: no rows, a missing name, or a pair with two rows.
    """
    keys = {ours: names[ours] for ours in ("sku", "warehouse") if ours in names}
    found = names_of(Columns.read(file, keys, text=keys))
    order = np.argsort(found.key, kind="stable")
    again = found.key[order][1:] == found.key[order][:-1]
    if again.any():
        first, second = sorted(order[np.argmax(again) :][:2])
        text = f"{file.place(int(first))} and {file.place(int(second))} are both {found.of(first)}"
        raise file.fail(text, hint="keep one row per pair; an order is for a pair as a whole")
    return found


def names_of(table: Columns) -> Names:
    """The names in a table; all rows are of one warehouse where it has no such column."""
    sku, skus = table.text("sku")
    if "warehouse" not in table:
        return Names(sku, skus, np.zeros(len(sku), np.int32), np.array([ONE_WAREHOUSE]))
    return Names(sku, skus, *table.text("warehouse"))


def words_in(words: np.ndarray, among: np.ndarray) -> np.ndarray:
    """[U] int: where each word is in `among` (distinct words), -1 where it is not."""
    import pyarrow.compute as pc

    arrow: Any = pyarrow()
    found = pc.index_in(arrow.array(words.tolist()), value_set=arrow.array(among.tolist()))
    return found.fill_null(-1).to_numpy()


def pairs_in(names: Names, sku: np.ndarray, warehouse: np.ndarray) -> np.ndarray:
    """[rows] int: which of the pairs (sku [N], warehouse [N]) each row is, -1 for none."""
    skus, own_sku = np.unique(sku, return_inverse=True)
    warehouses, own_warehouse = np.unique(warehouse, return_inverse=True)
    first = words_in(names.skus, skus)[names.sku].astype(np.int64)
    second = words_in(names.warehouses, warehouses)[names.warehouse]
    key = np.where((first >= 0) & (second >= 0), first * len(warehouses) + second, -1)
    own = own_sku * len(warehouses) + own_warehouse
    order = np.argsort(own, kind="stable")
    place = np.minimum(np.searchsorted(own[order], key), len(own) - 1)
    return np.where(own[order][place] == key, order[place], -1)
