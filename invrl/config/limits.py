"""Limits of an order that contradict each other: no order could ever be placed."""

from __future__ import annotations

import math
from collections.abc import Iterator

from invrl import registry
from invrl.config.schema import GROUPS, Config, Supply
from invrl.errors import InvrlError, nearest


def least_order(pack: float, minimum: float) -> float:
    """Units of the smallest order that may be placed; 0 where any quantity may."""
    return pack * math.ceil(minimum / pack - 1e-6) if pack and minimum > pack else max(pack, minimum)


def contradiction(pack: float, minimum: float, maximum: float, whole: bool = False) -> str:
    """What is wrong with the limits of an order in units, each 0 for none; nothing if they agree."""
    if whole and pack != round(pack):
        return f"packs of {pack:g}, but units are whole"
    least = least_order(max(pack, 1.0) if whole else pack, minimum)
    if not maximum or least <= maximum * (1 + 1e-6):
        return ""
    of = f"packs of {pack:g} and at least {minimum:g}" if pack and minimum else ""
    found = of or (f"packs of {pack:g}" if pack else f"at least {least:g}")
    return f"the least order is {least:g} ({found}), the largest {maximum:g}: none could be placed"


def limit_errors(supply: Supply) -> list[tuple[str, str]]:
    """(message, hint) of limits in units that contradict each other."""
    text = contradiction(supply.pack_size, supply.min_order, supply.max_order_units, supply.units == "whole")
    hint = "see supply.pack_size, supply.min_order, supply.max_order_units; 0 means no such limit"
    return [(f"supply: {text}", hint)] if text else []


def check_names(config: Config) -> None:
    """Refuse names that no table has, those that only the end of a run would look up, too.

    Raises:
        InvrlError: the first of them.
    """
    for key, name, known in _names(config):
        if name not in known:
            raise InvrlError(f"{key}: nothing is called `{name}`", hint=nearest(name, known))


def _names(config: Config) -> Iterator[tuple[str, str, list[str]]]:
    """(key, name, the names there are)."""
    yield "algo", config.algo, [*registry.ALGORITHMS, *registry.BASELINES]
    yield "reg", config.reg, list(registry.HEADS)
    yield "data.source", config.data.source, list(registry.SOURCES)
    for name in config.baseline.beside:
        yield "baseline.beside", name, list(registry.BASELINES)
    for name in config.features.groups:
        yield "features.groups", name, list(GROUPS)
