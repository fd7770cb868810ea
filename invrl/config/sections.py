"""Which sections and keys a config has: the schema's and those of a plugin's algorithms."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Iterator
from functools import cache
from typing import Any

from invrl import registry
from invrl.config.schema import Config
from invrl.config.setting import Setting, settings
from invrl.errors import InvrlError, nearest


def section_of(algo: str) -> str:
    """The config section of an algorithm; a built-in one's has its name. An incumbent has none: its name."""
    if algo not in registry.ALGORITHMS or algo in settings(Config):
        return algo
    return registry.get("algorithm", algo).section


def config_type() -> type[Config]:
    """`Config`, with a section more for every plugin's algorithm that brings settings of its own."""
    own = {}
    for name in set(registry.ALGORITHMS) - set(settings(Config)):
        algorithm = registry.get("algorithm", name)
        if algorithm.settings is not None:
            own[algorithm.section] = algorithm.settings
    return _extended(tuple(sorted(own.items(), key=lambda item: item[0]))) if own else Config


@cache
def _extended(sections: tuple[tuple[str, type], ...]) -> type[Config]:
    fields = [(name, kind, dataclasses.field(default_factory=kind)) for name, kind in sections]
    return dataclasses.make_dataclass("Config", fields, bases=(Config,), frozen=True)


def known_keys() -> list[str]:
    """`key.path` of every setting, those of plugins too."""
    return [key for key, _ in _walk(config_type(), "")]


def _walk(section: type, prefix: str) -> Iterator[tuple[str, Setting]]:
    for name, setting in settings(section).items():
        if setting.is_section:
            yield from _walk(setting.type, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", setting


def explained(word: str) -> list[dict[str, Any]]:
    """What is known of a setting, or of each one of a section.

    Raises:
        InvrlError: no such key.
    """
    every = dict(_walk(config_type(), ""))
    found = {key: s for key, s in every.items() if key == word or key.startswith(f"{word}.")}
    if not found:
        raise InvrlError(f"no key `{word}`", hint=nearest(word, [*every, *settings(config_type())]))
    return [
        {
            "key": key,
            "about": setting.sentence,
            "unit": setting.unit,
            "bounds": _bounds(setting),
            "default": list(setting.default) if isinstance(setting.default, tuple) else setting.default,
            "compiled": TRACED if setting.traced else APART,
        }
        for key, setting in found.items()
    ]


TRACED = "traced: runs that differ in it share a compiled program"
APART = "recompiles: runs that differ in it are compiled apart"


def _bounds(setting: Setting) -> str:
    if setting.bounds is not None:
        return str(setting.bounds)
    if typing.get_origin(setting.type) is typing.Literal:
        return f"one of {', '.join(map(str, typing.get_args(setting.type)))}"
    return "true or false" if setting.type is bool else ""
