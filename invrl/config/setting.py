"""What a setting is: a dataclass field whose annotation says unit, bounds and whether it is traced.

    gamma: Annotated[float, "per order", TRACED, SHARE] = 0.95

A text is the unit. Numbers without bounds are at least 0; settings without `TRACED` are part of the
compiled program. Nothing else lists bounds, units or traced numbers.
"""

from __future__ import annotations

import ast
import dataclasses
import inspect
import math
import sys
import textwrap
import typing
from collections import namedtuple
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any, NamedTuple

LARGEST = 2**32 - 1
"""Of whole numbers, as programs take them."""


@dataclass(frozen=True)
class Bounds:
    """The numbers that a setting may take; what is not finite is in no bounds, nor beyond 32 bits."""

    low: float = 0.0
    high: float = math.inf
    open: bool = False
    """Whether `low` itself is out of bounds."""

    def __contains__(self, number: float) -> bool:
        most = min(self.high, LARGEST if isinstance(number, int) else sys.float_info.max)
        return (number > self.low if self.open else number >= self.low) and number <= most

    def __str__(self) -> str:
        low = f"above {self.low:g}" if self.open else f"at least {self.low:g}"
        return low if self.high == math.inf else f"{low} and at most {self.high:g}"


class Traced:
    """Mark of a number that is an argument of the compiled program, not a part of it."""


TRACED = Traced()
ABOVE_0, SHARE = Bounds(open=True), Bounds(0, 1)


class Setting(NamedTuple):
    name: str
    type: Any
    """Without the marks; a dataclass for a section."""
    default: Any
    unit: str
    bounds: Bounds | None
    """None for what is no number."""
    traced: bool
    sentence: str

    def refusal(self, number: float) -> str:
        """Why the setting cannot be that number."""
        beyond = self.bounds is not None and number > LARGEST and self.bounds.high == math.inf
        return f"{number} is {'too large' if beyond else f'not {self.bounds}'}"

    @property
    def is_section(self) -> bool:
        return dataclasses.is_dataclass(self.type)


def settings(section: type) -> dict[str, Setting]:
    """name -> setting, in the order of the dataclass's fields."""
    return _settings(section)


@cache  # apart, as a type checker takes no dataclass for hashable
def _settings(section: type) -> dict[str, Setting]:
    hints, sentences = typing.get_type_hints(section, include_extras=True), _sentences(section)
    return {
        field.name: _setting(field, hints[field.name], sentences.get(field.name, ""))
        for field in dataclasses.fields(section)
    }


def _setting(field: dataclasses.Field, hint: Any, sentence: str) -> Setting:
    marks = getattr(hint, "__metadata__", ())
    plain = hint.__origin__ if marks else hint
    made = field.default_factory
    default = field.default if made is dataclasses.MISSING else made()
    number = plain in (int, float) or typing.get_args(plain)[:1] in ((int,), (float,))
    bounds = next((mark for mark in marks if isinstance(mark, Bounds)), Bounds() if number else None)
    unit = next((mark for mark in marks if isinstance(mark, str)), "")
    return Setting(field.name, plain, default, unit, bounds, TRACED in marks, sentence)


def _sentences(section: type) -> dict[str, str]:
    """name -> the text below the field; of the bases too, nothing where there is no source to read."""
    found: dict[str, str] = {}
    for cls in reversed(section.__mro__):
        try:
            body = ast.parse(textwrap.dedent(inspect.getsource(cls))).body[0].body  # type: ignore[attr-defined]
        except (OSError, TypeError, IndexError):
            continue
        for field, text in pairwise(body):
            if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr):
                found[field.target.id] = " ".join(str(ast.literal_eval(text.value)).split())  # type: ignore
    return found


def traced_names(section: type) -> tuple[str, ...]:
    return tuple(name for name, setting in settings(section).items() if setting.traced)


@cache
def _numbers_type(section: type) -> Any:
    return namedtuple(section.__name__, traced_names(section))  # fields known at run time


def traced_numbers(section: Any) -> Any:
    """The traced numbers of a section's values as a named tuple, so that runs may be vmapped over them."""
    kind: type = type(section)
    numbers = _numbers_type(kind)
    return numbers(*(getattr(section, name) for name in numbers._fields))
