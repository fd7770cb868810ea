"""Panels from CSV and Parquet files, and back.

Long form: one row per pair and day, `date, sku, warehouse, demand` and feature columns.
Wide form (M5): one row per pair, `item_id, store_id, d_1, d_2, ...`.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from invrl.demand.panel import Panel
from invrl.errors import InvrlError, nearest
from invrl.sources.grid import GAPS
from invrl.sources.lines import RETURNS, read_lines
from invrl.sources.long import MASKS, OPTIONAL, REAL, REGRESSORS, WHOLE, Roles, long_names, read_long
from invrl.sources.wide import day_columns, is_wide, read_wide, wide_names
from invrl.tables.columns import Columns
from invrl.tables.dates import one_day
from invrl.tables.many import open_tables
from invrl.tables.open import NOTES, TableFile, open_table, pyarrow
from invrl.tables.whole import guarded_table, refuse_unwritable, whole_file

KEYS = ("date", "sku", "warehouse", "demand")
BLOCK_ROWS = 1 << 20
"""Rows written at a time, about; always whole pairs."""


def read_panel(
    path: str | Path,
    *,
    columns: Mapping[str, str] | None = None,
    ahead: Sequence[str] = (),
    after: Sequence[str] = (),
    static: Sequence[str] = (),
    knowledge: str = "known",
    gaps: str = "error",
    step: str = "auto",
    start: str = "",
    pairs: int = 0,
    sum_lines: bool = False,
    returns: str = "",
    date_format: str = "",
    encoding: str = "utf-8",
) -> Panel:
    """The panel in a CSV or Parquet file, in long or wide form.

    The columns `lead_time`, `review_period`, `first_review`, `price`, `weight`, `initial_stock` and
    `mean_demand` are read where the file has them; all but `lead_time` are constant per pair. A file
    from `write_panel` says itself what its columns are; the arguments add to that, or overrule it.

    Args:
        path: file, folder or pattern (`sales-*.csv`); what a file holds decides its format.
        columns: our name -> the file's name, such as `{"demand": "qty"}`.
        ahead, after, static: feature columns, as in `Panel`.
        knowledge: what the demand column is, as in `Panel`; `known` gives way to the file's own word.
        gaps: what a pair-day without a row means, one of `grid.GAPS`.
        step: the time step, `day`, `week` or `month`; `auto` finds it from the dates of a long file.
        start: date of `d_1` in a wide file; else what `calendar.csv` beside it says, or 2024-01-01.
        pairs: keep so many pairs, drawn evenly and always the same; 0 keeps all.
        sum_lines: the rows are order lines, see `read_lines`; `returns` says what negative ones do.
        date_format: of text dates that are not ISO, such as `%m/%d/%Y %H:%M`.
        encoding: of a CSV file, such as `latin-1`.

    Raises:
        InvrlError: naming the file, the line or row, and the value.
    """
    if gaps not in GAPS:
        raise InvrlError(f"no way `{gaps}` to take gaps", hint=nearest(gaps, GAPS))
    file = open_tables(path, encoding)
    roles = _roles(file, {"ahead": ahead, "after": after, "static": static}, knowledge, gaps, date_format)
    roles = replace(roles, step=step)
    named = columns or {}
    if returns and returns not in RETURNS or returns and not sum_lines:
        hint = nearest(returns, RETURNS) if sum_lines else "it goes with `data.options.sum_lines=true`"
        raise InvrlError(f"returns is `{returns}`", hint=hint)
    if start and not is_wide(file):
        raise file.fail("`start` is for wide files, this one has dates", hint="drop data.options.start")
    if sum_lines:
        panel = read_lines(file, named, roles, returns)
    else:
        panel = (
            read_wide(file, named, roles, _start(file, start))
            if is_wide(file)
            else read_long(file, named, roles)
        )
    if not 0 < pairs < panel.pairs:
        return panel
    drawn = np.random.default_rng(0).choice(panel.pairs, pairs, replace=False)
    return panel.take(np.sort(panel.by_warehouse[drawn]))


def is_undated(path: str | Path, data: Any) -> bool:
    """Does nothing say when the days of a wide file are?"""
    file = open_tables(path, str(data.options.get("encoding", "utf-8")))
    told = data.options.get("start") or _calendar(file).exists()
    return is_wide(file) and not told


def unread_columns(path: str | Path, data: Any) -> list[str]:
    """The file's columns that `read_panel` leaves alone.

    Args:
        data: the `[data]` settings.
    """
    file = open_tables(path, str(data.options.get("encoding", "utf-8")))
    roles = _roles(file, {"ahead": data.ahead, "after": data.after, "static": data.static}, "known", "error")
    if data.options.get("sum_lines"):
        read = {str(data.columns.get(ours, ours)) for ours in (*KEYS, "warehouse")}
    elif is_wide(file):
        read = {*wide_names(file, data.columns, roles).values(), *day_columns(file)}
    else:
        read = set(long_names(file, data.columns, roles).values())
    return [name for name in file.names if name and name not in read]


def _roles(
    file: TableFile, given: Mapping[str, Sequence[str]], knowledge: str, gaps: str, date_format: str = ""
) -> Roles:
    """The feature columns by kind: those given, then those the file's notes add."""
    named = [name for names in given.values() for name in names]
    for name in named:
        if name in KEYS:
            raise InvrlError(f"`{name}` cannot be a feature column", hint=f"{', '.join(KEYS)} make the panel")
        if named.count(name) > 1:
            raise InvrlError(f"column `{name}` is listed twice", hint="one of ahead, after, static")
    kinds: dict[str, Any] = {
        kind: (*names, *(name for name in file.notes.get(kind, ()) if name not in named))
        for kind, names in given.items()
    }
    if knowledge == "known":
        knowledge = file.notes.get("knowledge", knowledge)
    return Roles(**kinds, knowledge=knowledge, gaps=gaps, date_format=date_format)


def _start(file: TableFile, given: str) -> np.datetime64:
    """The date of `d_1`: as given, as the calendar beside the file has it, or the first day of 2024."""
    calendar = _calendar(file)
    if given or not calendar.exists():
        return _day(given or "2024-01-01")
    beside = open_table(calendar)
    if not {"d", "date"} <= set(beside.names):
        return _day("2024-01-01")
    table = Columns.read(beside, {"d": "d", "date": "date"}, text=("d", "date"))
    codes, words = table.text("d")
    first = np.flatnonzero((words == "d_1")[codes])
    if not first.size:
        raise beside.fail("it does not say when d_1 is", hint="`data.options.start=DAY`")
    return np.datetime64(int(table.days("date")[first[0]]), "D")


def _calendar(file: TableFile) -> Path:
    return (*file.parts, file)[0].path.with_name("calendar.csv")


def _day(text: str) -> np.datetime64:
    day = one_day(text)
    if day is None:
        raise InvrlError(f"start is `{text}`, not a day", hint="such as 2011-01-29")
    return day


def write_panel(panel: Panel, path: str | Path) -> None:
    """Write the long form to a new file, pair by pair; `.parquet` or `.csv` by its suffix.

    `read_panel` gives an equal panel back. A Parquet file notes what its columns are; of a CSV
    file the reader must be told `ahead`, `after`, `static` and `knowledge`.

    Raises:
        InvrlError: the file exists, its folder does not, or its suffix is neither.
    """
    path = check_new(path)
    columns = _columns(panel)
    words = {name: np.unique(c, return_inverse=True) for name, c in columns.items() if c.dtype.kind in "UO"}
    step = max(1, BLOCK_ROWS // panel.days)
    blocks = (_block(panel, columns, words, low, low + step) for low in range(0, panel.pairs, step))
    with whole_file(path) as partial:
        (_write_csv if path.suffix == ".csv" else _write_parquet)(partial, blocks, _notes(panel))


def check_new(path: str | Path) -> Path:
    """The path, once it is clear that a panel can be written there.

    Raises:
        InvrlError: the file exists, its folder does not, or its suffix is not ours.
    """
    path = Path(path)
    if path.suffix not in (".parquet", ".csv"):
        raise InvrlError(f"cannot tell the format of {path}", hint="end the name in .parquet or .csv")
    refuse_unwritable(path)
    return path


def _columns(panel: Panel) -> dict[str, np.ndarray]:
    """Name -> [N] or [T, N], everything in the panel but its dates."""
    own = {"sku": panel.sku, "warehouse": panel.warehouse, "demand": panel.demand}
    optional = (*WHOLE, *REAL, *MASKS)
    numbers = {name: getattr(panel, name) for name in optional if getattr(panel, name) is not None}
    regressors = {}
    if panel.regressors is not None:
        regressors = {name: panel.regressors[:, k] for k, name in enumerate(REGRESSORS)}
    kinds = (own, panel.ahead, panel.after, panel.static, numbers, regressors)
    columns = {name: column for kind in kinds for name, column in kind.items()}
    if "date" in columns or len(columns) < sum(map(len, kinds)):
        hint = f"rename features that are called {', '.join((*KEYS, *OPTIONAL))}"
        raise InvrlError("the panel has two columns of the same name", hint=hint)
    return columns


def _block(
    panel: Panel, columns: Mapping[str, np.ndarray], words: Mapping[str, Any], low: int, high: int
) -> Any:
    """`pyarrow.Table` of the pairs low..high, day after day."""
    arrow = pyarrow()
    pairs = len(panel.sku[low:high])
    table = {"date": arrow.array(np.tile(panel.dates.astype("datetime64[D]"), pairs))}
    for name, column in columns.items():
        if name in words:
            distinct, codes = words[name]
            rows = np.repeat(codes[low:high].astype(np.int32), panel.days)
            table[name] = arrow.DictionaryArray.from_arrays(rows, arrow.array(distinct.astype(str).tolist()))
        else:
            column = column[..., low:high]
            table[name] = arrow.array(column.T.ravel() if column.ndim == 2 else np.repeat(column, panel.days))
    return arrow.table(table)


def _notes(panel: Panel) -> dict[bytes, bytes]:
    kinds = {"ahead": list(panel.ahead), "after": list(panel.after), "static": list(panel.static)}
    return {NOTES: json.dumps({**kinds, "knowledge": panel.knowledge}).encode()}


def _write_parquet(path: Path, blocks: Iterator[Any], notes: dict[bytes, bytes]) -> None:
    from pyarrow import parquet

    first = next(blocks)
    with parquet.ParquetWriter(path, first.schema.with_metadata(notes), compression="zstd") as writer:
        for block in itertools.chain([first], blocks):
            writer.write_table(block.replace_schema_metadata(notes))


def _write_csv(path: Path, blocks: Iterator[Any], _notes: dict[bytes, bytes]) -> None:
    from pyarrow import csv

    arrow = pyarrow()
    first = next(blocks)
    plain = [arrow.string() if arrow.types.is_dictionary(kind) else kind for kind in first.schema.types]
    schema = arrow.schema(zip(first.schema.names, plain, strict=True))
    with csv.CSVWriter(path, schema) as writer:
        for block in itertools.chain([first], blocks):
            writer.write_table(guarded_table(block.cast(schema)))
