"""The one exception users see: a sentence, a hint, an exit code."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

USAGE = 2
"""Exit code of a usage, config or data error."""
DIVERGED = 3
"""Exit code of a training run that met a non-finite number."""
CUT_OFF = 141
"""Exit code when whoever reads our output stops reading, as a shell has it for SIGPIPE."""
MANY = 100
"""Choices that a hint lists."""
INTERRUPTED = 130
"""Exit code after Ctrl-C, once the state is saved."""


class InvrlError(Exception):
    """An error the user can mend.

    Args:
        message: one sentence that names the place (file, row, column, key).
        hint: one action that helps, without the word "hint".
        exit_code: what the process ends with.
    """

    def __init__(self, message: str, hint: str = "", exit_code: int = USAGE):
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.exit_code = exit_code


def nearest(name: str, choices: Iterable[str]) -> str:
    """The hint for a mistyped name: the closest choice, or all of them."""
    choices = list(choices)
    close = difflib.get_close_matches(name, choices, n=1)
    more = f" and {len(choices) - MANY} more" if len(choices) > MANY else ""
    return f"did you mean `{close[0]}`?" if close else f"choose one of {', '.join(choices[:MANY])}{more}"
