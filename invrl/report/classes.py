"""Where the policy gains and loses: measures by class of pairs, beside the incumbent's."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from invrl.charts import svg
from invrl.charts.svg import Frame, Scale
from invrl.report.facts import Facts, cell_label, ink_of
from invrl.report.headline import verdict
from invrl.report.markup import (
    LETTER,
    SMALL,
    figure,
    folded,
    graded,
    legend,
    make_section,
    side_by_side,
    table,
    words,
)
from invrl.scoring import breakdown
from invrl.scoring.intervals import Estimate, estimate

CLASSES = {
    "velocity": "By velocity",
    "lead_time": "By lead time",
    "warehouse": "By warehouse",
}
MOST = 12
"""Classes shown; the others are summed up."""
MEASURES = {"stockout_rate": ("stockout rate, %", 100.0), "turnover_time": ("turnover time, days", 1.0)}


class Class(NamedTuple):
    """Pairs of one kind."""

    name: str
    pairs: int
    mine: dict[str, Estimate]
    rival: dict[str, Estimate] | None
    delta: dict[str, Estimate] | None  # mine - rival, paired


def section(facts: Facts) -> str:
    parts = []
    for by, title in CLASSES.items():
        label = breakdown.labels(facts.experiment, by, facts.pairs)
        if np.unique(label).size > 1:
            classes = [(name, mask) for name, mask in merged(label, by) if facts.weight[mask].sum() > 0]
            parts.append(_one(facts, by, title, classes))
    return make_section("classes", "Where it gains and loses", _intro(facts), *parts) if parts else ""


def merged(label: np.ndarray, by: str) -> list[tuple[str, np.ndarray]]:
    """(name, mask [N']) of the classes in their order; the smallest beyond `MOST` become `others`."""
    names, counts = np.unique(label, return_counts=True)
    if by == "velocity":
        names = np.array([name for name in breakdown.VELOCITY if name in names])
    else:
        largest = np.sort(np.argsort(-counts, kind="stable")[:MOST])
        names = names[largest]
    masks = [(str(name), label == name) for name in names]
    rest = ~np.isin(label, names)
    return [*masks, ("others", rest)] if rest.any() else masks


def measured(facts: Facts, classes: list[tuple[str, np.ndarray]]) -> list[Class]:
    """Both policies' measures on each class."""
    evaluation = facts.experiment.config.evaluation

    def means(values: dict[str, np.ndarray], mask: np.ndarray) -> dict[str, Estimate]:
        return estimate(
            {m: values[m][mask] for m in MEASURES}, facts.weight[mask].astype(np.float64),
            facts.experiment.panel.sku[facts.pairs][mask], evaluation.bootstrap, evaluation.seed,
        )  # fmt: skip

    mine, rival = facts.main.values, facts.rival.values if facts.rival else None
    delta = {m: mine[m] - rival[m] for m in MEASURES} if rival else None
    return [
        Class(
            name, int(mask.sum()), means(mine, mask),
            means(rival, mask) if rival else None, means(delta, mask) if delta else None,
        )
        for name, mask in classes
    ]  # fmt: skip


def _one(facts: Facts, by: str, title: str, classes: list[tuple[str, np.ndarray]]) -> str:
    found = measured(facts, classes)
    charts = [_chart(found, measure, ink_of(facts.main)) for measure in MEASURES]
    figures = [
        figure(
            chart,
            _extremes(found, measure).replace("the rival", f"the {facts.rival.name}" if facts.rival else ""),
            title=f"{title}: {MEASURES[measure][0]}",
        )
        for chart, measure in zip(charts, MEASURES, strict=True)
    ]
    return side_by_side(*figures) + folded(
        f"Numbers {title[0].lower()}{title[1:]}", table(_rows(facts, found, by))
    )


def _extremes(found: list[Class], measure: str) -> str:
    """The range of the changes over classes, in words."""
    change = {c.name: MEASURES[measure][1] * c.delta[measure].mean for c in found if c.delta}
    if not change:
        return ""
    unit = "points" if measure == "stockout_rate" else "days"
    best, worst = min(change, key=change.__getitem__), max(change, key=change.__getitem__)
    ends = [f"{change[name]:+.2f}".replace("-", "\N{MINUS SIGN}") for name in (best, worst)]
    return f"Change against the rival: from *{ends[0]} {unit}* ({best}) to *{ends[1]}* ({worst})."


def _intro(facts: Facts) -> str:
    """What dots and rings are, once for all charts."""
    entries = [(ink_of(facts.main), "dot", cell_label(facts.main))]
    tail = ""
    if facts.rival:
        entries.append(("incumbent", "ring", facts.rival.name.replace("_", " ")))
        tail = " A dot left of its ring is an improvement."
    return words(
        "Both measures by class of pairs. Velocity cuts the pairs into thirds by mean demand on training "
        f"days; lead time is in days; of many warehouses the largest are shown.{tail}"
    ) + legend(entries)


def _chart(found: list[Class], measure: str, ink: str) -> str:
    """A row per class with a dot for the policy and a ring for its rival."""
    unit = MEASURES[measure][1]
    values = [unit * side[measure].mean for c in found for side in (c.mine, c.rival) if side]
    left = 14 + min(140.0, LETTER * max(len(c.name) for c in found))
    height = 22.0 * len(found)
    frame = Frame(left, 8, SMALL - left - 14, height, svg.around([0.0, *values], 0.06, 0.0), Scale(0, 1))
    parts = [svg.axes(frame, x_ticks=5, y_count=0)]
    for k, c in enumerate(found):
        parts.append(_row(frame, c, measure, ink, frame.top + 22 * k + 11))
    return svg.svg(SMALL, height + 32, *parts, label=f"{MEASURES[measure][0]} by class")


def _row(frame: Frame, c: Class, measure: str, ink: str, v: float) -> str:
    name, unit = MEASURES[measure]
    words = c.name if len(c.name) <= 22 else f"{c.name[:21]}…"
    mine = float(frame.across(unit * c.mine[measure].mean))
    parts = [svg.text(frame.left - 8, v + 3.5, words, "end", "tick")]
    tip = f"{c.name}, {c.pairs:,} pairs: {name} {unit * c.mine[measure].mean:.2f}"
    if c.rival:
        other = float(frame.across(unit * c.rival[measure].mean))
        parts.append(svg.segment(mine, v, other, v, ink, "join"))
        parts.append(
            svg.marker(
                other, v, "circle", "incumbent", f"incumbent {unit * c.rival[measure].mean:.2f}", "ring"
            )
        )
    parts.append(svg.marker(mine, v, "circle", ink, tip))
    return "".join(parts)


def _rows(facts: Facts, found: list[Class], by: str) -> list[dict[str, object]]:
    rows = []
    for c in found:
        row: dict[str, object] = {by.replace("_", " "): c.name, "pairs": f"{c.pairs:,}"}
        for measure, (heading, unit) in MEASURES.items():
            row[heading] = f"{unit * c.mine[measure].mean:.2f}"
            if facts.rival and c.rival and c.delta:
                _, _, noun = heading.partition(", ")
                row[f"{facts.rival.name}, {noun}"] = f"{unit * c.rival[measure].mean:.2f}"
                row[f"change, {noun}"] = graded(_delta(c.delta[measure], unit), verdict(c.delta[measure]))
        rows.append(row)
    return rows


def _delta(found: Estimate, unit: float) -> str:
    half = (found.high - found.low) / 2 * unit
    return f"{unit * found.mean:+.2f} ±{half:.2f}".replace("-", "\N{MINUS SIGN}")
