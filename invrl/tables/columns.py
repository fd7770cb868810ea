"""Columns of a table file under our names, checked cell by cell.

Every check names the file, the line or row, and the value.
"""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from invrl.errors import InvrlError, nearest
from invrl.tables.dates import EPOCH, LAST_DAY, NO_DAY, SUM_HOURS, date_hint, parse_dates
from invrl.tables.open import TableFile, read_table
from invrl.tables.whole import unguarded
from invrl.tables.words import (
    NOTHING,
    alike,
    dotted_thousands,
    number_hint,
    parse_numbers,
    whole_names,
)

SYNONYMS = {
    "date": ("day", "ds", "dt", "order_date", "sales_date"),
    "sku": ("item_id", "item", "product_id", "product", "article", "unique_id"),
    "warehouse": ("store_id", "store", "location", "site", "depot"),
    "demand": ("qty", "quantity", "sales", "units", "y", "sale_amount"),
}
"""What other files call our columns; only for hints, never guessed silently."""
MANY = 12
"""Columns listed in a hint."""
EXACT = 2**24
"""Whole numbers above this are not exact in float32: such a static column is an identifier."""
TYPO_SHARE = 0.1
"""Up to this share of text cells in a static column of numbers are mistakes; beyond, the column is text."""
MISSING = "missing"
TINY = float(np.finfo(np.float32).tiny)
"""The least number above 0."""


def resolve(
    file: TableFile, columns: Mapping[str, str], required: Iterable[str], optional: Iterable[str]
) -> dict[str, str]:
    """Our name -> the file's name, of all required columns and the optional ones it has.

    Raises:
        InvrlError: `columns` has a name we do not read, or the file lacks a column or has it twice.
    """
    required, optional = list(required), list(optional)
    for ours in columns:
        if ours not in (*required, *optional):
            hint = nearest(ours, [*required, *optional])
            raise InvrlError(f"the column map has an unknown name `{ours}`", hint=hint)
    names = {ours: str(columns.get(ours, ours)) for ours in (*required, *optional)}
    found = {ours: name for ours, name in names.items() if name in file.names}
    used = {name for ours, name in found.items() if ours in (*required, *columns)}
    free = [name for name in file.names if name not in used]
    wanted = {*required, *columns, *(["warehouse"] if _synonyms("warehouse", free) else [])}
    missing = {ours: name for ours, name in names.items() if ours in wanted and ours not in found}
    if missing:
        text = ", ".join(f"`{name}`" for name in missing.values())
        raise file.fail(f"no column {text}", hint=_missing_hint(missing, file.names, free))
    twice = [name for name, count in Counter(file.names).items() if count > 1 and name in found.values()]
    if twice:
        raise file.fail(f"two columns are called `{twice[0]}`", hint="rename or drop one")
    return found


def _synonyms(ours: str, names: Sequence[str]) -> list[str]:
    return [name for name in names if name.lower() in SYNONYMS.get(ours, ())]


def _missing_hint(missing: Mapping[str, str], names: Sequence[str], free: Sequence[str]) -> str:
    if any(name != name.strip() and name.strip() in missing.values() for name in free):
        return "the names have spaces around them: save the file without spaces beside the delimiters"
    plain = [ours for ours, name in missing.items() if name != ours and ours in names]
    if plain:
        return f"the file calls it `{plain[0]}` itself: drop it from the column map"
    alone = {"sku", "demand"} <= missing.keys() and "date" not in missing and len(free) > 1
    if alone and not _synonyms("sku", free) and not _synonyms("demand", free):
        return "one column per SKU? make it one row per SKU and day: date, sku, demand (a melt, or unpivot)"
    lower = {name.lower(): name for name in reversed(free)}
    guesses = {}
    for ours, name in missing.items():
        close = [lower[match] for match in difflib.get_close_matches(name.lower(), lower, n=1)]
        guesses[ours] = next(iter(close + _synonyms(ours, free)), "NAME")
    words = " ".join(f"data.columns.{ours}={guess}" for ours, guess in guesses.items())
    some = ", ".join(free[:MANY]) + (", ..." if len(free) > MANY else "")
    listing = f"; it has {some}" if "NAME" in guesses.values() and free else ""
    return f"say what the file calls it, `{words}`{listing}"


@dataclass(frozen=True)
class Columns:
    """The columns that were resolved and read.

    Attributes:
        names: our name -> the file's name.
        table: `pyarrow.Table` with the file's names.
    """

    file: TableFile
    names: dict[str, str]
    table: Any

    @classmethod
    def read(cls, file: TableFile, names: dict[str, str], text: Iterable[str]) -> Columns:
        """Read the columns of `names` once; those in `text` (our names) as text, the others as numbers."""
        words = {names[ours] for ours in text if ours in names}
        return cls(file, names, read_table(file, words, set(names.values()) - words))

    def __contains__(self, ours: str) -> bool:
        return ours in self.names

    def text(self, ours: str) -> tuple[np.ndarray, np.ndarray]:
        """Codes [rows] int, and the words [U] str they stand for."""
        import pyarrow.types as kind

        column = self._present(ours)
        if kind.is_nested(column.type):
            raise self.file.fail(f"{self._label(ours)} holds lists or records", hint="one value a cell")
        if not kind.is_dictionary(column.type):
            column = column.dictionary_encode()
        array = column.combine_chunks()
        try:
            words = np.array(array.dictionary.cast("string").to_pylist(), dtype=str)
        except ValueError:  # Arrow's
            raise self.file.fail(f"{self._label(ours)} is not UTF-8 text", hint="save it as text") from None
        codes = array.indices.to_numpy()
        if self.file.delimiter:
            words = np.array([unguarded(word) for word in words.tolist()], dtype=str)
        if (words == "").any():
            self.refuse(ours, (words == "")[codes], MISSING, "fill the cell or drop the row")
        return codes, words

    def keys(self, ours: str) -> tuple[np.ndarray, np.ndarray]:
        """As `text`, of names that other files must match: whole numbers lose a `.0` or exponent."""
        codes, words = self.text(ours)
        hint = "fill the cell or drop the row; if something is called so, write it otherwise"
        self.refuse(ours, np.isin(words, NOTHING)[codes], "{}, which stands for no name", hint)
        if twins := alike(words):
            wrong = (words == twins[1])[codes]
            hint = "write it alike in all rows: spaces and accents count"
            self.refuse(ours, wrong, f"`{twins[1]}`, beside `{twins[0]}`", hint)
        return codes, whole_names(words)

    def numbers(self, ours: str, low: float | None = None) -> np.ndarray:
        """[rows] float32, finite, and at least `low`."""
        import pyarrow.types as kind

        column = self._present(ours)
        if kind.is_temporal(column.type):
            hint = "is it the column that is meant?"
            raise self.file.fail(f"{self._label(ours)} holds dates or times, not numbers", hint=hint)
        if not kind.is_primitive(column.type) and not kind.is_decimal(column.type):
            codes, words = self.text(ours)
            values = parse_numbers(words)[codes]
            odd = np.isnan(values)
            self.refuse(ours, odd, "{}, not a number", number_hint(words[codes[odd][:1]]))
            with np.errstate(over="ignore"):
                values = values.astype(np.float32)
        else:
            values = column.cast("float32", safe=False).to_numpy()
        if thousand := dotted_thousands(self.file, self.names[ours]):
            hint = "write thousands without a point; if it is a decimal point, put `,` between the columns"
            raise self.file.fail(f"{self._label(ours)} is `{thousand}`: a thousand, or not?", hint=hint)
        self.refuse(ours, ~np.isfinite(values), "{}", "fill the cell, drop the row or leave the column out")
        if low is not None:
            hint = "it is above 0" if low == TINY else f"it is at least {low:g}"
            self.refuse(ours, values < low, "{}", hint)
        return values

    def whole(self, ours: str, low: int | None) -> np.ndarray:
        """[rows] in the file's own integer type, or int32; whole numbers, and at least `low`."""
        import pyarrow.types as kind

        values = self.numbers(ours, low)
        self.refuse(ours, values != np.floor(values), "{}, not a whole number", "round it to whole days")
        own = self.table.column(self.names[ours]).type
        return values.astype(own.to_pandas_dtype() if kind.is_signed_integer(own) else np.int32)

    def attribute(self, ours: str) -> tuple[np.ndarray, np.ndarray | None]:
        """A column of text or numbers: ([rows] float32, None), or codes [rows] and words [U]."""
        import pyarrow.types as kind

        column = self.table.column(self.names[ours])
        is_integer = kind.is_integer(column.type)
        if kind.is_boolean(column.type) or kind.is_floating(column.type) or kind.is_decimal(column.type):
            return self.numbers(ours), None
        codes, words = self.text(ours)
        if not self.file.delimiter and not is_integer:
            return codes, words  # Parquet knows its types
        values = parse_numbers(words)
        if not np.isnan(values).any():
            return (codes, words) if _identify(words, values) else (values.astype(np.float32)[codes], None)
        wrong = np.isnan(values)[codes]
        if wrong.mean() <= TYPO_SHARE:
            self.refuse(ours, wrong, "{} among numbers", "mend it, or make every value text (`c12` for 12)")
        return codes, words

    def days(self, ours: str, form: str = "", times: bool = False) -> np.ndarray:
        """[rows] int64, days since 1970-01-01.

        Args:
            form: of text that is not ISO, as `strptime` has it.
            times: a time of day is left out, not refused.
        """
        import pyarrow.compute as pc
        import pyarrow.types as kind

        column = self._present(ours)
        if kind.is_date(column.type):
            return self._within(ours, column.cast("date32").cast("int32").to_numpy().astype(np.int64))
        if kind.is_timestamp(column.type):
            try:
                column = pc.local_timestamp(column) if column.type.tz else column
            except ValueError:  # Arrow's
                text = f"{self._label(ours)} is of the time zone `{column.type.tz}`, which is not known"
                raise self.file.fail(text, hint="write plain days") from None
            off = pc.not_equal(column, pc.floor_temporal(column, unit="day")).to_numpy() & (not times)
            zone = self.table.column(self.names[ours]).type.tz
            hint = f"midnight is that of {zone}: convert to the shop's own days" if zone else SUM_HOURS
            self.refuse(ours, off, "{}, not a day", hint)
            seconds = column.cast("timestamp[s]", safe=False).cast("int64").to_numpy()
            return self._within(ours, seconds // 86400)
        codes, words = self.text(ours)
        days = parse_dates(words, form, times)
        self.refuse(ours, (days == NO_DAY)[codes], "{}, not a day", date_hint(words[days == NO_DAY], form))
        return days[codes]

    def _within(self, ours: str, days: np.ndarray) -> np.ndarray:
        """The days, once all are of the years 1 to 9999."""
        self.refuse(ours, (days < -EPOCH + 1) | (days > LAST_DAY), "{}, not a day", "years are 1 to 9999")
        return days

    def _present(self, ours: str) -> Any:
        """The column, once no cell is missing."""
        column = self.table.column(self.names[ours])
        if column.null_count:
            self.refuse(ours, column.is_null().to_numpy(), MISSING, "fill the cell or drop the row")
        return column

    def refuse(self, ours: str, wrong: np.ndarray, text: str, hint: str) -> None:
        """Raise for the first row where `wrong` [rows] holds; `{}` in the text becomes the cell."""
        if not wrong.any():
            return
        row = int(np.argmax(wrong))
        raise self.file.fail(f"{self._label(ours)} is {text.replace('{}', self.cell(ours, row))}", hint, row)

    def cell(self, ours: str, row: int) -> str:
        one = self.table.column(self.names[ours])[row]
        try:
            value = one.as_py()
        except (OverflowError, ValueError):  # a date that Python has not
            value = one.cast("int32" if str(one.type) == "date32[day]" else "int64").as_py()
        if str(one.type) == "float":  # 32 bits: 3.1, not 3.0999999
            value = float(str(np.float32(value)))
        return f"`{value:.9g}`" if isinstance(value, float) else f"`{value}`"

    def _label(self, ours: str) -> str:
        name = self.names[ours]
        return f"`{ours}`" if name == ours else f"`{ours}` (column `{name}`)"


def tight(words: np.ndarray) -> np.ndarray:
    """The same words in the narrowest str type."""
    return np.array(words.tolist(), dtype=str)


def _identify(words: np.ndarray, values: np.ndarray) -> bool:
    """Do numbers name something (order codes, 007), so that float32 would spoil them?"""
    return bool(np.abs(values).max() > EXACT) or any(re.match(r"0\d", word) for word in words.tolist())
