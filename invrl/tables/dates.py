"""Dates as text: read, and said how they are written where they cannot be."""

from __future__ import annotations

import datetime
import re

import numpy as np

TEXT_DATE = re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})")
EPOCH = datetime.date(1970, 1, 1).toordinal()
LAST_DAY = datetime.date.max.toordinal() - EPOCH
NO_DAY = -(2**62)
WRITTEN = {
    r"\d{4}-\d{1,2}": "%Y-%m",
    r"\d{1,2}-[A-Za-z]{3}-\d{4}": "%d-%b-%Y",
    r"\d{1,2} [A-Za-z]{3} \d{4}": "%d %b %Y",
}
"""Ways to write a day that leave no doubt -> their format."""
SUM_HOURS = "sum hours to days first, or `data.options.sum_lines=true` (import: --sum)"


def date_hint(words: np.ndarray, form: str) -> str:
    """How to write the days, or to say how they are written."""
    if form:
        return f"the format is `{form}`"
    word = str(words[0]) if len(words) else ""
    if word and parse_dates(words[:1], times=True)[0] != NO_DAY:
        return SUM_HOURS
    ways = [form for pattern, form in WRITTEN.items() if re.fullmatch(pattern, word)]
    if ways:
        return f"write days as 2024-03-28, or `data.options.date_format={ways[0]}`"
    if re.fullmatch(r"[34]\d{4}(\.\d+)?", word):
        return "a serial number of a spreadsheet: format the column as dates there, and export it again"
    found = re.match(r"(\d{1,2})([/.-])(\d{1,2})[/.-]\d{4}(.*)", word)
    if not found:
        return "write days as 2024-03-28"
    sign, time = found[2], _clock(found[4])
    ways = [f"%d{sign}%m{sign}%Y{time}", f"%m{sign}%d{sign}%Y{time}"]
    return (
        f"write days as 2024-03-28, or `data.options.date_format={ways[0]}` ({ways[1]} with the month first)"
    )


def _clock(text: str) -> str:
    """` 8:26` -> ` %H:%M`"""
    codes = iter(("%H", "%M", "%S"))
    return re.sub(r"\d+", lambda _: next(codes, "%f"), text)


def one_day(text: str) -> np.datetime64 | None:
    """The day that a word says, as in a file; None for one that is none."""
    day = int(parse_dates(np.array([str(text)]))[0])
    return None if day == NO_DAY else np.datetime64(day, "D")


def parse_dates(words: np.ndarray, form: str = "", times: bool = False) -> np.ndarray:
    """[U] int64 days since 1970-01-01 of the words [U] str; NO_DAY for one that is no day."""

    def day(word: str) -> int:
        try:
            found = TEXT_DATE.fullmatch(word)
            text = "{:0>4}-{:0>2}-{:0>2}".format(*found.groups()) if found else word
            when = datetime.datetime.strptime(word, form) if form else datetime.datetime.fromisoformat(text)
        except ValueError:
            return NO_DAY
        midnight = times or when.time() == datetime.time()
        return when.toordinal() - EPOCH if midnight else NO_DAY

    return np.array([day(word) for word in words.tolist()], dtype=np.int64)
