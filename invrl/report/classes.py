"""Where the policy gains and loses: measures by class of pairs, beside the incumbent's."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from invrl import breakdown, pictures
from invrl.intervals import Estimate, estimate
from invrl.pictures import Frame, Scale
from invrl.report.facts import Facts, cell_label, ink_of
from invrl.report.headline import verdict
from invrl.report.markup import SMALL, figure, folded, graded, legend, make_section, side_by_side, table

CLASSES = {
    "velocity": "By velocity",
    "lead_time": "By lead time",
    "warehouse": "By warehouse",
}
TELLS = {
    "velocity": "Thirds of the pairs by mean demand on training days.",
    "lead_time": "Days from order to arrival.",
    "warehouse": "The largest warehouses by number of pairs.",
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
            parts.append(_one(facts, by, title, merged(label, by)))
    return make_section("classes", "Where it gains and loses", *parts)


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
    ink, rival = ink_of(facts.main), facts.rival
    entries = [(ink, "dot", cell_label(facts.main))]
    if rival:
        entries.append(("incumbent", "ring", rival.name.replace("_", " ")))
    tail = " The line joins the two: to the left is better." if rival else ""
    charts = [
        figure(_chart(found, measure, ink), f"{TELLS[by]}{tail}" if k == 0 else "", legend(entries), f"{title}: {MEASURES[measure][0]}")
        for k, measure in enumerate(MEASURES)
    ]
    return side_by_side(*charts) + folded(f"Numbers {title[0].lower()}{title[1:]}", table(_rows(facts, found, by)))


def _chart(found: list[Class], measure: str, ink: str) -> str:
    """A row per class with a dot for the policy and a ring for its rival."""
    unit = MEASURES[measure][1]
    values = [unit * side[measure].mean for c in found for side in (c.mine, c.rival) if side]
    left = 14 + min(130.0, pictures.LETTER * max(len(c.name) for c in found))
    height = 22.0 * len(found)
    frame = Frame(left, 8, SMALL - left - 14, height, pictures.around([0.0, *values], 0.06, 0.0), Scale(0, 1))
    parts = [pictures.axes(frame, x_ticks=5, y_count=0)]
    for k, c in enumerate(found):
        parts.append(_row(frame, c, measure, ink, frame.top + 22 * k + 11))
    return pictures.svg(SMALL, height + 32, *parts, label=f"{MEASURES[measure][0]} by class")


def _row(frame: Frame, c: Class, measure: str, ink: str, v: float) -> str:
    name, unit = MEASURES[measure]
    words = c.name if len(c.name) <= 22 else f"{c.name[:21]}…"
    mine = float(frame.across(unit * c.mine[measure].mean))
    parts = [pictures.text(frame.left - 8, v + 3.5, words, "end", "tick")]
    tip = f"{c.name}, {c.pairs:,} pairs: {name} {unit * c.mine[measure].mean:.2f}"
    if c.rival:
        other = float(frame.across(unit * c.rival[measure].mean))
        parts.append(pictures.segment(mine, v, other, v, ink, "join"))
        parts.append(pictures.marker(other, v, "circle", "incumbent", f"incumbent {unit * c.rival[measure].mean:.2f}", "ring"))
    parts.append(pictures.marker(mine, v, "circle", ink, tip))
    return "".join(parts)


def _rows(facts: Facts, found: list[Class], by: str) -> list[dict[str, object]]:
    rows = []
    for c in found:
        row: dict[str, object] = {by.replace("_", " "): c.name, "pairs": f"{c.pairs:,}"}
        for measure, (heading, unit) in MEASURES.items():
            row[heading] = f"{unit * c.mine[measure].mean:.2f}"
            if c.rival and c.delta:
                row[f"{facts.rival.name if facts.rival else ''} {heading.split(',')[0]}"] = f"{unit * c.rival[measure].mean:.2f}"
                row[f"difference {heading.split(',')[0]}"] = graded(_delta(c.delta[measure], unit), verdict(c.delta[measure]))
        rows.append(row)
    return rows


def _delta(found: Estimate, unit: float) -> str:
    half = (found.high - found.low) / 2 * unit
    return f"{unit * found.mean:+.2f} ±{half:.2f}".replace("-", "\N{MINUS SIGN}")
