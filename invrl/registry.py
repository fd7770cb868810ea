"""Every name a user can type, and where its code lives.

The tables double as the index of the package. They hold strings, so `--help`,
completion and `config check` know every name without importing jax.
To add a sibling: write it, then add its line here. A user's own file, loaded
with `--plugin`, calls `register` instead.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import Any

from invrl.errors import InvrlError, nearest

SOURCES: dict[str, Any] = {
    "file": "invrl.sources.files:read_panel",
    "retail": "invrl.sources.retail:retail",
    "independent": "invrl.sources.paper:independent",
    "ar1": "invrl.sources.paper:ar1",
    "iid": "invrl.sources.paper:iid",
    "lost-sales": "invrl.sources.paper:lost_sales",
}

HEADS: dict[str, Any] = {
    "none": "invrl.policies.heads:NONE",
    "base": "invrl.policies.heads:BASE",
    "coeff": "invrl.policies.heads:COEFF",
    "both": "invrl.policies.heads:BOTH",
    "pil": "invrl.policies.heads:PIL",
    "pil_coeff": "invrl.policies.heads:PIL_COEFF",
    "plain": "invrl.policies.heads:PLAIN",
}

ALGORITHMS: dict[str, Any] = {
    "ds": "invrl.algorithms.ds:DS",
    "ddpg": "invrl.algorithms.ddpg:DDPG",
    "ppo": "invrl.algorithms.ppo:PPO",
}

BASELINES: dict[str, Any] = {
    "incumbent": "invrl.baselines.forecast_base_stock:INCUMBENT",
    "s_S": "invrl.baselines.s_S:S_S",
    "capped_base_stock": "invrl.baselines.capped_base_stock:CAPPED_BASE_STOCK",
    "projected_level": "invrl.baselines.projected_level:PROJECTED_LEVEL",
    "constant": "invrl.baselines.constant:CONSTANT",
    "clairvoyant": "invrl.baselines.clairvoyant:CLAIRVOYANT",
}

FORECASTERS: dict[str, Any] = {
    "seasonal_average": "invrl.forecasters.seasonal:seasonal_average",
    "seasonal_naive": "invrl.forecasters.seasonal:seasonal_naive",
    "boosting": "invrl.forecasters.boosting:boosting",
}

TABLES = {
    "source": SOURCES,
    "head": HEADS,
    "algorithm": ALGORITHMS,
    "baseline": BASELINES,
    "forecaster": FORECASTERS,
}


def get(kind: str, name: str) -> Any:
    """The object behind a registered name.

    Args:
        kind: `source`, `head`, `algorithm` or `baseline`.
        name: a key of that table.

    Raises:
        InvrlError: no such name; the hint holds the nearest one.
    """
    table = TABLES[kind]
    if name not in table:
        raise InvrlError(f"no {kind} `{name}`", hint=nearest(name, table))
    entry = table[name]
    if isinstance(entry, str):
        module, _, attribute = entry.partition(":")
        entry = getattr(importlib.import_module(module), attribute)
    return entry


PLUGIN = "invrl_plugin"
"""Name of a plugin's module."""


def load_plugin(path: str) -> None:
    """Run a user's Python file, which calls `register`.

    Raises:
        InvrlError: no such file, or it fails.
    """
    module = ModuleType(PLUGIN)
    module.__file__ = path
    sys.modules[PLUGIN] = module  # so that its dataclasses are found by their module, with their source
    try:
        with open(path, encoding="utf-8") as file:
            exec(compile(file.read(), path, "exec"), module.__dict__)
    except OSError as error:
        raise InvrlError(f"cannot read plugin {path}: {error.strerror}") from None
    except InvrlError:
        raise
    except Exception as error:
        raise InvrlError(f"plugin {path} failed: {type(error).__name__}: {error}") from error


def register(kind: str, name: str, entry: Any) -> None:
    """Add an object under a new name; for files given with `--plugin`."""
    table = TABLES[kind]
    if name in table:
        raise InvrlError(f"{kind} `{name}` exists already", hint="choose another name")
    table[name] = entry
