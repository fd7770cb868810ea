"""Who the rows of a file are, and where a panel or another file has the same pair."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from invrl.demand.columns import Columns
from invrl.demand.long import ONE_WAREHOUSE
from invrl.demand.table_file import TableFile, pyarrow


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
