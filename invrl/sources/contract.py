"""From the `[data]` table of a config to a panel."""

from __future__ import annotations

import datetime
import inspect
import tomllib
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from invrl import registry
from invrl.config.schema import Data
from invrl.demand.panel import Panel
from invrl.errors import InvrlError, nearest

FILE_FIELDS = ("columns", "ahead", "after", "static", "knowledge", "gaps", "step")
"""Fields of `Data` that only a file takes."""
DESCRIBED = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}


def source_panel(data: Data) -> Panel:
    """The panel that the config asks for.

    Raises:
        InvrlError: no such source, an unknown option or one of the wrong type, a path without
            `source = "file"`, or what the source itself refuses.
    """
    source = registry.get("source", data.source)
    if data.source == "file":
        if not data.path:
            raise InvrlError("source `file` has no path", hint="`data.path=FILE`")
        named = {name: getattr(data, name) for name in FILE_FIELDS}
        return source(data.path, **{**named, **check_options("file", source, data.options)})
    for name in ("path", *FILE_FIELDS):
        if getattr(data, name) != getattr(Data(), name):
            hint = "`data.source=file` reads a file" if name == "path" else "drop it: it describes a file"
            raise InvrlError(f"data.{name} is set, but the source is `{data.source}`", hint=hint)
    return source(**check_options(data.source, source, data.options))


def check_options(name: str, source: Callable[..., Panel], options: Mapping[str, Any]) -> dict[str, Any]:
    """The options as the source's signature wants them.

    Raises:
        InvrlError: an option it does not have, or a value of the wrong type.
    """
    parameters = inspect.signature(source).parameters
    hints = typing.get_type_hints(source)
    if any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        return dict(options)
    choices = [option for option in parameters if option != "path"]
    for option in options:
        if option not in choices:
            raise InvrlError(f"source `{name}` has no option `{option}`", hint=nearest(option, choices))
    return {option: _typed(option, value, hints.get(option, Any)) for option, value in options.items()}


def _typed(option: str, value: Any, hint: Any) -> Any:
    kinds = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    for kind in kinds:
        found = _as_kind(value, typing.get_origin(kind) or kind)
        if found is not None:
            return found
    wanted = " or ".join(_described(kind) for kind in kinds)
    raise InvrlError(f"data option `{option}` is {value!r}", hint=f"it takes {wanted}")


def _as_kind(value: Any, kind: Any) -> Any:
    """The value as that kind, or None if it is no such thing."""
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if kind is float and is_number:
        return float(value)
    if kind is int:
        return value if is_number and isinstance(value, int) else None
    if kind is str and (is_number or isinstance(value, datetime.date)):
        return str(value)
    if kind in (Sequence, list, tuple):
        return _as_list(value)
    return value if not isinstance(kind, type) or isinstance(value, kind) else None


def _as_list(value: Any) -> list[Any] | tuple[Any, ...] | None:
    """A list, also from `1,14` as typed on a command line, or from a single number."""
    if isinstance(value, (list, tuple)):
        return value
    try:
        return tomllib.loads(f"value = [{value}]")["value"]
    except tomllib.TOMLDecodeError:
        return str(value).split(",") if isinstance(value, str) else None


def _described(kind: Any) -> str:
    origin = typing.get_origin(kind) or kind
    if origin in (Sequence, list, tuple):
        return "a list such as `[1,2]`"
    if origin is datetime.date:
        return "a day such as 2024-03-28"
    return DESCRIBED.get(origin, "a table" if origin is Mapping else str(kind))
