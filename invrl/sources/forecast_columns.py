"""Which columns of a file of forecasts are keys, which are forecasts, and what each is called."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from invrl.demand.forecasts import meaning
from invrl.errors import InvrlError
from invrl.tables.columns import SYNONYMS, resolve
from invrl.tables.open import TableFile

KEYS = ("sku", "warehouse", "origin", "cutoff", "date", "horizon", "model")
TRUTH = ("demand", *SYNONYMS["demand"])
"""Columns that cross-validation puts beside its forecasts."""
MAP = "data.forecast_columns."


class Layout(NamedTuple):
    """Which columns a file has.

    Attributes:
        names: our name -> the file's name, of the keys and the values.
        values: columns of forecasts.
        wanted: names of forecasts to keep; empty for all.
        owner: what plain columns `mean` and `q0.9` are called after.
    """

    names: dict[str, str]
    values: list[str]
    wanted: Sequence[str]
    owner: str

    @property
    def centres(self) -> list[int]:
        """For each value column the one whose deviations it is measured by, or -1."""
        return [self._centre(name) for name in self.values]

    def _centre(self, name: str) -> int:
        stem, level = meaning(name)
        if level is None:
            return -1
        means = [k for k, other in enumerate(self.values) if meaning(other).quantile is None]
        same = [k for k in means if self.values[k] in ((stem,) if stem else ("mean",))]
        medians = [k for k, other in enumerate(self.values) if meaning(other) == (stem, 0.5)]
        only = means if not stem and len(means) == 1 else []
        centre = next(iter([*same, *only, *medians]), -1)
        return -1 if self.values[centre] == name else centre

    def label(self, column: str, model: str = "") -> str:
        """The name of a forecast."""
        owner = model or self.owner
        if column == "mean" or (model and len(self.values) == 1):
            return owner
        return column if not model and meaning(column).stem else f"{owner}_{column}"


def read_layout(
    file: TableFile, columns: Mapping[str, str], models: Sequence[str], owner: str = ""
) -> Layout:
    owner = owner or file.path.name.partition(".")[0]
    try:
        names = resolve(file, columns, ("sku",), KEYS[1:])
    except InvrlError as error:  # the hint is for the config of a panel
        raise InvrlError(error.message, hint=error.hint.replace("data.columns.", MAP)) from None
    for first, second, means in (
        ("origin", "cutoff", "origin: the first day it may be used on; cutoff: the last that it knows"),
        ("date", "horizon", "date: the day that is forecast; horizon: 1, 2, ... days after the cutoff"),
    ):
        if first not in names and second not in names:
            free = ", ".join(name for name in file.names if name not in names.values())
            hint = f"`{MAP}{first}=NAME` or `{MAP}{second}=NAME` ({means}); it has {free}"
            raise file.fail(f"no column `{first}` or `{second}`", hint=hint)
        if first in names and second in names:
            del names[first if second in columns and first not in columns else second]
    keys = {*names.values(), *KEYS}
    values = [name for name in file.names if name and name not in keys and name.lower() not in TRUTH]
    if models and "model" not in names:
        plain = Layout({}, values, (), owner)
        kept = {name for name in values if plain.label(name) in models}
        centres = {values[plain.centres[k]] for k, name in enumerate(values) if name in kept}
        values = [name for name in values if name in kept | centres]
    if not values:
        raise file.fail("no column of forecasts", hint=f"beside {', '.join(sorted(names.values()))}")
    return Layout(names | {name: name for name in values}, values, models, owner)
