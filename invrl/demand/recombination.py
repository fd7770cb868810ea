"""More training trajectories than there are: blocks of days, put together anew.

A policy trained through the simulator on ten trajectories learns those ten by heart (Xie et al. 2026 call it
overfitting to the idiosyncrasies of trajectories). New trajectories of the same law cure that:

    pairs       each block of days from a random training pair: for pairs that share one law, and days
                (blocks) that do not depend on each other
    time        each block from random training days of the pair itself: for demand that goes on as it was;
                a block of whole weeks keeps the days of the week
    residuals   the pair's errors of a forecast by the day before (AR(1), least squares), drawn anew and
                summed up again: for demand that depends on the day before

The columns of a day move together, so that nothing known of a day contradicts its demand. Regressors that a
panel brings are drawn apart: they look back, and blocks are independent; beside its own demand they would
give away which day it is. Only training reads what is made here; nothing of it lies behind the training days.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from invrl.config.schema import Recombine
from invrl.demand.panel import Panel
from invrl.demand.splits import Part
from invrl.errors import InvrlError

DYNAMIC = ("demand", "ahead", "after", "in_stock", "open", "regressors")
"""Fields of a panel with a value for each day, which move with it."""
ALIKE = ("static", "lead_time", "review_period", "first_review", "price", "mean_demand", "initial_stock")
"""Fields in which pairs that lend each other days must be equal."""
MOST_PHI = 0.95
"""The largest dependence on the day before that is believed."""


def recombined(
    panel: Panel, part: Part, config: Recombine, weighs: bool, seed: int
) -> tuple[Panel, np.ndarray]:
    """(panel of copies * N' new pairs up to the last training day, [copies * N'] the pair each stands for).

    Args:
        panel: with supply filled in (`with_supply`).
        part: the training part.
        weighs: the policy orders by the panel's regressors.

    Raises:
        InvrlError: the panel has what no recombination keeps true.
    """
    stands_for = np.tile(part.pairs, config.copies)
    rng = np.random.default_rng(seed)
    if panel.forecasts:
        raise InvrlError(
            "recombine: forecasts of one's own belong to days as they were", hint="set recombine.by=off"
        )
    if config.by == "pairs":
        _refuse_unlike(panel, part.pairs)
    if config.by == "residuals":
        _refuse_bound_to_days(panel, weighs)
    draw = partial(_sources, panel, part, config, stands_for, rng)
    day, pair = draw()
    moved = {name: _moved(getattr(panel, name), day, pair) for name in DYNAMIC if name != "regressors"}
    if config.by == "residuals":
        moved |= {"demand": _from_residuals(panel, part, stands_for, rng), "after": {}}
    if panel.regressors is not None:
        moved["regressors"] = _moved(panel.regressors, *draw())
    assert panel.lead_time is not None  # with_supply
    if panel.lead_time.ndim == 2:
        moved["lead_time"] = panel.lead_time[: part.stop, stands_for]
    return replace(panel.take(stands_for), **moved), stands_for


def _sources(
    panel: Panel, part: Part, config: Recombine, stands_for: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """(day, pair) [T, K] that each day of each new pair is taken from; blocks begin on review days."""
    assert panel.review_period is not None and panel.first_review is not None  # with_supply
    today = np.arange(part.stop)[:, None]
    if config.by == "residuals":  # all but demand stays where it is
        day, pair = np.broadcast_arrays(today, stands_for)
        return day, pair
    length = config.block or panel.review_period[stands_for]
    offset = panel.first_review[stands_for] % length
    block, place = np.divmod(today - offset, length)  # the first may be cut: its number is then -1
    which = np.arange(stands_for.size)
    if config.by == "pairs":
        lender = rng.choice(part.pairs, (int(block.max()) + 2, stands_for.size))
        return np.broadcast_to(today, block.shape), lender[block + 1, which]
    whole = (part.stop - offset) // length  # blocks that the training days hold
    if np.min(whole) < 2:
        raise InvrlError(
            f"recombine.by=time: the {part.stop} training days hold no two blocks of {np.max(length)}",
            hint="a smaller recombine.block, or recombine.by=off",
        )
    other = np.floor(rng.random((int(block.max()) + 2, stands_for.size)) * whole).astype(int)
    day = offset + other[block + 1, which] * length + place
    return day, np.broadcast_to(stands_for, day.shape)


def _moved(value: Any, day: np.ndarray, pair: np.ndarray) -> Any:
    """A column [T, N] (or regressors [T, 4, N], or a dict of columns) of the days and pairs [T, K]."""
    if value is None:
        return None
    if isinstance(value, dict):
        return {name: column[day, pair] for name, column in value.items()}
    if value.ndim == 2:
        return value[day, pair]
    return np.moveaxis(np.moveaxis(value, 1, -1)[day, pair], -1, 1)


def _from_residuals(panel: Panel, part: Part, stands_for: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Demand [T, K] max(0, a + phi * the day before + a residual drawn anew), per pair."""
    demand = panel.demand[: part.stop].astype(np.float64)
    now, before = demand[1:], demand[:-1]
    centred = before - before.mean(0)
    phi = (centred * now).sum(0) / np.maximum((centred**2).sum(0), 1e-12)
    phi = np.clip(phi, 0.0, MOST_PHI)
    constant = now.mean(0) - phi * before.mean(0)
    residual = now - constant - phi * before
    drawn = rng.integers(0, len(residual), (part.stop, stands_for.size))
    error = residual[drawn, stands_for]
    out = np.empty((part.stop, stands_for.size), np.float32)
    last = demand[rng.integers(0, part.stop, stands_for.size), stands_for]
    for day in range(part.stop):
        last = np.maximum(constant[stands_for] + phi[stands_for] * last + error[day], 0.0)
        out[day] = np.rint(last) if panel.counted else last
    return out


def _refuse_bound_to_days(panel: Panel, weighs: bool) -> None:
    """Refuse what belongs to the demand of its day, where that is made anew."""
    if weighs and panel.regressors is not None:
        hint = "they look back on demand as it was: take recombine.by=pairs or time"
        raise InvrlError("recombine.by=residuals: the policy weighs regressors of the data", hint=hint)
    if panel.in_stock is not None or panel.open is not None:
        hint = "recombine.by=time moves the masks along with the days"
        raise InvrlError("recombine.by=residuals: some days are masked", hint=hint)


def _refuse_unlike(panel: Panel, pairs: np.ndarray) -> None:
    """Refuse pairs that a policy could tell apart: their days do not stand for each other's."""
    for name in ALIKE:
        value = getattr(panel, name)
        for column in value.values() if isinstance(value, dict) else [value]:
            if column is not None and (column[..., pairs] != column[..., pairs[:1]]).any():
                raise InvrlError(
                    f"recombine.by=pairs: the training pairs differ in their {name}",
                    hint="it needs pairs of one law, as in Setting 1 (`--config independent`); "
                    "recombine.by=time takes each pair's own days",
                )
