"""Stockout rate against turnover time: every cell, and the curve that an incumbent's safety factor draws."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from invrl import pictures, registry
from invrl.comparison import Cell
from invrl.evaluation import classical, make_simulate
from invrl.experiment import Experiment
from invrl.pictures import Frame, Label, Scale
from invrl.report.facts import Facts, cell_label, ink_of
from invrl.report.markup import figure, legend, make_section, twice

SHAPES = {"ds": "circle", "ddpg": "square", "ppo": "triangle", "clairvoyant": "diamond"}
FACTORS = np.linspace(-1.5, 3.5, 21)
"""Safety factors of the curve."""


class Curve(NamedTuple):
    """An incumbent moved along its safety factor; every field [Z]."""

    name: str
    factor: np.ndarray
    stockout_rate: np.ndarray
    turnover_time: np.ndarray  # days


def sweep(experiment: Experiment, name: str, numbers: np.ndarray, split: str, factors: np.ndarray) -> Curve:
    """Measures of an incumbent at each safety factor, its other numbers as tuned.

    Args:
        numbers: [k, N]; the first row is the safety factor.
        factors: [Z].
    """
    dataset = getattr(experiment, split)
    simulate = make_simulate(classical(registry.get("baseline", name), experiment.config), experiment.config)
    weight = experiment.weight[dataset.pairs].astype(np.float64)
    own = numbers[:, dataset.pairs].copy()
    means = []
    for factor in factors:
        own[0] = factor
        found = simulate(None, dataset, own=own)
        means.append([weight @ found[m] / weight.sum() for m in ("stockout_rate", "turnover_time")])
    rate, turnover = np.array(means).T
    return Curve(name, factors, rate, turnover)


def section(facts: Facts) -> str:
    curves = [sweep(facts.experiment, name, numbers, facts.split, FACTORS) for name, numbers in facts.numbers.items()]
    cells = facts.comparison.cells
    picture = twice(lambda width: draw(cells, curves, width))
    caption = (
        "Lower left is better: fewer stockouts with less stock. "
        + (
            "Each grey curve is an incumbent whose safety factor goes from low (top left) to high (bottom right), "
            "set with hindsight on these days; a policy *below and left of the curve* does better than any safety "
            "factor could. "
            if curves
            else ""
        )
        + "Whiskers are 95 % intervals over SKUs; policies share pairs and days, so differences between them are "
        "known better than the whiskers show (see the grid)."
        + (" The clairvoyant knows the coming demand: no policy can be there." if _has(cells, "clairvoyant") else "")
    )
    return make_section("frontier", "Stockouts against stock", figure(picture, caption, _legend(cells, curves)))



def _has(cells: list[Cell], algo: str) -> bool:
    return any(cell.algo == algo for cell in cells)


def draw(cells: list[Cell], curves: list[Curve], width: int) -> str:
    height = 420 if width > 500 else 330
    x, y = _limits(cells, curves)
    frame = Frame(40, 26, width - 52, height - 66, x, y)
    lines = "".join(_curve(frame, curve, k) for k, curve in enumerate(curves))
    marks, labels = [], []
    for cell in cells:
        u, v = float(frame.across(_turnover(cell))), float(frame.up(_rate(cell)))
        marks.append(_whiskers(frame, cell, u, v) + pictures.marker(u, v, _shape(cell), ink_of(cell), _tip(cell)))
        labels.append(Label(u, v, cell_label(cell), ink_of(cell)))
    taken = [place for curve in curves for place in _places(frame, curve)]
    return pictures.svg(
        width, height, pictures.axes(frame, "turnover time, days", "stockout rate, %", 6, 5),
        lines, *marks, pictures.place_labels(labels, frame, taken), label="Stockout rate against turnover time",
    )  # fmt: skip


def _limits(cells: list[Cell], curves: list[Curve]) -> tuple[Scale, Scale]:
    """Room for every cell, and for the part of the curves that is near them."""
    x = pictures.around([_turnover(cell) for cell in cells], 0.18, 0.0)
    rates = [_rate(cell) for cell in cells]
    near = [
        100 * rate
        for curve in curves
        for rate, days in zip(curve.stockout_rate, curve.turnover_time, strict=True)
        if x.low <= days <= x.high and 100 * rate < 1.5 * max(rates)
    ]
    return x, pictures.around([*rates, *near, 0.0], 0.08, 0.0)


def _curve(frame: Frame, curve: Curve, k: int) -> str:
    """The line within the frame, cut where it leaves it."""
    days, rate = _clipped(curve, frame.x, frame.y)
    return pictures.line(frame, days, rate, "incumbent", "dashed" if k else "")


def _clipped(curve: Curve, x: Scale, y: Scale) -> tuple[np.ndarray, np.ndarray]:
    fine = np.linspace(0, len(curve.factor) - 1, 400)
    at = np.arange(len(curve.factor))
    days, rate = np.interp(fine, at, curve.turnover_time), 100 * np.interp(fine, at, curve.stockout_rate)
    inside = (days >= x.low) & (days <= x.high) & (rate >= y.low) & (rate <= y.high)
    return days[inside], rate[inside]


def _places(frame: Frame, curve: Curve) -> list[tuple[float, float]]:
    days, rate = _clipped(curve, frame.x, frame.y)
    return list(zip(frame.across(days[::12]).tolist(), frame.up(rate[::12]).tolist(), strict=True))


def _whiskers(frame: Frame, cell: Cell, u: float, v: float) -> str:
    days, rate = cell.means["turnover_time"], cell.means["stockout_rate"]
    left, right = np.clip(frame.across(np.array([days.low, days.high])), frame.left, frame.right)
    low, high = np.clip(frame.up(100 * np.array([rate.low, rate.high])), frame.top, frame.bottom)
    ink = ink_of(cell)
    return pictures.segment(left, v, right, v, ink, "whisker") + pictures.segment(u, low, u, high, ink, "whisker")


def _rate(cell: Cell) -> float:
    return 100 * cell.means["stockout_rate"].mean


def _turnover(cell: Cell) -> float:
    return cell.means["turnover_time"].mean


def _shape(cell: Cell) -> str:
    return SHAPES.get(cell.algo, "cross")


def _tip(cell: Cell) -> str:
    return f"{cell_label(cell)}: stockout rate {_rate(cell):.2f} %, turnover time {_turnover(cell):.2f} days"


def _legend(cells: list[Cell], curves: list[Curve]) -> str:
    forms = [(reg, "box", reg.upper()) for reg in registry.HEADS if any(cell.reg == reg for cell in cells)]
    shapes = [("text", SHAPES[a], a.upper()) for a in registry.ALGORITHMS if _has(cells, a)]
    moved = [
        ("incumbent", "dashed" if k else "line", f"{curve.name.replace('_', ' ')}, safety factor moved")
        for k, curve in enumerate(curves)
    ]
    return legend([*forms, *shapes, *moved])
