"""Day by day, pair by pair: everything needed to audit a number from outside."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np

from invrl.demand.episodes import Dataset, Group
from invrl.devices import placement
from invrl.experiment import Experiment
from invrl.metrics import settled
from invrl.scoring.rules import Rule, own_blocks
from invrl.simulator import Day, in_packs, rollout
from invrl.tables.chunks import new_table
from invrl.tables.open import pyarrow
from invrl.tables.whole import refuse_unwritable

Columns = dict[str, np.ndarray]


def trace(experiment: Experiment, rule: Rule, shared: Any, own: np.ndarray | None, split: str) -> Columns:
    """One row per pair and simulated day, as columns.

    date, sku, warehouse, measured (the day counts), review (an order could be placed),
    demand, on_hand (after arrivals), sales, unmet, inventory (end of day), order,
    inventory_position and pipeline (both before the order), raw_0, raw_1 ... (the network's
    output, or a classical policy's level; empty off review days). Units are units.

    Args:
        own: [k, N] an incumbent's numbers over the panel, or None.
    """
    dataset = experiment.whole(split)
    supply = experiment.config.supply

    @partial(jax.jit, static_argnums=3)
    def run(shared, episode, own, devices):
        def block(shared, given):
            episode, own = given

            def record(seen, action, days):
                return seen.position, action.raw, settled(days, seen.scale)

            act = lambda seen, _: rule.act(shared, own, seen)
            return rollout(act, rule.prepare(episode), lambda day: (), unmet=supply.unmet, record=record)[1]

        return placement.map_blocks(block, shared, (episode, own), devices)

    own = None if own is None else own[:, dataset.pairs]
    parts = []
    for group in dataset.groups:
        found = run(
            placement.replicate(shared, group.devices), group.episode, own_blocks(group, own), group.devices
        )
        parts.append(_rows(experiment, dataset, group, experiment.parts[split], jax.device_get(found)))
    merged = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    order = np.lexsort((merged["date"], merged["warehouse"], merged["sku"]))
    return {name: column[order] for name, column in merged.items()}


def _rows(experiment: Experiment, dataset: Dataset, group: Group, part: Any, found: Any) -> Columns:
    """Arrays [blocks, C, (P,) B] of one group as long columns, days outside the window left out."""
    position, raw, days = found
    assert experiment.panel.first_review is not None  # with_supply
    period = group.episode.review_period
    real = group.index >= 0
    pairs = dataset.pairs[group.index[real]]

    def long(array: np.ndarray) -> np.ndarray:
        """[blocks, C, P, B] to [N', C * P]."""
        return np.moveaxis(array, 3, 1)[real].reshape(real.sum(), -1)

    days = Day(*(long(x) for x in days))
    first = part.start - (part.start - experiment.panel.first_review[pairs]) % period
    day = first[:, None] + np.arange(days.demand.shape[1])
    inside = (day >= part.start) & (day < part.stop)
    taken = days.sales if experiment.config.supply.unmet == "lost" else days.demand
    opening = np.moveaxis(position, 2, 1)[real]  # [N', C]
    within = np.cumsum((days.order - taken).reshape(len(pairs), -1, period), axis=2)
    before = opening[:, :, None] + np.concatenate(
        [np.zeros_like(within[:, :, :1]), within[:, :, :-1]], axis=2
    )
    review = np.zeros_like(before, bool)
    review[:, :, 0] = np.moveaxis(np.asarray(group.episode.active), 2, 1)[real]
    pack = np.float32(0) if group.episode.pack is None else np.asarray(group.episode.pack)[real][:, None]
    days = days._replace(order=in_packs(days.order, pack))
    columns = {
        "date": experiment.panel.dates[np.clip(day, 0, experiment.panel.days - 1)],
        "sku": np.broadcast_to(experiment.panel.sku[pairs, None], day.shape),
        "warehouse": np.broadcast_to(experiment.panel.warehouse[pairs, None], day.shape),
        "measured": long(np.asarray(group.episode.measured)),
        "review": review.reshape(day.shape),
        "inventory_position": before.reshape(day.shape),
        "pipeline": before.reshape(day.shape) - days.on_hand,
        **days._asdict(),
    }
    for k in range(raw.shape[2]):
        spread_out = np.full(before.shape, np.nan, np.float32)
        spread_out[:, :, 0] = np.moveaxis(raw[:, :, k], 2, 1)[real]
        columns[f"raw_{k}"] = np.where(review, spread_out, np.nan).reshape(day.shape)
    return {name: column[inside] for name, column in columns.items()}


def write(columns: Columns, path: Path) -> None:
    """Write the rows to a new Parquet or CSV file."""
    refuse_unwritable(path)
    arrow = pyarrow()
    with new_table(path) as append:
        append(arrow.table({name: arrow.array(column) for name, column in columns.items()}))
