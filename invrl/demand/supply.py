"""Lead times, review periods and first reviews: the panel's own, or drawn by the config's rules."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import jax.numpy as jnp
import numpy as np

from invrl.config.schema import Supply
from invrl.demand.panel import Panel
from invrl.errors import InvrlError
from invrl.simulator import Episode


def with_supply(panel: Panel, supply: Supply) -> Panel:
    """The panel with lead_time [N] or [T, N], review_period [N], first_review [N] filled in.

    What a rule draws for a pair depends on its place among the sorted names, not among the rows of a file.
    """
    ranked = panel.by_warehouse
    first, second, third = (np.random.default_rng([supply.seed, k] if k else supply.seed) for k in range(3))
    lead_time = _ruled("lead_time", panel.lead_time, supply.lead_time, ranked, first, 0)
    review_period = _ruled("review_period", panel.review_period, supply.review_period, ranked, second, 1)
    if panel.first_review is None and supply.first_review == "spread":
        first_review = np.empty_like(review_period)
        first_review[ranked] = third.integers(0, review_period[ranked])
    else:
        first_review = _ruled("first_review", panel.first_review, supply.first_review, ranked, third, 0)
    if lead_time.max() > MAX_LEAD_TIME:
        raise InvrlError(f"a lead time of {lead_time.max()} days", hint=f"at most {MAX_LEAD_TIME} days")
    return replace(panel, lead_time=lead_time, review_period=review_period, first_review=first_review)


def with_units(panel: Panel, days: slice, supply: Supply) -> Supply:
    """The section with `units` resolved: as the config says, or as the demand of the training days shows.

    Raises:
        InvrlError: packs that are no whole units.
    """
    whole = supply.units == "whole"
    if supply.units == "auto" and panel.counted:
        whole = all(bool((row == np.rint(row)).all()) for row in panel.demand[days])
    if whole and supply.pack_size != round(supply.pack_size):
        raise InvrlError(
            f"supply.pack_size = {supply.pack_size:g}, but demand is in whole units",
            hint="whole packs, or supply.units=continuous",
        )
    return replace(supply, units="whole" if whole else "continuous")


def within_limits(episode: Episode, supply: Supply, pack: Any, minimum: Any, most: Any) -> Episode:
    """The episode with the limits of its orders: packs, minimum, caps.

    The caps in days of demand never forbid the least order: who sells one unit a year can order one.

    Args:
        supply: with `units` resolved (`with_units`).
        pack, minimum, most: [N] or numbers, units; 0 for none.
    """
    whole = supply.units == "whole"
    if whole:
        pack = jnp.maximum(pack, 1.0)
    limited = [
        None if isinstance(x, float) and not x else jnp.broadcast_to(x, episode.scale.shape)
        for x in (pack, minimum)
    ]
    size = jnp.where(pack > 0, pack, 1.0)
    least = jnp.where(pack > 0, size * jnp.maximum(jnp.ceil(minimum / size - 1e-6), 1.0), minimum)
    most = jnp.where(jnp.asarray(most) > 0, most, jnp.inf)
    order, position = (days or jnp.inf for days in (supply.max_order, supply.max_position))
    return episode.replace(
        max_order=jnp.minimum(jnp.maximum(order * episode.scale, least), most),
        max_position=jnp.maximum(position * episode.scale, 2 * least),
        pack=limited[0],
        minimum=limited[1],
        whole=whole,
    )


MAX_LEAD_TIME = 120
"""Days; the pipeline is a dense array and lead times travel as int8."""


def _ruled(
    name: str, own: np.ndarray | None, rule: str, ranked: np.ndarray, rng: np.random.Generator, low: int
) -> np.ndarray:
    if own is not None:
        return own.astype(np.int32)
    values = np.empty(len(ranked), np.int32)
    values[ranked] = draw(name, rule, len(ranked), rng, low)
    return values


def draw(name: str, rule: str, pairs: int, rng: np.random.Generator, low: int) -> np.ndarray:
    """[N] whole numbers by a rule: `3`, `1-7` (evenly) or `1,2,7` (choices).

    Raises:
        InvrlError: a rule that is none of these, or a value below `low`.
    """
    try:
        if "-" in rule:
            first, last = (int(part) for part in rule.split("-"))
            choices = np.arange(first, last + 1)
        else:
            choices = np.array([int(part) for part in rule.split(",")])
        if choices.size == 0 or choices.min() < low:
            raise ValueError
    except ValueError:
        raise InvrlError(
            f"supply.{name} = `{rule}` is no rule", hint=f"such as 3, 1-7 or 1,2,7, each at least {low}"
        ) from None
    return rng.choice(choices, size=pairs).astype(np.int32)
