"""Stockout rate against turnover time: every cell, and the curve that an incumbent's safety factor draws."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from invrl import registry
from invrl.charts import svg
from invrl.charts.svg import Frame, Scale
from invrl.experiment import Experiment
from invrl.report.facts import Facts, cell_label, form_ink, form_order, ink_of
from invrl.report.markup import Label, figure, legend, make_section, place_labels, twice
from invrl.scoring.comparison import Cell
from invrl.scoring.intervals import weighted_means
from invrl.scoring.results import with_factor

SHAPES = {"ds": "circle", "ddpg": "square", "ppo": "triangle", "clairvoyant": "diamond"}
FACTORS = np.linspace(-1.5, 3.5, 31)
"""Safety factors of the curve."""
WHOLE = np.arange(-1.0, 4.0)
"""Factors marked on it."""


class Curve(NamedTuple):
    """An incumbent moved along its safety factor; every field [Z]."""

    name: str
    factor: np.ndarray
    stockout_rate: np.ndarray
    turnover_time: np.ndarray  # days


def moved(experiment: Experiment, name: str, numbers: np.ndarray, split: str, factors: np.ndarray) -> Curve:
    """An incumbent at each safety factor [Z], its other numbers [k, N] as tuned."""
    measures = with_factor(experiment, name, numbers, split)
    weight = experiment.weight_of(split)
    found = [weighted_means(measures(factor), weight) for factor in factors]
    rate, days = (np.array([mean[m] for mean in found]) for m in ("stockout_rate", "turnover_time"))
    return Curve(name, factors, rate, days)


def section(facts: Facts) -> str:
    curves = [
        moved(facts.experiment, name, numbers, facts.split, FACTORS)
        for name, numbers in facts.numbers.items()
        if registry.get("baseline", name).has_safety_factor
    ]
    cells = facts.comparison.cells
    picture = twice(lambda width: draw(cells, curves, facts.main.name, width))
    caption = (
        "Lower left is better: fewer stockouts with less stock. "
        + (
            "Each grey curve is an incumbent whose safety factor goes from low (top left) to high (bottom "
            "right), set with hindsight on these days; a policy *below and left of the curve* does better "
            "than any safety factor could. "
            if curves
            else ""
        )
        + "The ringed marker is the policy of this report."
        + "".join(
            f" The clairvoyant, who knows the coming demand, would be at {_turnover(cell):.2f} days and "
            f"{_rate(cell):.2f} %."
            for cell in cells
            if cell.algo == "clairvoyant"
        )
    )
    return make_section(
        "frontier", "Stockouts against stock", figure(picture, caption, _legend(cells, curves))
    )


def draw(cells: list[Cell], curves: list[Curve], main: str, width: int) -> str:
    cells = [cell for cell in cells if cell.algo != "clairvoyant"] or cells
    height = 420 if width > 500 else 380
    x, y = _limits(cells, curves)
    frame = Frame(40, 26, width - 52, height - 66, x, y)
    lines = "".join(_curve(frame, curve, k) for k, curve in enumerate(curves))
    marks, labels = [], []
    for cell in cells:
        u, v = float(frame.across(_turnover(cell))), float(frame.up(_rate(cell)))
        kind = "chosen" if cell.name == main else ""
        marks.append(svg.marker(u, v, _shape(cell.algo), ink_of(cell), _tip(cell), kind))
        short = cell.reg.upper() if cell.reg else cell_label(cell)  # the shape tells the algorithm
        labels.append(Label(u, v, short if width < 500 else cell_label(cell), ink_of(cell)))
    taken = [place for curve in curves for place in _places(frame, curve)]
    return svg.svg(
        width, height, svg.axes(frame, "turnover time, days", "stockout rate, %", 6, 5),
        lines, place_labels(labels, frame, taken), *marks, label="Stockout rate against turnover time",
    )  # fmt: skip


def _limits(cells: list[Cell], curves: list[Curve]) -> tuple[Scale, Scale]:
    """Room for every cell, and for the part of the curves that is near them."""
    x = svg.around([_turnover(cell) for cell in cells], 0.18, 0.0)
    rates = [_rate(cell) for cell in cells]
    near = [
        100 * rate
        for curve in curves
        for rate, days in zip(curve.stockout_rate, curve.turnover_time, strict=True)
        if x.low <= days <= x.high and 0.7 * min(rates) < 100 * rate < 1.3 * max(rates)
    ]
    return x, svg.around([*rates, *near], 0.12, 0.0)


def _curve(frame: Frame, curve: Curve, k: int) -> str:
    """The line; the first also bears its factors."""
    drawn = svg.line(
        frame, curve.turnover_time, 100 * curve.stockout_rate, "incumbent", "dashed" if k else ""
    )
    return drawn + ("" if k else _factors(frame, curve))


def _factors(frame: Frame, curve: Curve) -> str:
    """Marks on the first curve where the safety factor is a whole number."""
    days, rate = (np.interp(WHOLE, curve.factor, v) for v in (curve.turnover_time, 100 * curve.stockout_rate))
    inside = (days >= frame.x.low) & (days <= frame.x.high) & (rate >= frame.y.low) & (rate <= frame.y.high)
    places = zip(WHOLE[inside], frame.across(days[inside]), frame.up(rate[inside]), strict=True)
    return "".join(
        svg.marker(u, v, "small", "incumbent", f"safety factor {z:g}")
        + svg.text(u + 6, v - 6, f"z = {z:g}", "start", "tick")
        for z, u, v in places
    )


def _places(frame: Frame, curve: Curve) -> list[tuple[float, float]]:
    fine = np.linspace(curve.factor[0], curve.factor[-1], 90)
    days, rate = (np.interp(fine, curve.factor, v) for v in (curve.turnover_time, 100 * curve.stockout_rate))
    u, v = svg.within(frame, days, rate)
    known = np.isfinite(u)
    return list(zip(u[known].tolist(), v[known].tolist(), strict=True))


def _rate(cell: Cell) -> float:
    return 100 * cell.means["stockout_rate"].mean


def _turnover(cell: Cell) -> float:
    return cell.means["turnover_time"].mean


def _shape(algo: str) -> str:
    return SHAPES.get(algo, "cross")


def _tip(cell: Cell) -> str:
    return f"{cell_label(cell)}: stockout rate {_rate(cell):.2f} %, turnover time {_turnover(cell):.2f} days"


def _legend(cells: list[Cell], curves: list[Curve]) -> str:
    found = sorted({cell.reg for cell in cells if cell.reg}, key=form_order)
    forms = [(form_ink(reg), "box", reg.upper()) for reg in found]
    shapes = [("text", _shape(algo), algo.upper()) for algo in dict.fromkeys(c.algo for c in cells if c.reg)]
    swept = [
        ("incumbent", "dashed" if k else "line", f"{curve.name.replace('_', ' ')}, safety factor moved")
        for k, curve in enumerate(curves)
    ]
    return legend([*forms, *shapes, *swept])
