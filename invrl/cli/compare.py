"""`invrl compare`: the paper's grids."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from invrl.cli.console import Format, Json, Out, checked, emit, render, say, speak_of, tell
from invrl.cli.options import Plugin
from invrl.errors import InvrlError

EXAMPLES = """Examples:

invrl compare

invrl compare runs/study --reference ddpg/both --format markdown

invrl compare runs/cheap runs/dear --objective stockout_weight=30
"""


def compare(
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="[RUN|DIR]...", help="Runs, or folders of runs; default: runs/."),
    ] = None,
    reference: Annotated[
        str | None,
        typer.Option(help="Cell (algorithm/form) that the others are compared with, such as ddpg/both."),
    ] = None,
    split: Annotated[str, typer.Option(help="Days to compare on: validation or test.")] = "test",
    bootstrap: Annotated[int, typer.Option(min=0, help="Bootstrap samples for each interval.")] = 1000,
    objective: Annotated[
        list[str] | None,
        typer.Option(help="Score all runs under this objective: KEY=VALUE, such as stockout_weight=30."),
    ] = None,
    fail_if_worse: Annotated[
        bool, typer.Option("--fail-if-worse", help="Exit 1 if a learned cell is worse than the reference.")
    ] = False,
    plugin: Plugin = None,
    format: Format = "table",
    json: Json = False,
    out: Out = None,
) -> None:
    """Compare runs: differences to a reference cell, and a table of all cells."""
    from invrl.runs import directory
    from invrl.scoring import comparison

    checked(format)
    found = []
    for name in names or ["runs"]:
        path = Path(name)
        is_folder = path.is_dir() and not (path / "config.toml").exists()
        found += directory.below(path) if is_folder else [directory.find(name)]
    result = comparison.compare(found, reference, split, bootstrap, objective or [])
    done = next(run for run in found if run.name not in result.skipped)
    speak_of(done.read("results.json").get("step", "day"))
    if json or format == "json" or out:
        payload = comparison.payload(result)
        emit(comparison.absolute_rows(result), format=format, json_flag=json, out=out, payload=payload)
    else:
        _print(result, format)
    if result.skipped:
        say(f"left out, not finished: {', '.join(result.skipped)}")
    worse = [c.name for c in result.cells if c.reg and c.deltas and c.deltas["objective"].low > 0]
    if fail_if_worse and worse:
        raise InvrlError(f"worse than {result.reference}: {', '.join(worse)}", exit_code=1)


def _print(result: Any, format: str) -> None:
    from invrl.scoring import comparison, totals
    from invrl.scoring.intervals import COVERS_SEEDS
    from invrl.scoring.objectives import said

    for block, rows in comparison.grid_rows(result).items():
        title = f"{block.upper() if block != 'incumbents' else block}: difference to {result.reference}"
        if format == "table":
            emit(rows, title=title)
        else:
            tell(f"{title}\n{render(rows, format)}\n")
    title = f"{result.split}: {result.pairs:,} pairs, {result.demand} demand\n{said(result.objective)}"
    if format == "table":
        emit(comparison.absolute_rows(result), title=title)
    else:
        tell(f"{title}\n{render(comparison.absolute_rows(result), format)}")
    found = {cell.name: totals.totals(cell.values, result.sample) for cell in result.cells}
    if format == "table":
        emit(totals.rows(found), title=totals.TITLE)
    else:
        tell(f"\n{totals.TITLE}\n{render(totals.rows(found), format)}")
    say("± half a 95 % interval of the paired difference; * it excludes 0; cells chosen on validation")
    say(COVERS_SEEDS)
    if result.strongest and result.strongest != result.reference:
        name = result.strongest
        say(f"the incumbent to beat, chosen on validation: {name}; differences to it: --reference {name}")
