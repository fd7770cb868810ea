"""The report in plain words: what the numbers say, and what they cannot say."""

from __future__ import annotations

import numpy as np

from invrl.pilot.report import TITLES, UNITS, Finding, Report
from invrl.pilot.table import counted

FEW = 20
"""With fewer clusters in a group than this, its error is itself uncertain."""
APART = 0.25
"""Standardised difference beyond which groups are called unlike."""


def read(report: Report) -> list[str]:
    """Sentences for a planner, the effects first, then what speaks against them."""
    lines = [_effect(outcome, finding) for outcome, finding in report.findings.items()]
    lines += _trade_off(report)
    for outcome, finding in report.findings.items():
        lines.append(_pretrend(outcome, finding, report.facts["bin"]))
    lines += _placebo(report)
    lines.append(_alike(report))
    lines += _clusters(report) + _spill_over(report) + _measure(report)
    if report.years:
        lines.append(
            "Year on year: the same months a year ago had another demand, assortment and calendar. "
            "The change of the treated is not an effect; look at how it differs from the controls'."
        )
    return lines + report.remarks


def _amount(value: float, outcome: str, sign: bool = False) -> str:
    return f"{value:+.3g} {UNITS[outcome]}" if sign else f"{abs(value):.3g} {UNITS[outcome]}"


def _effect(outcome: str, finding: Finding) -> str:
    one, (before, after, control_before, control_after) = finding.effect, finding.means
    unit = "%" if outcome == "stockout" else " days"
    went = (
        f"treated units went from {before:.3g} to {after:.3g}{unit}, "
        f"controls from {control_before:.3g} to {control_after:.3g}{unit}"
    )
    span = f"{one.low:+.3g} to {one.high:+.3g} {UNITS[outcome]}"
    if one.p < 0.05:
        word = "lower" if one.value < 0 else "higher"
        return (
            f"{TITLES[outcome]}: {_amount(one.value, outcome)} {word} than it would have been had the "
            f"treated moved like the controls (95 % interval {span}); {went}."
        )
    return (
        f"{TITLES[outcome]}: no effect can be told from chance. The estimate is "
        f"{_amount(one.value, outcome, sign=True)}, and anything from {span} fits the data; {went}."
    )


def _trade_off(report: Report) -> list[str]:
    trusted = {o: f for o, f in report.findings.items() if not f.events.pretrend < 0.05}
    sure = {o: f.effect.value for o, f in trusted.items() if f.effect.p < 0.05}
    if len(sure) < 2:
        return []
    if sure["stockout"] * sure["turnover"] < 0:
        return [
            "One measure improved and the other got worse: the pilot moved along the trade-off between "
            "stock and stockouts. Whether that is better depends on what a stockout costs you."
        ]
    better = "improved" if sure["stockout"] < 0 else "got worse"
    return [f"Both measures {better}: this is more than moving along the trade-off between them."]


def _pretrend(outcome: str, finding: Finding, days: int) -> str:
    title, events = TITLES[outcome], finding.events
    if not np.isfinite(events.pretrend):
        return (
            f"{title}: whether both groups moved together before the pilot could not be tested (too few "
            f"bins of {days} days before it, or too few clusters for them; try another --bin)."
        )
    if events.pretrend < 0.05:
        return (
            f"{title}: the groups did NOT move together before the pilot (p = {events.pretrend:.2g}, "
            f"{events.leads} bins of {days} days). The effect mixes with what drove them apart: explain that."
        )
    return (
        f"{title}: before the pilot the groups moved together as far as {events.leads} bins of {days} days "
        f"can tell (p = {events.pretrend:.2g}). That supports the comparison, it does not prove it."
    )


def _placebo(report: Report) -> list[str]:
    tested = [(o, day, one) for o, f in report.findings.items() for _, day, one in f.placebo]
    struck = [(o, day, one) for o, day, one in tested if one.p < 0.05 / len(tested)]
    if not tested:
        return ["Placebo dates: too few days before the pilot to try any."]
    if not struck:
        return [f"Placebo dates: {len(tested)} tried, none shows an effect where nothing happened."]
    return [
        f"Placebo dates: {TITLES[o].lower()} shows {_amount(one.value, o, sign=True)} from {day} on, when "
        "nothing happened. An effect of that size can come from other things than the policy."
        for o, day, one in struck
    ]


def _alike(report: Report) -> str:
    apart = [row for row in report.balance if abs(row["difference"]) > APART]
    apart.sort(key=lambda row: -abs(row["difference"]))
    if not apart:
        return (
            "Before the pilot the groups were alike in all compared columns. If the units were nevertheless "
            "picked by hand because they had just done badly, part of any improvement would have come by "
            "itself (regression to the mean); only drawing them by lot rules that out."
        )
    names = ", ".join(
        f"{row['before the pilot']} {row['treated']:.3g} against {row['control']:.3g}" for row in apart[:3]
    )
    return (
        f"Before the pilot the groups were not alike ({names}). If the units were picked because they did "
        "badly (or well), part of the change would have come by itself (regression to the mean). Compare "
        "with controls chosen by the same rule, or draw the next pilot by lot."
    )


def _clusters(report: Report) -> list[str]:
    facts = report.facts
    few = min(facts["treated_clusters"], facts["control_clusters"])
    if few >= FEW:
        return []
    return [
        f"Only {facts['treated_clusters']} treated and {facts['control_clusters']} control clusters: the "
        "error is itself poorly known, so read the interval as a rough one. `invrl pilot simulate` shows "
        "how rough with so few."
    ]


def _spill_over(report: Report) -> list[str]:
    facts = report.facts
    mixed = facts["mixed_clusters"]
    if mixed:
        return [
            f"{counted(mixed, 'cluster')} with treated and control units side by side: what one gains at "
            "the other's expense (shared stock, substitutes, suppliers' capacity) counts twice."
        ]
    return [
        "The comparison takes for granted that the pilot did not touch the controls: substitutes, shared "
        "suppliers or warehouse space would blur it."
    ]


def _measure(report: Report) -> list[str]:
    lines = []
    known = report.facts["treated_units"] + report.facts["control_units"]
    for outcome, finding in report.findings.items():
        if finding.units < known:
            gone = counted(known - finding.units, "unit")
            lines.append(f"{TITLES[outcome]}: left out {gone} without days on both sides of the start.")
        if finding.capped:
            capped = counted(finding.capped, "unit")
            lines.append(
                f"{TITLES[outcome]}: {capped} hardly sold; the longest time (--cap) stands for them."
            )
        gap = abs(finding.closed.value - finding.effect.value)
        if gap > 0.25 * finding.effect.error > 0:
            lines.append(
                f"{TITLES[outcome]}: a plain comparison of unit means gives "
                f"{_amount(finding.closed.value, outcome, sign=True)}: units with missing days matter here."
            )
    return lines
