"""Cut earlier windows out of weekly sales, to play policies on: history, later weeks and a state for each.

    python scripts/weekly_windows.py weeks.parquet windows/ 109 117 125 133 141 149

For the window that begins with week w (the first is week 0): `windows/w/history.parquet` (the weeks before),
`windows/w/later.parquet` (the weeks to play) and `windows/w/state.csv`. The state is a plain one: 1.25 weeks
of the pair's mean of the last 13 weeks in stock is on hand, nothing due next week, one week's after that.
`scripts/weekly.sh` trains and plays on each window.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pyarrow as pa
from pyarrow import csv, parquet

ON_HAND, DUE, MEAN = 1.25, 1.0, 13


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    words.add_argument("sales", type=Path)
    words.add_argument("out", type=Path)
    words.add_argument("starts", type=int, nargs="+")
    words.add_argument("--weeks", type=int, default=8)
    given = words.parse_args()
    table = parquet.read_table(given.sales)
    dates = np.array(table["date"].to_pylist(), dtype="datetime64[D]")
    week = np.unique(dates, return_inverse=True)[1]
    for start in given.starts:
        folder = given.out / str(start)
        folder.mkdir(parents=True)
        parquet.write_table(table.filter(pa.array(week < start)), folder / "history.parquet")
        later = (week >= start) & (week < start + given.weeks)
        parquet.write_table(table.filter(pa.array(later)), folder / "later.parquet")
        recent = table.filter(pa.array((week >= start - MEAN) & (week < start)))
        csv.write_csv(state_of(recent), folder / "state.csv")


def state_of(recent: pa.Table) -> pa.Table:
    """A row for each pair: sku, warehouse, on_hand, due_in_1, due_in_2."""
    pairs = np.array([f"{s}\0{w}" for s, w in zip(recent["sku"], recent["warehouse"], strict=True)])
    names, pair = np.unique(pairs, return_inverse=True)
    in_stock = recent["in_stock"].to_numpy() if "in_stock" in recent.column_names else np.ones(len(pair))
    sold, weeks = (np.bincount(pair, x) for x in (recent["demand"].to_numpy() * in_stock, in_stock))
    mean = sold / np.maximum(weeks, 1)
    sku, warehouse = zip(*(name.split("\0") for name in names.tolist()), strict=True)
    whole = {"on_hand": ON_HAND * mean, "due_in_1": 0 * mean, "due_in_2": DUE * mean}
    units = {name: np.round(values).astype(int) for name, values in whole.items()}
    return pa.table({"sku": sku, "warehouse": warehouse, **units})


if __name__ == "__main__":
    main()
