"""From a panel and a part of its split to the episodes that the simulator runs.

Pairs are grouped by review period. A pair whose reviews fall on days t = phase (mod P)
starts its first cycle on the last such day before the window: the days before the window
are padding, without demand, order or measure. So all pairs of a group review together.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from invrl.config.schema import Features, Supply
from invrl.demand import timestep
from invrl.demand.columns import Columns, blocks_of, columns_of
from invrl.demand.features import Known, Normaliser, features, over_interval, usual_rate
from invrl.demand.panel import Panel
from invrl.demand.splits import Part
from invrl.demand.supply import within_limits
from invrl.devices import hosts, placement
from invrl.errors import InvrlError
from invrl.simulator import Episode


@dataclass(frozen=True)
class Group:
    """The episodes of the pairs that share a review period, cut into blocks."""

    episode: Episode  # every array with a leading axis of blocks
    index: np.ndarray  # [blocks, B] position of each pair within the part; -1 is padding
    devices: int


class Dataset(NamedTuple):
    """One part of a split, ready to run."""

    groups: tuple[Group, ...]
    pairs: np.ndarray  # [N'] indices into the panel
    scale: np.ndarray  # [N'] units a day
    days: int  # simulated days

    @property
    def episodes(self) -> tuple[Episode, ...]:
        return tuple(group.episode for group in self.groups)

    def gather(self, results: list) -> list[np.ndarray]:
        """Per group a tree of [blocks, B, ...]; its leaves [N', ...] in the order of `pairs`."""
        leaves = [jax.tree.leaves(hosts.fetch(result)) for result in results]
        merged = []
        for arrays in zip(*leaves, strict=True):
            out = np.zeros((self.pairs.size, *arrays[0].shape[2:]), arrays[0].dtype)
            for group, array in zip(self.groups, arrays, strict=True):
                real = group.index >= 0
                out[group.index[real]] = array[real]
            merged.append(out)
        return merged


class Window(NamedTuple):
    """What the builder must know; constants of its program, but for the first three where they are traced."""

    start: Any
    measure: Any
    stop: Any
    cycles: int
    period: int
    slots: int
    phase: float
    cycle: float


def make_dataset(
    panel: Panel,
    part: Part,
    known: tuple[np.ndarray, np.ndarray],
    normaliser: Normaliser,
    supply: Supply,
    config: Features,
    weight: np.ndarray,
    block: int | None = None,
    devices: int | None = None,
    piece: tuple[int, int] = (0, 1),
    seen: np.ndarray | None = None,
) -> Dataset:
    """The episodes of one part, or of a piece of it.

    Args:
        panel: with supply filled in (`with_supply`).
        known: mean and standard deviation [N] of daily demand, as far as policies know them.
        weight: [N] weight of each pair of the panel in means.
        block, devices: pairs in a block, and devices to lay them over; None lets `placement` decide.
        piece: (k, n) takes every n-th pair from the k-th on, of each review period; the pieces of a
            part have the same shapes, so that one program runs them all.
        seen: [T, N] units, what features see of demand (`masks.filled`); None: all of it.
    """
    assert panel.review_period is not None  # with_supply
    scale, spread = known
    periods = panel.review_period[part.pairs]
    devices = devices or placement.device_count(part.pairs.size)  # of all groups: they learn together
    k, n = piece
    together = [np.flatnonzero(periods == period) for period in np.unique(periods)]
    position = np.sort(np.concatenate([members[k::n] for members in together]))  # of the piece's pairs
    groups = []
    for everyone in together:
        pairs = part.pairs[everyone]
        window = _window(panel, part, pairs, int(panel.review_period[pairs[0]]))
        mine = pairs[k::n] if k < pairs.size else pairs[:1]  # a piece without pairs of a group is all padding
        plan = placement.plan(-(-pairs.size // n), block, devices)
        members = np.searchsorted(position, everyone[k::n])
        index = blocks_of(members.size, plan)
        columns = columns_of(panel, mine[np.maximum(index, 0)], normaliser, scale, spread, weight, seen)
        groups.append(_group(columns, index, members, window, supply, config, plan.devices))
    pairs = part.pairs[position]
    _refuse_unmeasured(panel, part, pairs, groups)
    return Dataset(tuple(groups), pairs, scale[pairs], part.stop - part.start)


def bytes_per_pair(panel: Panel, part: Part, normaliser: Normaliser, config: Features) -> int:
    """Memory of one pair's episode, on average, with what it is built from."""
    return placement.size_of(episode_shapes(panel, part, normaliser, config))


def episode_shapes(
    panel: Panel, part: Part, normaliser: Normaliser, config: Features
) -> tuple[Columns, Episode]:
    """A block of one pair: its columns, and shapes of its episode, of the part's shortest review period."""
    assert panel.review_period is not None  # with_supply
    one = part.pairs[:1]
    nothing = np.ones(panel.pairs, np.float32)
    columns = columns_of(panel, one[None], normaliser, nothing, nothing, nothing)
    window = _window(panel, part, one, int(panel.review_period[part.pairs].min()))
    return columns, _build.eval_shape(columns, *_movable(window), Supply(), config, 1)


def _refuse_unmeasured(panel: Panel, part: Part, pairs: np.ndarray, groups: list[Group]) -> None:
    """A pair that no order can influence would be measured on no day, and look perfect."""
    if not part.judged:
        return
    for group in groups:
        bad = group.index[~hosts.fetch(group.episode.measured.any((1, 2))) & (group.index >= 0)]
        if bad.size:
            raise InvrlError(
                f"no order can influence {panel.names[pairs[bad[0]]]} on days {part.measure} to {part.stop}",
                hint="its lead time or review period is too long: raise split.warmup_days, or longer parts",
            )


def _window(panel: Panel, part: Part, pairs: np.ndarray, period: int) -> Window:
    assert panel.lead_time is not None and panel.first_review is not None  # with_supply
    first = _first_cycle(panel.first_review[pairs], part.start, period)
    return Window(
        start=part.start,
        measure=part.measure,
        stop=part.stop,
        cycles=int(-(-(part.stop - first.min()) // period)),
        period=period,
        slots=int(panel.lead_time.max()) + 1,  # the same for all groups: one network reads them
        phase=timestep.phase(panel.start, panel.step),
        cycle=timestep.STEPS[panel.step],
    )


def _first_cycle(first_review: Any, start: int, period: int) -> Any:
    """The last day on the review grid at or before `start`."""
    return start - (start - first_review) % period


def _group(
    columns: Columns,
    index: np.ndarray,
    members: np.ndarray,
    window: Window,
    supply: Supply,
    config: Features,
    devices: int,
) -> Group:
    """The group of columns [blocks, ..., B]; `index` [blocks, B] is a place in `members`, -1 is padding."""
    columns = columns._replace(weight=np.where(index >= 0, columns.weight, np.float32(0)))
    episode = _build(placement.put(columns, devices), *_movable(window), supply, config, devices)
    position = np.where(index >= 0, members[np.maximum(index, 0)] if members.size else -1, -1)
    return Group(episode, position, devices)


def _movable(window: Window) -> tuple[np.ndarray, Window]:
    """What of a window is traced, and what not: parts as long as each other share one program."""
    return np.array(window[:3], np.int32), window._replace(start=0, measure=0, stop=0)


@partial(jax.jit, static_argnames=("window", "supply", "config", "devices"))
def _build(
    blocks: Columns, when: Array, window: Window, supply: Supply, config: Features, devices: int
) -> Episode:
    """`when` is the window's start, measure and stop, which it holds none of."""
    block = lambda when, columns: build_episode(columns, Window._make((*when, *window[3:])), supply, config)
    return placement.map_blocks(block, when, blocks, devices)


def build_episode(columns: Columns, window: Window, supply: Supply, config: Features) -> Episode:
    """One block's episode; traceable."""
    first = _first_cycle(columns.first_review, window.start, window.period)
    review = first + window.period * jnp.arange(window.cycles)[:, None]  # [C, B]
    day = review[:, None] + jnp.arange(window.period)[:, None]  # [C, P, B]
    inside = (day >= window.start) & (day < window.stop)
    lead_time = (
        _on_days(columns.lead_time, review) if columns.lead_time.shape[0] > 1 else columns.lead_time[0]
    )
    lead_time = jnp.broadcast_to(lead_time, review.shape)
    active = (review >= window.start) & (review < window.stop) & (review >= columns.first_review)
    if columns.listed is not None:
        active &= _on_days(columns.listed, review)
    arrival = jnp.where(active, review + lead_time, window.stop).min(0)  # first day an order can influence
    known = _known(columns)
    rows, regressors, rate, own = _inputs(columns, known, window, review, lead_time, config)
    measured = inside & (day >= jnp.maximum(window.measure, arrival))
    if columns.counts is not None:
        measured &= _each(columns.counts, day)
    episode = Episode(
        demand=jnp.where(inside, _each(columns.demand, day), 0.0),
        measured=measured,
        active=active,
        lead_time=lead_time.astype(jnp.int8),
        features=rows,
        regressors=regressors,
        demand_rate=rate,
        scale=columns.scale,
        spread=columns.spread,
        initial=_initial(columns, known, window, supply, first, lead_time[0]),
        max_order=columns.scale,  # see below
        max_position=columns.scale,
        weight=columns.weight,
        forecasts=own,
    )
    return within_limits(episode, supply, supply.pack_size, supply.min_order, supply.max_order_units)


def _initial(
    columns: Columns, known: Known, window: Window, supply: Supply, first: Array, lead_time: Array
) -> Array:
    """[L+1, B] units on hand and due when the episode begins: recorded, or by the config's rule."""
    stock = columns.initial_stock
    if stock is None:
        stock = supply.initial_days * (lead_time + window.period)
        stock *= usual_rate(known, jnp.maximum(first, window.start)[None])[0]
        stock = jnp.floor(stock + 0.5) if supply.units == "whole" else stock
    stock = stock.reshape(-1, columns.scale.shape[0])[: window.slots]
    return jnp.zeros((window.slots, columns.scale.shape[0])).at[: len(stock)].set(stock)


def _known(columns: Columns) -> Known:
    relative = (columns.demand if columns.seen is None else columns.seen) / columns.scale
    typical = 1.0 if columns.typical is None else columns.typical
    season = None if columns.season is None else columns.season[:, 0]
    return Known(
        relative, columns.ahead, columns.static, columns.scale, columns.spread, typical, season
    )  # fmt: skip


def _inputs(
    columns: Columns, known: Known, window: Window, review: Array, lead_time: Array, config: Features
) -> tuple[Array, Array, Array, Array | None]:
    """What a policy sees on the reviews [C, B], beside its stock: features, regressors, demand rate, own."""
    when = jnp.clip(review, window.start, window.stop - 1)  # padding cycles lie outside the panel
    calendar = (window.phase, window.cycle)
    rows, regressors, rate = features(known, when, lead_time, window.period, calendar, config)
    own = (
        None if columns.forecasts is None else _own(columns.forecasts, review, lead_time, regressors, window)
    )
    if own is not None and "forecast" in config.groups:
        rows = jnp.concatenate([rows, jnp.log1p(own / rate[:, None])], 1)  # however wild a forecast is
    if columns.regressors is not None:
        regressors = jnp.moveaxis(_on_days(jnp.moveaxis(columns.regressors, 1, 0), review, axis=1), 0, 1)
    return rows, regressors, rate, own


def _each(column: Array, day: Array) -> Array:
    """Values of [T, B] on the days [C, P, B]."""
    return _on_days(column, day.reshape(-1, day.shape[-1])).reshape(day.shape)


def _own(forecasts: Array, review: Array, lead_time: Array, regressors: Array, window: Window) -> Array:
    """[C, M, B] own forecasts on review days; where there is none, the seasonal mean over the same days."""
    given = jnp.moveaxis(_on_days(jnp.moveaxis(forecasts, 1, 0), review, axis=1), 0, 1)
    near, far = regressors[:, 2:3], regressors[:, 3:4]
    seasonal = over_interval(near, far, lead_time[:, None], window.period)
    return jnp.where(jnp.isnan(given), seasonal, given)


def _on_days(column: Array, day: Array, axis: int = 0) -> Array:
    """Values of [T, B] (or [..., T, B]) on the days [C, B]."""
    index = jnp.clip(day, 0, column.shape[axis] - 1)
    return jnp.take_along_axis(column, index[(None,) * axis], axis=axis)
