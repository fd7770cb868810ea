"""From facts to orders, those of the simulator: one compiled function per review period."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from invrl.baselines.contract import features_of
from invrl.baselines.forecasts import expected_demand
from invrl.config.limits import contradiction
from invrl.config.schema import Config
from invrl.demand import timestep
from invrl.demand.columns import Columns
from invrl.demand.episodes import Window, build_episode
from invrl.demand.supply import within_limits
from invrl.devices import placement
from invrl.errors import InvrlError
from invrl.recommend.facts import BIT, Facts
from invrl.recommend.orderer import Orderer
from invrl.recommend.state import State
from invrl.simulator import Episode, Observation, in_packs, limit, rounded

STEP = 1 << 14
"""Pairs per call of the compiled function."""


class Block(NamedTuple):
    """B pairs, as the compiled function takes them."""

    columns: Columns  # `ahead` holds only the coming days
    inventory: Array  # [L+1, B] units
    own: Array | None  # [k, B]
    pack: Array  # [B] units; 0 for none
    minimum: Array  # [B] units
    maximum: Array  # [B] units
    active: Array  # [B] bool: an order may be placed


class Limits(NamedTuple):
    """Of B orders, units."""

    pack: np.ndarray  # [B] 0 for none
    minimum: np.ndarray  # [B] 0 for none
    maximum: np.ndarray  # [B] inf for none


class Answer(NamedTuple):
    """Of B pairs; [B] where not said otherwise."""

    order: Array  # units
    wanted: Array  # units, before packs, minimum and caps
    packed: Array  # units, before the caps
    position: Array  # units, before the order
    ceiling: Array  # units, the largest order
    level: Array  # units; NaN where the form has none
    short: Array  # bool: below half a pack or the minimum, where the pair has them
    lost: Array  # units expected to be lost before the order arrives, where the form counts them
    raw: Array  # [A, B]
    expected: Array  # units a day
    regressors: Array  # [4, B] units a day
    weighed: Array  # [A, B] units a day, what the coefficients weigh; NaN where there are none


def compiled(orderer: Orderer, config: Config) -> Callable[[Any, Block, Window, int], Answer]:
    """The function (shared, blocks, window, devices) -> answers; compiled once per review period."""

    @partial(jax.jit, static_argnums=(2, 3))
    def run(shared: Any, blocks: Block, window: Window, devices: int) -> Answer:
        return placement.map_blocks(
            lambda shared, block: answer(orderer, config, shared, block, window), shared, blocks, devices
        )

    return run


def answer(orderer: Orderer, config: Config, shared: Any, block: Block, window: Window) -> Answer:
    """The orders of one block: an episode of one review, at the state as it is."""
    past = jnp.zeros((window.start, *block.columns.ahead.shape[1:]))
    columns = block.columns._replace(ahead=jnp.concatenate([past, block.columns.ahead]))
    episode = orderer.rule.prepare(build_episode(columns, window, config.supply, features_of(config)))
    episode = within_limits(episode, config.supply, block.pack, block.minimum, block.maximum)
    seen = _observe(episode, block.inventory, config.supply.unmet)
    action = orderer.rule.act(shared, block.own, seen)
    packed = rounded(jnp.maximum(action.order, 0.0), episode.pack, episode.minimum)
    order = limit(action.order, seen.position, episode, block.active)
    ceiling = limit(jnp.full_like(order, jnp.inf), seen.position, episode, block.active)
    level, counted = (
        orderer.target(block.own, action.raw, seen)
        if orderer.target
        else (jnp.full_like(order, jnp.nan), seen.position)
    )
    return Answer(
        order=order,
        wanted=action.order,
        packed=packed,
        position=seen.position,
        ceiling=ceiling,
        level=level,
        short=(action.order > 0) & (packed == 0) & ((block.pack > 0) | (block.minimum > 0)),
        lost=counted - seen.position,
        raw=action.raw,
        expected=expected_demand(seen),
        regressors=seen.regressors,
        weighed=orderer.weighed(seen) if orderer.weighed else jnp.full_like(action.raw, jnp.nan),
    )


def _observe(episode: Episode, inventory: Array, unmet: str) -> Observation:
    return Observation(
        inventory, inventory.sum(0), episode.features[0], episode.regressors[0], episode.demand_rate[0],
        episode.scale, episode.spread, episode.lead_time[0].astype(inventory.dtype), episode.review_period,
        unmet, None if episode.forecasts is None else episode.forecasts[0],
    )  # fmt: skip


class Desk:
    """Takes facts and states, hands out answers; pairs are worked off in steps of one size."""

    def __init__(self, orderer: Orderer, config: Config, date: np.datetime64, step: str, season: np.ndarray):
        self.orderer, self.config, self.season = orderer, config, season
        self.phase, self.cycle = timestep.phase(date, step), timestep.STEPS[step]
        self.plan = placement.plan(STEP)
        self.run = compiled(orderer, config)
        self.shared = placement.replicate(orderer.shared, self.plan.devices)

    def answers(self, facts: Facts, state: State) -> Answer:
        """Answers as arrays [..., B] of the host."""
        limits = self._limits(state)
        out: list[np.ndarray] = []
        for period in np.unique(facts.review_period):
            members = np.flatnonzero(facts.review_period == period)
            for low in range(0, members.size, STEP):
                index = members[low : low + STEP]
                leaves = [np.asarray(x) for x in self._step(facts, state, limits, index, int(period))]
                out = out or [np.empty((*x.shape[:-1], state.rows), x.dtype) for x in leaves]
                for whole, some in zip(out, leaves, strict=True):
                    whole[..., index] = some[..., : index.size]
        found = Answer(*out)
        pack = np.maximum(limits.pack, 1.0) if self.config.supply.units == "whole" else limits.pack
        return found._replace(order=in_packs(found.order, pack), packed=in_packs(found.packed, pack))

    def _limits(self, state: State) -> Limits:
        """The limits of each row; the run's where the cell is empty.

        Raises:
            InvrlError: no order of a row could be placed.
        """
        supply = self.config.supply
        maximum = _given(state, "max_order", 0.0), np.float32(supply.max_order_units)
        limits = Limits(
            _given(state, "pack_size", supply.pack_size),
            _given(state, "min_order", supply.min_order),
            np.minimum(*(np.where(most > 0, most, np.inf) for most in maximum)),
        )
        for pack, minimum, most in np.unique(np.stack(limits), axis=1).T:
            most = most if np.isfinite(most) else 0.0
            text = contradiction(float(pack), float(minimum), float(most), supply.units == "whole")
            if text:
                row = int(np.argmax((limits.pack == pack) & (limits.minimum == minimum)))
                name = "@".join(str(column[row]) for column in state.names.columns)
                hint = "see its pack_size, min_order and max_order; 0 means no such limit"
                raise InvrlError(f"row {state.start + row + 1} of the state ({name}): {text}", hint=hint)
        return limits

    def _step(self, facts: Facts, state: State, limits: Limits, index: np.ndarray, period: int) -> Answer:
        padded = np.resize(index, self.plan.block * self.plan.blocks)
        block = self._block(facts, state, limits, padded)

        def cut(column: np.ndarray) -> np.ndarray:
            """[..., B] to [blocks, ..., block]."""
            return np.moveaxis(column.reshape(*column.shape[:-1], self.plan.blocks, self.plan.block), -2, 0)

        days = len(facts.demand)
        phase = (self.phase - days) % self.cycle  # of the first day of the history
        window = Window(days, days, days + 1, 1, period, self.orderer.slots, phase, self.cycle)
        blocks = placement.put(jax.tree.map(cut, block), self.plan.devices)
        found = jax.device_get(self.run(self.shared, blocks, window, self.plan.devices))
        return jax.tree.map(lambda x: np.moveaxis(x, 0, -2).reshape(*x.shape[1:-1], -1), found)

    def _block(self, facts: Facts, state: State, limits: Limits, index: np.ndarray) -> Block:
        days = len(facts.demand)
        active = (_given(state, "review", 1) > 0) & ~(_given(state, "do_not_order", 0) > 0)
        columns = Columns(
            demand=facts.demand[:, index],
            ahead=facts.coming[..., index].astype(np.float32),
            static=facts.static[:, index],
            regressors=None if facts.regressors is None else facts.regressors[None, :, index],
            lead_time=facts.lead_time[None, index],
            first_review=np.full(index.size, days, np.int32),
            initial_stock=state.on_hand[index],
            scale=facts.scale[index],
            spread=facts.spread[index],
            typical=facts.typical[index].astype(np.float32),
            weight=np.ones(index.size, np.float32),
            forecasts=None if facts.forecasts is None else facts.forecasts[None, :, index],
            season=np.repeat(self.season[:, None], index.size, 1),
        )
        own = self.orderer.own
        return Block(
            columns=columns,
            inventory=np.concatenate([state.on_hand[None, index], state.due[:, index]]),
            own=None if own is None else self._own(own, facts.pair[index]),
            **{name: column[index] for name, column in limits._asdict().items()},
            active=active[index],
        )

    def _own(self, numbers: np.ndarray, pair: np.ndarray) -> np.ndarray:
        """[k, B] an incumbent's numbers; new pairs get the median."""
        return np.where(pair >= 0, numbers[:, pair], np.median(numbers, axis=1, keepdims=True)).astype(
            np.float32
        )


def _given(state: State, name: str, default: float) -> np.ndarray:
    """[B] float32 a column of the state, the default where a cell is empty."""
    values = state.numbers.get(name, np.full(state.rows, np.nan))
    return np.where(np.isnan(values), default, values).astype(np.float32)


def flags_of(facts: Facts, state: State, answer: Answer) -> np.ndarray:
    """[B] int: those of the facts, and what became of the order."""
    review, never = (np.nan_to_num(state.numbers.get(n, np.full(state.rows, d)), nan=d) for n, d in REVIEW)
    free = (review > 0) & ~(never > 0)
    kept = answer.packed > 0
    found = {
        "not_review_day": review <= 0,
        "do_not_order": never > 0,
        "capped": free & kept & (answer.ceiling < answer.packed),
        "rounded": free & kept & (np.abs(answer.packed - np.maximum(answer.wanted, 0)) > HALF),
        "below_minimum": free
        & (answer.short | (answer.packed > 0))
        & (answer.order == 0)
        & (answer.ceiling > 0),
    }
    return facts.flags | sum(np.where(where, BIT[name], 0) for name, where in found.items())


REVIEW = (("review", 1.0), ("do_not_order", 0.0))
HALF = 0.5
"""Units: rounding to single units is not worth a flag."""
