"""What the `invrl pilot` commands share: options, and the reading of their values."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from invrl.errors import InvrlError, nearest
from invrl.tables import whole

File = Annotated[Path, typer.Argument(help="CSV or Parquet, one row per unit and day.", show_default=False)]
Column = Annotated[
    list[str] | None,
    typer.Option(
        "--column",
        metavar="ROLE=NAME",
        help="What the file calls a role: unit, date, stockout, inventory, sales, treated, post, "
        "treatment_date, weight, cluster. A unit may be several columns: unit=sku,warehouse.",
        rich_help_panel="Data",
    ),
]
Outcome = Annotated[
    list[str] | None,
    typer.Option("--outcome", help="stockout or turnover; default both.", rich_help_panel="Data"),
]
Cap = Annotated[
    float, typer.Option(min=1, help="Longest turnover time of a unit, days.", rich_help_panel="Data")
]
Seed = Annotated[int, typer.Option(min=0, help="Seed of the simulation.", rich_help_panel="Simulation")]


def analysis(*names: str, **kwargs: Any) -> Any:
    """An option in the Analysis panel."""
    return typer.Option(*names, rich_help_panel="Analysis", **kwargs)


def upright(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Quantities down, outcomes across: what fits a terminal."""
    heads = [" ".join(str(row[k]) for k in ("outcome", "group") if k in row) for row in rows]
    names = [name for name in rows[0] if name not in ("outcome", "group")]
    return [{"": name} | {h: row[name] for h, row in zip(heads, rows, strict=True)} for name in names]


def columns(given: list[str] | None) -> dict[str, str]:
    """role -> column from `ROLE=NAME` texts."""
    found = {}
    for text in given or []:
        role, mark, name = text.partition("=")
        if not mark or not name:
            raise InvrlError(f"--column {text} is not ROLE=NAME", hint="for example --column unit=sku_wh")
        found[role] = name
    return found


def outcomes(given: list[str] | None) -> list[str]:
    """The wanted outcomes, both by default."""
    choices = ("stockout", "turnover")
    for name in given or []:
        if name not in choices:
            raise InvrlError(f"no outcome `{name}`", hint=nearest(name, choices))
    return list(dict.fromkeys(given or choices))


def day(option: str, text: str) -> int:
    """Days since 1970-01-01."""
    from datetime import date

    try:
        return (date.fromisoformat(text) - date(1970, 1, 1)).days
    except ValueError:
        raise InvrlError(f"{option} {text} is no date", hint="write 2025-07-31") from None


def refuse_existing(out: Path | None) -> None:
    """Before any work: nothing the user made is overwritten."""
    if out is not None:
        whole.refuse_existing(out)


def refuse_together(what: str, hint: str = "drop one of the two", **others: Any) -> None:
    """Options that do not go with `what`."""
    for name, value in others.items():
        if value is not None:
            raise InvrlError(f"--{name} does not go with {what}", hint=hint)
