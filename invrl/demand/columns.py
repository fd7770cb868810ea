"""What a block of episodes is built from: the panel's columns, cut into blocks of pairs."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jax import Array

from invrl.demand import masks
from invrl.demand.features import Normaliser, numeric_static
from invrl.demand.panel import Panel
from invrl.devices import placement


class Columns(NamedTuple):
    """What a block is built from; B pairs."""

    demand: Array  # [T, B] units, of the simulated customers
    ahead: Array  # [T, Ka, B]
    static: Array  # [Ks, B]
    regressors: Array | None  # [T, 4, B] units a day
    lead_time: Array  # [1 or T, B] days
    first_review: Array  # [B] day
    initial_stock: Array | None  # [B] units on hand, or [L+1, B] with what is due in 1..L days
    scale: Array  # [B]
    spread: Array  # [B]
    weight: Array  # [B]
    seen: Array | None = None  # [T, B] units, what features see of demand; None: all
    counts: Array | None = None  # [T, B] bool: the day is measured; None: every day
    listed: Array | None = None  # [T, B] bool: orders may be placed; None: every day
    season: Array | None = None  # [S, B] of the year, the same for all
    forecasts: Array | None = None  # [T, M, B] units a day, NaN where there is none; None: M is 0
    typical: Array | None = None  # [B] units a day, the scale of the training pair in the middle; None: 1


def blocks_of(count: int, plan: placement.Plan) -> np.ndarray:
    """[blocks, B] 0, 1, ... count - 1 in an order of chance that is always the same, then -1 for padding.

    An update takes a block or neighbours within one: in the panel's order those would be warehouses of the
    same few SKUs, for ever.
    """
    index = np.full(plan.blocks * plan.block, -1)
    index[:count] = np.random.default_rng(0).permutation(count)
    return index.reshape(plan.blocks, plan.block)


def columns_of(
    panel: Panel,
    index: np.ndarray,
    normaliser: Normaliser,
    scale: np.ndarray,
    spread: np.ndarray,
    weight: np.ndarray,
    seen: np.ndarray | None = None,
) -> Columns:
    """[blocks, ..., B] of the panel's pairs [blocks, B]."""
    assert panel.lead_time is not None and panel.first_review is not None  # with_supply

    def take(column: np.ndarray) -> np.ndarray:
        """[..., N] to [blocks, ..., B]."""
        return np.moveaxis(column.take(index, -1), -2, 0)

    ahead = np.empty((len(index), panel.days, len(panel.ahead), index.shape[1]), np.float32)
    for k, column in enumerate(panel.ahead.values()):
        np.subtract(take(column), normaliser.ahead_mean[k], out=ahead[:, :, k])
        ahead[:, :, k] /= normaliser.ahead_sd[k]
    static = (take(numeric_static(panel)) - normaliser.static_mean[:, None]) / normaliser.static_sd[:, None]
    known, listed = masks.observed(panel), masks.listed(panel)
    return Columns(
        take(panel.demand if seen is None else masks.simulated(panel, seen)),
        ahead, static,
        None if panel.regressors is None else take(panel.regressors),
        take(np.atleast_2d(panel.lead_time)), take(panel.first_review),
        None if panel.initial_stock is None else take(panel.initial_stock).astype(np.float32),
        take(scale), take(spread), take(weight).astype(np.float32),
        None if seen is None or panel.open is None else take(seen),
        None if known is None else take(known),
        None if listed is None else take(listed),
        np.broadcast_to(normaliser.season[:, None], (len(index), len(normaliser.season), index.shape[1])),
        np.stack([take(x) for x in panel.forecasts.values()], -2) if panel.forecasts else None,
        np.full(index.shape, normaliser.typical, np.float32),
    )  # fmt: skip
