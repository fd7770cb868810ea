"""`invrl runs`: what was run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from invrl.cli import plot
from invrl.cli.console import Format, Json, Out, emit, say
from invrl.cli.options import Plugin
from invrl.errors import InvrlError, nearest
from invrl.tables.whole import refuse_unwritable

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="List, show and plot runs.")
app.command("plot", epilog=plot.EXAMPLES)(plot.plot)

EXAMPLES = """Examples:

invrl runs ls

invrl runs show runs/ds-both-1a2b3c --json

invrl runs export runs/study --to pairs.parquet
"""


@app.command("ls", epilog=EXAMPLES)
def ls(
    root: Annotated[Path, typer.Argument(help="Folder of runs.")] = Path("runs"),
    plugin: Plugin = None,
    format: Format = "table",
    json: Json = False,
    out: Out = None,
) -> None:
    """List all runs, newest first."""
    from invrl.runs import directory

    found = directory.below(root)
    if not found:
        say(f"no runs below {root}/; the next step: invrl train --algo ds --reg both")
    emit([_row(run) for run in found], format=format, json_flag=json, out=out)


@app.command("export", epilog=EXAMPLES)
def export(
    names: Annotated[list[str], typer.Argument(metavar="RUN|DIR...", help="Runs, or folders of runs.")],
    to: Annotated[Path, typer.Option(help="The new Parquet file.")],
    what: Annotated[str, typer.Option(help="pairs (measures of every pair) or log (the curves).")] = "pairs",
    split: Annotated[str, typer.Option(help="validation or test; of pairs.")] = "test",
    beside: Annotated[bool, typer.Option("--beside", help="The incumbents beside the runs, too.")] = False,
    plugin: Plugin = None,
) -> None:
    """Many runs as one Parquet file, for a notebook."""
    from invrl.runs import directory
    from invrl.runs.export import WHAT
    from invrl.runs.export import export as write

    if what not in WHAT:
        raise InvrlError(f"nothing called `{what}` to export", hint=nearest(what, WHAT))
    refuse_unwritable(to)
    found = directory.find_all(names)
    rows = write(found, what, split, beside, to)
    say(f"wrote {to}: {rows:,} rows of {len(found):,} runs")


COLUMNS = ("run", "cell", "data", "seed", "status", "stockout (%)", "turnover (days)")


def _row(run: Any) -> dict[str, Any]:
    from invrl import registry
    from invrl.runs import directory

    try:
        content, config = run.read("results.json"), run.config
    except InvrlError as error:
        say(error.message, "dim")
        return dict.fromkeys(COLUMNS) | {"run": run.name, "status": "unreadable"}
    cell = config.algo if config.algo in registry.BASELINES else f"{config.algo}/{config.reg}"
    test = content.get("splits", {}).get("test", {}).get("policies", {}).get(content.get("policy"), {})
    values = (
        run.name, cell, config.data.path or config.data.source, config.seed, directory.status(run),
        100 * test["stockout_rate"][0] if test else None, test["turnover_time"][0] if test else None,
    )  # fmt: skip
    return dict(zip(COLUMNS, values, strict=True))


@app.command("show", epilog=EXAMPLES)
def show(
    name: Annotated[str, typer.Argument(metavar="RUN", help="A run's path or name.")],
    plugin: Plugin = None,
    json: Json = False,
) -> None:
    """Show one run: its manifest, learning curve and results."""
    from invrl.cli.train import show as show_results
    from invrl.config import reading
    from invrl.runs import directory

    run = directory.find(name)
    manifest, content, log = run.needed("manifest.json"), run.read("results.json"), run.metrics()
    if json:
        payload = {
            "manifest": manifest,
            "config": reading.to_tree(run.config),
            "metrics": log,
            "results": content,
        }
        emit([], json_flag=True, payload=payload)
        return
    say(f"{run.name} ({directory.status(run)}), started {manifest['started']}")
    say(f"  {' '.join(manifest['argv'][1:])}")
    if log:
        import numpy as np

        from invrl.demand.describe import sparkline

        curve = np.array([record["validation_objective"] for record in log])
        say(f"  validation objective {sparkline(curve)} {curve[0]:.3f} to {min(curve):.3f}")
    if content:
        show_results(run.needed("results.json"), run, json=False)
    else:
        say(f"  not finished; go on with: invrl resume {run.path}")
