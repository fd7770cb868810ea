"""The command line: one file per command, no logic, heavy imports inside the functions."""

from __future__ import annotations

import io
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
from invrl.errors import CUT_OFF, INTERRUPTED, InvrlError

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
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a name may hold letters that the terminal has not
    try:
        _run()
        sys.stdout.flush()
        sys.exit(0)
    except BrokenPipeError:  # the reader has seen enough, as `head` does: not a failure of ours
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        sys.exit(CUT_OFF)
    except InvrlError as error:
        if os.environ.get("INVRL_DEBUG"):
            raise
        fail(error)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


def _run() -> None:
    """The command; what the system refuses becomes an `InvrlError`, and an output cut off its own error."""
    try:
        app()
    except SystemExit as leaving:
        if isinstance(leaving.__context__, BrokenPipeError):
            raise leaving.__context__ from None
        if leaving.code:
            raise
    except BrokenPipeError:
        raise
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        text = error.strerror or str(error).partition("\n")[0]
        raise InvrlError(f"{place}{text}", hint="check the path, its permissions and the disk") from error
