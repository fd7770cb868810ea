"""From a name, a TOML file and `key.path=value` words to a checked `Config`, and back to text.

One file describes one setting; `[tuned.<algo>.<reg>]` tables hold what differs between its cells,
`[search]` where `invrl tune` looks. Every mistake in a file is reported, not only the first.
"""

from __future__ import annotations

import dataclasses
import os
import tomllib
import typing
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal

from invrl import registry
from invrl.config.limits import limit_errors
from invrl.config.schema import Config
from invrl.config.sections import config_type, known_keys, section_of
from invrl.config.setting import settings
from invrl.errors import InvrlError, nearest

_PLACES = [Path(__file__).parents[1] / "experiments", Path(__file__).parents[2] / "experiments"]
EXPERIMENTS = next((place for place in _PLACES if place.is_dir()), _PLACES[-1])
"""The ready configs: in an installed package, or beside it in a checkout."""


def load(
    name: str | None = None,
    overrides: Iterable[str] = (),
    algo: str | None = None,
    reg: str | None = None,
) -> Config:
    """The config behind a command line.

    Later wins: defaults, the file, its tables `[tuned.<algo>.any]` and `[tuned.<algo>.<reg>]`, `algo` and
    `reg`, overrides.

    Args:
        name: a file, or the name of one in `experiments/`; None for the defaults.
        overrides: `key.path=value` words.

    Raises:
        InvrlError: naming every unknown key and every value of the wrong type.
    """
    tree = read(find(name)) if name is not None else {}
    tuned = tree.pop("tuned", {})
    tree.pop("search", None)  # see `search_lines`
    words = [parse_override(word) for word in overrides]
    for key, value in [("algo", algo), ("reg", reg), *words]:
        if key in ("algo", "reg") and value is not None:
            tree[key] = value
    cells = check_tuned(tuned)
    chosen = str(tree.get("algo", Config.algo)), str(tree.get("reg", Config.reg))
    for cell in ((chosen[0], ANY), chosen):
        merge(tree, cells.get(cell, {}))
    for key, value in words:
        merge(tree, nested(key, value))
    return build(tree)


def search_lines(name: str | None, algo: str) -> dict[str, Any]:
    """key -> range of a config's `[search]` table, without the sections of other algorithms."""
    tree = read(find(name)).get("search", {}) if name else {}
    others = {section_of(name) for name in registry.ALGORITHMS} - {section_of(algo)}
    return {key: line for key, line in flatten(tree) if key.partition(".")[0] not in others}


def find(name: str) -> Path:
    """The path of a config given as a file or by its name in `experiments/`."""
    path = Path(os.path.expanduser(name))
    if path.suffix == ".toml" or path.is_file():
        return path
    known = {p.stem: p for p in sorted(EXPERIMENTS.glob("*.toml"))}
    if name not in known:
        raise InvrlError(f"no config `{name}`", hint=nearest(name, known) if known else "give a FILE.toml")
    return known[name]


def read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise InvrlError(f"no config file {path}", hint="`invrl config ls` lists the ready ones") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        hint = "TOML in UTF-8: `[section]`, then lines `key = value`, each key once"
        raise InvrlError(f"{path} is not TOML: {error}", hint=hint) from None


def parse_override(word: str) -> tuple[str, Any]:
    """`key.path=value`, the value read as TOML, or as a string where it is none."""
    key, sign, text = word.partition("=")
    if not sign or not key:
        raise InvrlError(f"`{word}` is not key=value", hint="such as `train.updates=200`")
    try:
        found = tomllib.loads(f"value = {text}")
    except (tomllib.TOMLDecodeError, RecursionError):
        return key, text
    return key, found["value"] if len(found) == 1 else text


def with_values(config: Config, values: Iterable[tuple[str, Any]]) -> Config:
    """The config with some keys changed; checked like any other.

    Args:
        values: (`key.path`, value).
    """
    tree = to_tree(config)
    for key, value in values:
        merge(tree, nested(key, value))
    return build(tree)


def nested(key: str, value: Any) -> dict[str, Any]:
    """`a.b.c` and a value as tables in tables."""
    for part in reversed(key.split(".")):
        value = {part: value}
    return value


def merge(tree: dict[str, Any], extra: Mapping[str, Any]) -> None:
    """Lay `extra` over `tree`, table by table, in place."""
    for key, value in extra.items():
        if isinstance(value, Mapping) and isinstance(tree.get(key), dict):
            merge(tree[key], value)
        else:
            tree[key] = dict(value) if isinstance(value, Mapping) else value


ANY = "any"
"""`[tuned.<algo>.any]` holds for all forms; a form's own table wins."""


def check_tuned(tuned: Any) -> dict[tuple[str, str], Mapping[str, Any]]:
    """(algo, reg) -> table of every `[tuned.<algo>.<reg>]`; a mistake in any of them is an error."""
    cells = {}
    for algo, forms in _table("tuned", tuned, [*registry.ALGORITHMS, *registry.BASELINES]):
        for reg, cell in _table(f"tuned.{algo}", forms, [*registry.HEADS, ANY]):
            if not isinstance(cell, Mapping):
                raise InvrlError(f"tuned.{algo}.{reg}: a table, not {cell!r}")
            try:
                build(cell)
            except InvrlError as error:
                raise InvrlError(f"tuned.{algo}.{reg}.{error.message}", hint=error.hint) from None
            cells[algo, reg] = cell
    return cells


def _table(name: str, tree: Any, known: Iterable[str]) -> Iterable[tuple[str, Any]]:
    if not isinstance(tree, Mapping):
        raise InvrlError(f"{name}: a table, not {tree!r}", hint=f"such as `[{name}.NAME]`")
    known = list(known)
    for key in tree:
        if key not in known:
            raise InvrlError(f"{name}.{key}: unknown key", hint=nearest(key, known))
    return tree.items()


def _check_bounds(section: Any, prefix: str, errors: list[tuple[str, str]]) -> None:
    """Refuse numbers that would train nonsense: out of the setting's bounds, or NaN."""
    for name, known in settings(type(section)).items():
        key, value = f"{prefix}{name}", getattr(section, name)
        if known.is_section:
            _check_bounds(value, f"{key}.", errors)
        numbers = value if isinstance(value, tuple) else (value,)
        bad = [number for number in numbers if known.bounds is not None and number not in known.bounds]
        errors += [(f"{key}: {known.refusal(number)}", f"such as `{key}=1`") for number in bad]


GONE = {"ds.recombine": False, "ds.copies": 1}
"""Keys of earlier versions, and the values at which they did nothing: configs of old runs hold them."""


def build(tree: Mapping[str, Any]) -> Config:
    """A checked Config from nested tables; all errors are reported together."""
    errors: list[tuple[str, str]] = []
    config = _struct(config_type(), _without_gone(tree), "", errors)
    if not errors:
        _check_bounds(config, "", errors)
        errors += [] if errors else limit_errors(config.supply)
    if len(errors) == 1:
        raise InvrlError(*errors[0])
    if errors:
        raise InvrlError("\n       ".join(f"{message}; {hint}" for message, hint in errors))
    return config


def _without_gone(tree: Mapping[str, Any]) -> Mapping[str, Any]:
    return {
        section: {key: v for key, v in table.items() if GONE.get(f"{section}.{key}", ...) != v}
        if isinstance(table, Mapping)
        else table
        for section, table in tree.items()
    }


def _struct(cls: type, tree: Mapping[str, Any], prefix: str, errors: list[tuple[str, str]]) -> Any:
    hints = _hints(cls)
    values = {}
    for key, value in tree.items():
        if key not in hints:
            errors.append((f"{prefix}{key}: unknown key", _unknown(prefix, key, value)))
        elif dataclasses.is_dataclass(hints[key]):
            if isinstance(value, Mapping):
                values[key] = _struct(hints[key], value, f"{prefix}{key}.", errors)
            else:
                errors.append(
                    (f"{prefix}{key}: a table, not {value!r}", f"such as `{prefix}{key}.NAME=VALUE`")
                )
        else:
            values[key] = _value(hints[key], value, f"{prefix}{key}", errors)
    return cls(**values)


@cache
def _hints(cls: type) -> dict[str, Any]:
    return typing.get_type_hints(cls)


def _unknown(prefix: str, key: str, value: Any) -> str:
    sections = list(settings(config_type()))
    hint = nearest(f"{prefix}{key}", [*(() if prefix else sections), *known_keys()])
    close = hint.startswith("did you mean")
    if prefix or close and not isinstance(value, Mapping):  # a plugin has tables of its own
        return hint
    one = hint if close else f"one of {', '.join(sections)},"
    return f"{one} or a plugin's: --plugin FILE"


def _value(hint: Any, value: Any, key: str, errors: list[tuple[str, str]]) -> Any:
    """The value as the type wants it; a mismatch is noted in `errors`."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is Literal:
        if value in args:
            return value
        errors.append((f"{key}: no choice {value!r}", f"one of {', '.join(map(str, args))}"))
    elif origin is tuple:
        words = value.split(",") if isinstance(value, str) else [value]
        items = value if isinstance(value, (list, tuple)) else [word for word in words if word != ""]
        if isinstance(value, str) and args[0] is not str:
            items = [parse_override(f"value={word}")[1] for word in items]
        return tuple(_value(args[0], item, key, errors) for item in items)
    elif origin is dict:
        if isinstance(value, Mapping):
            return dict(value)
        errors.append((f"{key}: a table, not {value!r}", f"such as `{key}.NAME=VALUE`"))
    elif hint is Any or isinstance(value, bool) == (hint is bool) and isinstance(value, hint):
        return value
    elif hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    elif hint is str and isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)  # rules such as lead_time = 3
    else:
        errors.append((f"{key}: {value!r} is not {_type_name(hint)}", f"such as `{key}={_example(hint)}`"))
    return value


def _type_name(hint: type) -> str:
    return {int: "a whole number", float: "a number", bool: "true or false", str: "text"}.get(hint, str(hint))


def _example(hint: type) -> str:
    return {int: "10", float: "0.1", bool: "true"}.get(hint, "text")


def to_tree(config: Any) -> dict[str, Any]:
    """The config as nested plain tables, for TOML, JSON and comparison."""
    return {
        f.name: to_tree(value) if dataclasses.is_dataclass(value) else _plain(value)
        for f in dataclasses.fields(config)
        for value in [getattr(config, f.name)]
    }


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else dict(value) if isinstance(value, Mapping) else value


def flatten(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """(`key.path`, value) of every leaf."""
    for key, value in tree.items():
        if isinstance(value, Mapping) and value:
            yield from flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
