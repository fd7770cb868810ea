"""What cells of text stand for: numbers, names, and words for nothing."""

from __future__ import annotations

import csv
import decimal
import io
import itertools
import math
import re
import unicodedata

import numpy as np

from invrl.tables.open import TableFile, pyarrow

TRUTH = {"true": 1.0, "True": 1.0, "TRUE": 1.0, "false": 0.0, "False": 0.0, "FALSE": 0.0}
FLOAT = re.compile(r"-?\d+(\.\d*)?([eE][+-]?\d{1,2})?")
NOTHING = ("nan", "NaN", "NULL", "null", "None", "<NA>", "NaT", "#N/A", "#NAME?", "#REF!", "#VALUE!")
"""What programs write where they have no name; `NA` may be one."""
THOUSANDS = re.compile(r"[1-9]\d{0,2}(\.\d{3})+")
SAMPLE = 10_000
"""Rows that are looked at for how numbers are written."""


def parse_numbers(words: np.ndarray) -> np.ndarray:
    """[U] float64 of the words [U] str; NaN for one that is no number; true is 1 and false is 0."""

    def number(word: str) -> float:
        try:
            return TRUTH[word] if word in TRUTH else float(word.replace("_", "x"))
        except ValueError:
            return math.nan

    return np.array([number(word) for word in words.tolist()], dtype=np.float64)


def whole_names(words: np.ndarray) -> np.ndarray:
    """[U] str; where all names are whole numbers, those written as floats (`1.0`, `4e12`) as integers."""
    if not all(FLOAT.fullmatch(word) for word in words.tolist()):
        return words
    values = [decimal.Decimal(word) for word in words.tolist()]
    if any(value != value.to_integral_value() or abs(value) > 10**18 for value in values):
        return words
    names = [word if word.isdigit() else str(int(v)) for word, v in zip(words.tolist(), values, strict=True)]
    return np.array(names, dtype=str) if len(set(names)) == len(names) else words


def number_hint(words: np.ndarray) -> str:
    """How to write the words that are no numbers."""
    word = str(words[0]) if len(words) else ""
    if re.fullmatch(r"-?\d+,\d+", word):
        return f"a number with a decimal point ({word.replace(',', '.')}), and no sign between thousands"
    if re.match(r"\d+[-/.]\d+[-/.]\d", word):
        return "a number, not a date: days are counted"
    return "a number with a decimal point, no unit"


def dotted_thousands(file: TableFile, name: str) -> str:
    """A number of a column that is a thousand where commas are decimal, as semicolons between cells suggest.

    Empty where the column tells: by a number with another count of decimals, or none with three.
    """
    if file.delimiter != ";":
        return ""
    for part in file.parts:
        if thousand := dotted_thousands(part, name):
            return thousand
    if file.parts:
        return ""
    encoding = "utf-8-sig" if file.encoding == "utf-8" else file.encoding
    with pyarrow().input_stream(str(file.path)) as stream:
        lines = io.TextIOWrapper(io.BufferedReader(stream), encoding, errors="replace", newline="")
        rows = csv.DictReader(lines, delimiter=";")
        cells = [(row.get(name) or "").strip() for row in itertools.islice(rows, SAMPLE)]
    dotted = [cell for cell in cells if "." in cell]
    return dotted[0] if dotted and all(map(THOUSANDS.fullmatch, dotted)) else ""


def alike(words: np.ndarray) -> tuple[str, str] | None:
    """Two names that only spaces, or ways to write one accent, keep apart."""
    seen: dict[str, str] = {}
    for word in words.tolist():
        plain = " ".join(unicodedata.normalize("NFC", word).split())
        other = seen.setdefault(plain, word)
        if other != word:
            return other, word
    return None
