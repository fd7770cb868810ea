"""Columns that nobody reads: named, and refused where one looks like a column we would read."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping

from invrl.tables.open import TableFile

MEANINGS = {
    "pipeline": ("onorder", "openorders", "intransit", "inbound", "ordered"),
    "pack_size": ("packsize", "casepack", "casesize"),
    "lead_time": ("lt", "leaddays"),
    "demand_1": ("yesterday",),
}
"""What other files call columns that a misnamed one would leave at its default."""
CLOSE = 0.8


def unread(file: TableFile, names: Mapping[str, str], known: Iterable[str], setting: str) -> list[str]:
    """The file's columns that are not among the values of `names`.

    Args:
        names: our name -> the file's name, of the columns that are read.
        known: our names that would be read if the file had them.
        setting: how a column is mapped: `data.columns.` or `--column `.

    Raises:
        InvrlError: one of them is written nearly like a known name that the file lacks.
    """
    free = [name for name in file.names if name and name not in names.values()]
    lacking = {_plain(ours): ours for ours in known if ours not in names}
    for name in free:
        ours = _meant(_plain(name), lacking)
        if ours:
            hint = f"`{setting}{ours}={name}`, or rename it if it is something else"
            raise file.fail(f"nobody reads the column `{name}`; is it `{ours}`?", hint=hint)
    return free


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _meant(word: str, lacking: Mapping[str, str]) -> str:
    """Our name that a plain word stands for, or nothing."""
    for plain, ours in lacking.items():
        if word == plain or word in MEANINGS.get(ours, ()):
            return ours
    close = difflib.get_close_matches(word, lacking, n=1, cutoff=CLOSE)
    digits = re.sub(r"\D", "", word)  # of numbered names only the same number is near
    return lacking[close[0]] if close and re.sub(r"\D", "", close[0]) == digits else ""
