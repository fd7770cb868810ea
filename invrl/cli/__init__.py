"""The command line: one file per command, no logic, heavy imports inside the functions."""

from __future__ import annotations

import io
import os
import sys
import warnings
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import typer

from invrl.cli.console import fail
from invrl.errors import CUT_OFF, INTERRUPTED, InvrlError

COMMANDS = {
    "train": "train",
    "resume": "train",
    "tune": "tune",
    "evaluate": "evaluate",
    "compare": "compare",
    "report": "report",
    "bench": "bench",
    "recommend": "recommend",
    "play": "play",
}
"""Command -> the file that has it, as a function of its name."""
GROUPS = ("data", "runs", "studies", "config", "pilot")
"""Files that have commands of their own, in an `app`."""


def make_app(words: Sequence[str] = ()) -> typer.Typer:
    """The command line; only the part that its first word asks for, since all parts take a while to make.

    Args:
        words: as typed; none, or a first word that is no command, make all of it.
    """
    app = typer.Typer(
        name="invrl",
        help="Deep reinforcement learning for replenishment, with policy regularisation.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    app.callback()(lambda: None)  # without it, a single command would lose its name
    known = (*COMMANDS, *GROUPS)
    for name in [words[0]] if words and words[0] in known else known:
        module = import_module(f"invrl.cli.{COMMANDS.get(name, name)}")
        if name in GROUPS:
            app.add_typer(module.app, name=name)
        else:
            app.command(epilog=module.EXAMPLES)(getattr(module, name))
    return app


def __getattr__(name: str) -> Any:
    """`app`: the whole command line."""
    if name != "app":
        raise AttributeError(name)
    return make_app()


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
        make_app(sys.argv[1:])()
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
    except InvrlError:
        raise
    except Exception as error:  # a file of another hand, or a fault of ours
        raise _unforeseen(error) from error


def _unforeseen(error: Exception) -> InvrlError:
    """What nobody thought of, in one line."""
    text = f"{type(error).__name__}: {error}".partition("\n")[0]
    if isinstance(error, MemoryError) or "RESOURCE_EXHAUSTED" in text or "Out of memory" in text:
        return InvrlError("there is not enough memory", hint="fewer pairs, or a smaller minibatch or replay")
    hint = "was a file changed by hand? INVRL_DEBUG=1 shows where it broke; a fault of invrl, else: report it"
    return InvrlError(f"this was not foreseen: {text}", hint=hint)
