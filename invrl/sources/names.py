"""Who the rows of a file beside the panel are, and which of its pairs."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from invrl.sources.grid import ONE_WAREHOUSE
from invrl.tables.columns import Columns
from invrl.tables.open import TableFile, pyarrow

FEW = 0.5
"""With a smaller share of the state's pairs in the panel, the files are likely not of the same shop."""
MEANT = "--new-pairs orders for them as new pairs"


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
    keys: dict[str, str] = {ours: names[ours] for ours in ("sku", "warehouse") if ours in names}
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
    sku, skus = table.keys("sku")
    if "warehouse" not in table:
        return Names(sku, skus, np.zeros(len(sku), np.int32), np.array([ONE_WAREHOUSE]))
    return Names(sku, skus, *table.keys("warehouse"))


def words_in(words: np.ndarray, among: np.ndarray) -> np.ndarray:
    """[U] int: where each word is in `among` (distinct words), -1 where it is not."""
    import pyarrow.compute as pc

    arrow: Any = pyarrow()
    found = pc.index_in(arrow.array(words.tolist()), value_set=arrow.array(among.tolist()))
    return found.fill_null(-1).to_numpy()


class PairIndex:
    """Finds pairs by their names.

    Args:
        sku, warehouse: [N] str.
    """

    def __init__(self, sku: np.ndarray, warehouse: np.ndarray):
        self.skus, own_sku = np.unique(sku, return_inverse=True)
        self.warehouses, own_warehouse = np.unique(warehouse, return_inverse=True)
        own = own_sku.astype(np.int64) * len(self.warehouses) + own_warehouse
        self.order = np.argsort(own, kind="stable")
        self.key = own[self.order]
        self.one_warehouse = len(self.warehouses) == 1
        self.alone = sku
        self.words = np.char.add(np.char.add(sku.astype(str), "@"), warehouse.astype(str))

    def find(self, names: Names) -> np.ndarray:
        """[rows] int: which of the pairs each row is, -1 for none."""
        first = words_in(names.skus, self.skus)[names.sku].astype(np.int64)
        second = words_in(names.warehouses, self.warehouses)[names.warehouse]
        key = np.where((first >= 0) & (second >= 0), first * len(self.warehouses) + second, -1)
        place = np.minimum(np.searchsorted(self.key, key), len(self.key) - 1)
        return np.where(self.key[place] == key, self.order[place], -1)

    def find_words(self, names: Names) -> np.ndarray:
        """The same where one word names a pair: SKU@WAREHOUSE, or its SKU if all are of one warehouse."""
        found = words_in(names.skus, self.words)
        if self.one_warehouse:
            found = np.where(found < 0, words_in(names.skus, self.alone), found)
        return found[names.sku]


def pairs_in(names: Names, sku: np.ndarray, warehouse: np.ndarray) -> np.ndarray:
    """[rows] int: which of the pairs (sku [N], warehouse [N]) each row is, -1 for none."""
    return PairIndex(sku, warehouse).find(names)


def check_matches(
    file: TableFile,
    names: Names,
    sku: np.ndarray,
    warehouse: np.ndarray,
    pair: np.ndarray,
    told: bool,
) -> None:
    """Refuse names that only spaces, case or leading zeros keep from a pair of the panel, and few matches.

    Args:
        sku, warehouse: [N] the panel's names.
        pair: [rows] index into them, -1 for none.
        told: the state itself tells the demand, so that few matches do no harm.

    Raises:
        InvrlError: naming the first such row.
    """
    new = np.flatnonzero(pair < 0)
    if not new.size:
        return
    known = {(_loose(a), _loose(b)): k for k, (a, b) in enumerate(zip(sku, warehouse, strict=True))}
    skus, warehouses = [_loose(word) for word in names.skus], [_loose(word) for word in names.warehouses]
    for row in new:
        k = known.get((skus[names.sku[row]], warehouses[names.warehouse[row]]))
        if k is not None:
            text = f"`{names.of(int(row))}` is not in the data, but `{sku[k]}@{warehouse[k]}` is"
            hint = f"write it alike in both (spaces, case, leading zeros), or {MEANT}"
            raise file.fail(text, hint=hint, row=int(row))
    if not told and new.size > (1 - FEW) * len(pair):
        one, other = names.of(int(new[0])), f"{sku[0]}@{warehouse[0]}"
        text = f"only {len(pair) - new.size:,} of {len(pair):,} pairs are in the data"
        hint = f"the state has `{one}`, the data has `{other}`: the same names and columns? or {MEANT}"
        raise file.fail(text, hint=hint)


def _loose(word: str) -> str:
    return str(word).strip().casefold().lstrip("0")


def nearly_alike(words: np.ndarray) -> list[tuple[str, str]]:
    """Names that only case or leading zeros keep apart: two of each."""
    seen: dict[str, str] = {}
    pairs = ((seen.setdefault(_loose(word), word), word) for word in np.unique(words).tolist())
    return [(one, other) for one, other in pairs if one != other]
