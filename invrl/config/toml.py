"""A config as TOML text."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from invrl.config.reading import to_tree
from invrl.config.schema import Config
from invrl.config.sections import section_of
from invrl.config.setting import settings


def to_toml(config: Config) -> str:
    """The config as TOML text that `load` reads back, without sections of plugins that it does not use."""
    own = {*settings(Config), section_of(config.algo)}
    lines: list[str] = []
    _write_table({name: value for name, value in to_tree(config).items() if name in own}, "", lines)
    return "\n".join(lines).lstrip() + "\n"


def _write_table(tree: Mapping[str, Any], name: str, lines: list[str]) -> None:
    if name:
        lines += ["", f"[{name}]"]
    for key, value in tree.items():
        if not isinstance(value, Mapping):
            lines.append(f"{_key(key)} = {_toml(value)}")
    for key, value in tree.items():
        if isinstance(value, Mapping) and value:
            _write_table(value, f"{name}.{_key(key)}" if name else _key(key), lines)


def _key(key: str) -> str:
    return key if key.replace("_", "").replace("-", "").isalnum() and key.isascii() else _toml(key)


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007F")
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, Mapping):
        return f"{{ {', '.join(f'{_key(k)} = {_toml(v)}' for k, v in value.items())} }}"
    return value.isoformat() if hasattr(value, "isoformat") else repr(value)
