"""The paper's grid: signed differences to one cell, and the absolute table."""

from __future__ import annotations

from typing import Any

from invrl.report.facts import Facts, form_order
from invrl.report.markup import Markup, graded, make_section, small, table, words
from invrl.scoring import comparison, totals
from invrl.scoring.intervals import COVERS_SEEDS
from invrl.scoring.objectives import said


def section(facts: Facts) -> str:
    compared = facts.comparison
    forms = sorted({cell.reg for cell in compared.cells if cell.reg}, key=form_order)
    blocks = [_block(name, rows, forms) for name, rows in comparison.grid_rows(compared).items()]
    intro = (
        f"Differences to *{compared.reference}* on the same pairs, days and demand; below zero is better in "
        "both rows. Green and red differences are clear (their 95 % interval excludes zero), grey ones may "
        "be chance. Configurations were chosen on validation days only."
    )
    left_out = f"Left out, not finished: {', '.join(facts.skipped)}." if facts.skipped else ""
    return make_section(
        "grid", "The grid", words(intro), "".join(blocks), "<h3>In absolute numbers</h3>", _absolute(facts),
        words(left_out, "note") if left_out else "",
    )  # fmt: skip


def _block(name: str, rows: list[dict[str, Any]], forms: list[str]) -> str:
    """One algorithm's two rows; all blocks have the same columns, so that forms line up."""
    incumbents = name == "incumbents"
    columns = [key for key in rows[0] if key] if incumbents else forms
    heading = _plain if incumbents else str.upper
    marked = [
        {
            "Incumbents" if incumbents else name.upper(): row[""],
            **{
                heading(key): graded(_minus(row[key]), _verdict(row[key])) if key in row else ""
                for key in columns
            },
        }
        for row in rows
    ]
    return table(marked, kind="grid")


def _verdict(text: str) -> str:
    if not text.endswith("*"):
        return "even"
    return "better" if text.startswith("-") else "worse"


def _minus(text: str) -> str:
    """A hyphen alone stays: the reference itself."""
    return text if text == "-" else text.replace("-", "\N{MINUS SIGN}")


def _absolute(facts: Facts) -> str:
    compared = facts.comparison
    note = (
        f"{facts.split.capitalize()} days, {compared.pairs:,} pairs, {compared.demand} demand; "
        f"{said(compared.objective)}; small figures are 95 % intervals ({COVERS_SEEDS}). Trials count the "
        "configurations that a cell was chosen from, runs the "
        "seeds of the chosen one. The last column is the paired difference of the objective to "
        f"{compared.reference}."
    )
    return table([_tidy(row) for row in comparison.absolute_rows(compared)], note, "absolute") + _together(
        facts
    )


def _together(facts: Facts) -> str:
    """All pairs counted in units, beside the means over pairs."""
    compared = facts.comparison
    found = {cell.name: totals.totals(cell.values, compared.sample) for cell in compared.cells}
    notes = totals.notes(found, compared.sample, facts.experiment.config.evaluation.weights)
    note = f"{totals.TITLE.capitalize()}. {'. '.join(line.capitalize() for line in notes)}."
    return table(totals.rows(found), note, "absolute")


def _tidy(row: dict[str, Any]) -> dict[str, Any]:
    *others, (name, last) = row.items()
    return {
        **{key: _with_interval(_plain(value)) for key, value in others},
        name: graded(_minus(last), _verdict(last)),
    }


def _plain(value: Any) -> Any:
    """`capped base stock`, which may wrap."""
    return value.replace("_", " ") if isinstance(value, str) else value


def _with_interval(value: Any) -> Any:
    """`1.2±0.1` with the interval small."""
    mean, plus_minus, half = str(value).partition("±")
    return Markup(f"{mean} {small(half)}") if plus_minus else value
