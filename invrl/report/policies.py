"""What the network has learned, as pictures: orders, levels and coefficients."""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import jax
import numpy as np

from invrl.baselines.forecasts import expected_demand
from invrl.charts import svg
from invrl.charts.svg import Frame, Scale
from invrl.devices import placement
from invrl.experiment import Experiment
from invrl.policies.heads import RATES, with_forecasts
from invrl.report.facts import Facts, cell_label, head_of, ink_of, narrowed, slowest
from invrl.report.markup import SMALL, figure, make_section, side_by_side, words
from invrl.scoring.comparison import Cell
from invrl.scoring.rules import Rule
from invrl.simulator import rollout
from invrl.training import session

PAIRS = 200
"""Pairs whose reviews are looked at."""
DOTS = 700
"""Reviews drawn in a picture."""


def section(facts: Facts) -> str:
    cells = [cell for cell in facts.comparison.cells if cell.reg]
    if not cells:
        return ""
    seen = {cell.name: look(facts, cell) for cell in cells}
    limits = _limits(list(seen.values()))
    orders = [_orders(cell, seen[cell.name], limits) for cell in cells]
    main = seen[facts.main.name]
    weighing = next((cell for cell in (facts.main, *cells) if _coefficient_names(cell)), None)
    more = [_levels(facts.main, main)]
    if weighing:
        more.append(_coefficients(facts, weighing, seen[weighing.name]))
    intro = (
        f"Reviews of up to {PAIRS} pairs of the {facts.split} part. To show all of them in one picture, "
        "stock and orders are divided by what recent demand would take until the next order's arrival "
        "(lead time and review period): 1 is just enough stock for that time. The dashes order up to just "
        "that; the grey line is the median order."
    )
    return make_section(
        "policy", "What the policy does", words(intro), "<h3>Orders against inventory position</h3>",
        side_by_side(*orders), "<h3>Levels and coefficients</h3>", side_by_side(*more),
    )  # fmt: skip


class Decisions(NamedTuple):
    """Reviews of several pairs, in no particular order."""

    position: np.ndarray  # [K] units on hand and on order, before the order
    order: np.ndarray  # [K] units
    raw: np.ndarray  # [A, K] what the network put out
    forecast: np.ndarray  # [K] units expected until the next order's arrival, the incumbent's way
    recent: np.ndarray  # [K] units that recent demand would take in that time
    lead_time: np.ndarray  # [K] days

    def sample(self, size: int, seed: int = 0) -> Decisions:
        """At most `size` of the reviews, drawn evenly."""
        count = self.order.size
        keep = np.sort(np.random.default_rng(seed).choice(count, min(size, count), replace=False))
        return Decisions(*(values[..., keep] for values in self))


def decide(experiment: Experiment, rule: Rule, shared: Any, split: str) -> Decisions:
    """All reviews of the split's pairs under a learned policy."""
    supply = experiment.config.supply

    @partial(jax.jit, static_argnums=2)
    def run(shared, episode, devices):
        def block(shared, episode):
            def record(seen, action, days):
                expected = expected_demand(seen) * seen.protection
                recent = seen.demand_rate * seen.protection
                return seen.position, action.order, action.raw, expected, recent, seen.lead_time

            act = lambda seen, _: rule.act(shared, None, seen)
            found = rollout(act, rule.prepare(episode), lambda day: (), unmet=supply.unmet, record=record)[1]
            return (*found, episode.active)

        return placement.map_blocks(block, shared, episode, devices)

    parts = []
    for group in experiment.whole(split).groups:
        *found, active = jax.device_get(run(shared, group.episode, group.devices))
        real = (group.index >= 0)[:, None] & active  # [blocks, C, B]
        parts.append(
            [np.moveaxis(values, -2, 0)[:, real] if values.ndim == 4 else values[real] for values in found]
        )
    return Decisions(*(np.concatenate(values, axis=-1) for values in zip(*parts, strict=True)))


def look(facts: Facts, cell: Cell) -> Decisions:
    """The decisions of a cell's best run on a spread of its pairs, from slow to fast."""
    run = facts.best_run(cell)
    experiment = facts.experiment_of(run)
    mean = experiment.panel.demand[:, facts.pairs].mean(0, dtype=np.float64)
    ranked = facts.pairs[np.argsort(mean, kind="stable")]
    spread = ranked[np.linspace(0, ranked.size - 1, min(PAIRS, ranked.size)).astype(int)]
    few = narrowed(experiment, facts.split, np.union1d(spread, slowest(experiment.panel, facts.pairs)))
    rule, shared, _ = session.restore(run, few)
    return decide(few, rule, shared, facts.split)


def _limits(seen: list[Decisions]) -> tuple[Scale, Scale]:
    """The same axes for all policies, without the last stragglers."""
    wide = max(float(np.quantile(one.position / one.recent, 0.95)) for one in seen)
    high = max(float(np.quantile(one.order / one.recent, 0.98)) for one in seen)
    return Scale(0.0, min(max(1.3, wide), 4.0)), Scale(0.0, min(max(0.5, high), 3.0))


def _orders(cell: Cell, seen: Decisions, limits: tuple[Scale, Scale]) -> str:
    """Order against position; the slope of -1 is what a base-stock policy does."""
    few = seen.sample(DOTS)
    x, y = few.position / few.recent, few.order / few.recent
    frame = Frame(40, 24, SMALL - 50, 186, *limits)
    top = min(1.0, limits[1].high)
    guide = svg.line(frame, np.array([1.0 - top, 1.0]), np.array([top, 0.0]), "incumbent", "dashed")
    median = running_median(seen.position / seen.recent, seen.order / seen.recent, limits[0])
    marks = [svg.cloud(frame, x, y, ink_of(cell)), guide, svg.line(frame, *median, "text")]
    axes = svg.axes(frame, "inventory position", "order")
    picture = svg.svg(SMALL, 252, axes, *marks, label=f"Orders of {cell_label(cell)}")
    return figure(picture, f"{_tells(cell)} {_zero_share(seen)}", title=cell_label(cell))


def _tells(cell: Cell) -> str:
    head = head_of(cell.reg)
    return head.tells if head else ""


def _coefficient_names(cell: Cell) -> tuple[str, ...]:
    head = head_of(cell.reg)
    return head.coefficients if head else ()


def running_median(
    x: np.ndarray, y: np.ndarray, scale: Scale, bins: int = 14
) -> tuple[np.ndarray, np.ndarray]:
    """Middle of each stretch of x and median of its y; stretches with fewer than 10 points are left out."""
    edges = np.linspace(scale.low, scale.high, bins + 1)
    place = np.searchsorted(edges, x, side="right") - 1
    kept = [k for k in range(bins) if (place == k).sum() >= 10]
    return (edges[kept] + edges[1] / 2 - edges[0] / 2), np.array([np.median(y[place == k]) for k in kept])


def _zero_share(seen: Decisions) -> str:
    return f"{100 * float((seen.order <= 0).mean()):.0f} % of the reviews order nothing."


def _levels(cell: Cell, seen: Decisions) -> str:
    """The level that an order lifts the position to, against the forecast; both in units."""
    ordered = seen.order > 0
    few = Decisions(*(values[..., ordered] for values in seen)).sample(DOTS)
    x, y = few.forecast, few.position + few.order
    if x.size == 0:
        return ""
    low = max(float(np.quantile(np.minimum(x, y), 0.01)), 1e-2) / 1.5
    both = Scale(low, float(np.maximum(x, y).max()) * 1.3, log=True)
    frame = Frame(44, 24, SMALL - 54, 186, both, both)
    guide = svg.segment(frame.left, frame.bottom, frame.right, frame.top, "incumbent", "dashed")
    heads = "forecast until the next order arrives, units", "position after the order, units"
    marks = [svg.axes(frame, *heads, y_count=6), guide, svg.cloud(frame, x, y, ink_of(cell))]
    picture = svg.svg(SMALL, 252, *marks, label="Base-stock level against forecast")
    ratio = np.quantile(y / np.maximum(x, 1e-9), [0.25, 0.5, 0.75])
    caption = (
        "Inventory position after the order (the level of a base-stock form) against the forecast, on "
        "reviews that order. On the dashed line it is the forecast; above it is safety stock. Half of the "
        f"levels are between *{ratio[0]:.2f} and {ratio[2]:.2f} times* the forecast, "
        f"the median is {ratio[1]:.2f}."
    )
    return figure(picture, caption, title=f"{cell_label(cell)}: level against forecast")


def _coefficients(facts: Facts, cell: Cell, seen: Decisions) -> str:
    """Spread of each coefficient over reviews: 5 to 95 % thin, 25 to 75 % thick, the median a dot."""
    panel, head = facts.experiment.panel, head_of(cell.reg)
    assert head is not None  # its form has coefficients
    head = with_forecasts(head, tuple(panel.forecasts))
    names = head.coefficients
    if panel.regressors is not None and names[: len(RATES)] == RATES:
        names = (*(f"input {k} of the data" for k in range(1, 5)), *names[4:])
    found = np.quantile(seen.raw, [0.05, 0.25, 0.5, 0.75, 0.95], axis=1).T  # [A, 5]
    x = svg.around([0.0, *found.ravel()], 0.08)
    frame = Frame(164, 8, SMALL - 178, 34.0 * len(found), x, Scale(0, 1))
    zero = float(frame.across(0.0))
    parts = [
        svg.axes(frame, x_ticks=5, y_count=0),
        svg.segment(zero, frame.top, zero, frame.bottom, "text", "thin"),
    ]
    for k, (name, row) in enumerate(zip(names, found, strict=False)):
        v = frame.top + 34 * k + 17
        ends = frame.across(row)
        parts.append(svg.text(frame.left - 8, v + 3.5, name, "end", "tick"))
        parts.append(svg.segment(ends[0], v, ends[4], v, ink_of(cell), "thin"))
        parts.append(svg.segment(ends[1], v, ends[3], v, ink_of(cell), "thick"))
        parts.append(svg.marker(float(ends[2]), v, "circle", ink_of(cell), f"{name}: median {row[2]:.2f}"))
    picture = svg.svg(SMALL, frame.bottom + 26, *parts, label="Coefficients by feature")
    start = ", ".join(f"{x:.3g}" for x in head.start)
    caption = (
        "The weights that the network gives to each demand feature, over reviews: dot the median, thick "
        f"line the middle half, thin line nine in ten. Training starts at {start}. A long line is a "
        "weight that *depends on the state*."
    )
    return figure(picture, caption, title=f"{cell_label(cell)}: coefficients by feature")
