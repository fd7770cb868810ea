"""The command line: one file per command, no logic, heavy imports inside the functions."""

from __future__ import annotations

import os
import sys
import warnings

import typer

from invrl.cli import (
    bench,
    compare,
    config,
    data,
    evaluate,
    pilot,
    recommend,
    report,
    runs,
    studies,
    train,
    tune,
    uncensor,
)
from invrl.cli.console import fail
from invrl.errors import INTERRUPTED, InvrlError

app = typer.Typer(
    name="invrl",
    help="Deep reinforcement learning for replenishment, with policy regularisation.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command(epilog=train.EXAMPLES)(train.train)
app.command(epilog=train.EXAMPLES)(train.resume)
app.command(epilog=tune.EXAMPLES)(tune.tune)
app.command(epilog=evaluate.EXAMPLES)(evaluate.evaluate)
app.command(epilog=compare.EXAMPLES)(compare.compare)
app.command(epilog=report.EXAMPLES)(report.report)
app.command(epilog=bench.EXAMPLES)(bench.bench)
app.command(epilog=recommend.EXAMPLES)(recommend.recommend)
data.app.command(epilog=uncensor.EXAMPLES)(uncensor.uncensor)
app.add_typer(data.app, name="data")
app.add_typer(runs.app, name="runs")
app.add_typer(studies.app, name="studies")
app.add_typer(config.app, name="config")
app.add_typer(pilot.app, name="pilot")


def main() -> None:
    """Entry point: one-line errors with a hint; a traceback only under INVRL_DEBUG."""
    if not sys.warnoptions:  # libraries' warnings are for developers: python -W shows them
        warnings.simplefilter("ignore")
    try:
        app()
    except InvrlError as error:
        if os.environ.get("INVRL_DEBUG"):
            raise
        fail(error)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
