"""Many runs as one Parquet file, for notebooks: the measures of every pair, or what was logged.

Rows are written run by run: memory is that of one run, however many there are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from invrl.errors import InvrlError
from invrl.runs.directory import Run
from invrl.tables.whole import whole_file

WHAT = ("pairs", "log")
OF_PAIR = ("pair", "weight", "cluster")
"""Columns of `pairs-<split>.npz` beside the measures; clusters are SKUs."""


def export(found: Sequence[Run], what: str, split: str, beside: bool, out: Path) -> int:
    """Write a Parquet file; returns its rows.

    Args:
        what: "pairs", a row for each pair, or "log", a row for each evaluation while training.
        split: validation or test; of "pairs".
        beside: the incumbents scored beside the runs, too; of "pairs".

    Raises:
        InvrlError: no run has any.
    """
    tables = _pairs(found, split, beside) if what == "pairs" else _logs(found)
    return _write(tables, out)


def _about(run: Run, content: dict[str, Any]) -> dict[str, Any]:
    config = run.config
    return {"run": run.name, "algo": config.algo, "reg": content.get("reg", config.reg), "seed": config.seed}


def _pairs(found: Sequence[Run], split: str, beside: bool) -> Iterator[dict[str, Any]]:
    """Columns of each finished run and policy."""
    for run in found:
        content = run.read("results.json")
        if not content:
            continue
        arrays, own = run.pairs(split), content["policy"]
        policies = dict.fromkeys(name.partition(":")[0] for name in arrays if ":" in name)
        for policy in policies if beside else (own,):
            start = f"{policy}:"
            measures = {name.removeprefix(start): x for name, x in arrays.items() if name.startswith(start)}
            yield _about(run, content) | {"policy": policy} | {n: arrays[n] for n in OF_PAIR} | measures


def _logs(found: Sequence[Run]) -> Iterator[dict[str, Any]]:
    """Columns of each run that logged anything; algorithms log different ones, and all have them all."""
    logs = [(run, run.metrics()) for run in found]
    names = list(dict.fromkeys(name for _, log in logs for record in log for name in record))
    for run, log in logs:
        if log:
            yield _about(run, {}) | {
                name: np.array([record.get(name, np.nan) for record in log], np.float64) for name in names
            }


def _write(tables: Iterable[dict[str, Any]], out: Path) -> int:
    """One row group per table; a single value stands for all rows of its table."""
    import pyarrow as arrow
    from pyarrow import parquet

    writer, rows = None, 0
    with whole_file(out) as partial:
        for columns in tables:
            length = next(x.size for x in columns.values() if isinstance(x, np.ndarray))
            table = arrow.table({name: _column(arrow, x, length) for name, x in columns.items()})
            writer = writer or parquet.ParquetWriter(str(partial), table.schema)
            writer.write_table(table.cast(writer.schema))
            rows += length
        if writer is None:
            raise InvrlError("no run has anything to export", hint="`invrl runs ls` says which are done")
        writer.close()
    return rows


def _column(arrow: Any, value: Any, length: int) -> Any:
    if isinstance(value, np.ndarray):
        return arrow.array(value)
    kind = arrow.int64() if isinstance(value, int) else arrow.dictionary(arrow.int32(), arrow.string())
    return arrow.array([value] * length, kind)
