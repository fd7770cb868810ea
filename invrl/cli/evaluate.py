"""`invrl evaluate`: finished runs on any part of any data."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from invrl.cli.console import Format, Json, Out, emit, say, speak_of
from invrl.cli.options import DataName, Plugin, State, StateColumn, columns_of, is_override, with_data

EXAMPLES = """Examples:

invrl evaluate runs/ds-both-1a2b3c --by velocity

invrl evaluate runs/ds-both-1a2b3c --split validation --trace days.parquet

invrl evaluate runs/ds-both-1a2b3c data.options.pairs=1000000
"""


def evaluate(
    names: Annotated[
        list[str],
        typer.Argument(metavar="RUN... [KEY=VALUE]...", help="Runs, then keys of data, split or evaluation."),
    ],
    data: DataName = None,
    plugin: Plugin = None,
    split: Annotated[str, typer.Option(help="Days to evaluate on: train, validation or test.")] = "test",
    by: Annotated[
        str | None, typer.Option(help="Group pairs by velocity, warehouse, lead_time or a static column.")
    ] = None,
    trace: Annotated[
        Path | None, typer.Option(help="Write every day of every pair to this new file.")
    ] = None,
    state: State = None,
    column: StateColumn = None,
    format: Format = "table",
    json: Json = False,
    out: Out = None,
) -> None:
    """Simulate trained policies and print their measures."""
    from invrl.devices import placement

    placement.prepare()
    from invrl.recommend.recorded import recorded
    from invrl.runs import directory
    from invrl.scoring.intervals import COVERS
    from invrl.scoring.objectives import priced_for, said
    from invrl.training import evaluation

    words = [name for name in names if is_override(name)]
    found = list({run.path.resolve(): run for run in map(directory.find, _without(names, words))}.values())
    files = _trace_files(trace, [run.name for run in found])
    stock = partial(recorded, state, columns_of(column)) if state else None
    rows: list[dict[str, Any]] = []
    for run, file in zip(found, files, strict=True):
        config = replace(run.config, data=with_data(run.config.data, data)) if data else run.config
        asked = data is not None or any(word.startswith("data.") for word in words)
        rows += evaluation.evaluate(run, split, by, file, evaluation.elsewhere(config, words), asked, stock)
        if file:
            say(f"wrote {file}")
    speak_of(found[0].read("results.json").get("step", "day"))
    prices = [run.read("results.json").get("stockout_price", 0.0) for run in found]
    objectives = {said(priced_for(run.config, price)) for run, price in zip(found, prices, strict=True)}
    objective = objectives.pop() if len(objectives) == 1 else "objective: each run's own"
    columns = {name: None for row in rows for name in row}
    rows = [{name: row.get(name) for name in columns} for row in rows]
    emit(rows, format=format, json_flag=json, out=out, title=f"{split} days\n{objective}")
    say(COVERS)
    if "vs it (%)" in columns:
        say("vs it: the run above minus the incumbent, paired; points, days, and the objective in per cent")


def _without(names: list[str], words: list[str]) -> list[str]:
    return [name for name in names if name not in words]


def _trace_files(trace: Path | None, names: list[str]) -> list[Path | None]:
    """Where each run's days go: one file, or with several runs one for each, named after them."""
    if trace is None:
        return [None] * len(names)
    files = [trace.with_stem(f"{trace.stem}-{name}") if len(names) > 1 else trace for name in names]
    from invrl.tables.whole import refuse_unwritable

    for file in files:
        refuse_unwritable(file)
    return list(files)
