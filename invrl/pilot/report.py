"""Everything about one pilot: effects, event study, checks, and the tables made of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

import numpy as np
from numpy.linalg import LinAlgError

from invrl.errors import InvrlError
from invrl.pilot.comparison import balance, pilot_years
from invrl.pilot.contrast import ALL_DAYS, Cells, Estimate, Window, cells, closed_form, wave_shares
from invrl.pilot.regression import Events, effect, event_study, placebo
from invrl.pilot.table import PilotTable, date, settle
from invrl.runs.strict import finite

UNITS = {"stockout": "points", "turnover": "days"}
TITLES = {"stockout": "Stockout rate", "turnover": "Turnover time"}


class Finding(NamedTuple):
    """One outcome.

    Attributes:
        effect: the average effect on the treated (points, days), by regression.
        closed: the same from unit means alone; equal on balanced panels.
        waves: (start date, treated units, effect) of each wave.
        means: treated before, treated after, control before, control after.
        events: the event study.
        placebo: (days before the start, date, effect) of dates on which nothing happened.
        capped: units whose turnover time met the cap.
        units: units compared, with days before and after the start.
    """

    effect: Estimate
    closed: Estimate
    waves: list[tuple[str, int, Estimate]]
    means: tuple[float, float, float, float]
    events: Events
    placebo: list[tuple[int, str, Estimate]]
    capped: int
    units: int


@dataclass(frozen=True)
class Report:
    """One pilot, analysed.

    Attributes:
        findings: outcome -> `Finding`.
        balance, years: rows of those tables.
        facts: counts of units, clusters, days.
        remarks: what was left out on the way.
    """

    findings: dict[str, Finding]
    balance: list[dict[str, Any]]
    years: list[dict[str, Any]]
    facts: dict[str, Any]
    remarks: list[str]


def analyse(table: PilotTable, window: Window = ALL_DAYS) -> Report:
    """Difference-in-differences of every outcome in the table, with its checks.

    Raises:
        InvrlError: the table or the window cannot carry a comparison; pyfixest is missing.
    """
    _check(window)
    whole = table
    table, remarks = settle(table)
    findings, refused = _findings(table, window)
    return Report(
        findings=findings,
        balance=balance(table, window.cap),
        years=_checked(lambda: pilot_years(whole, window.cap), [], "The year before", refused),
        facts=_facts(table, window),
        remarks=remarks + refused,
    )


def _findings(table: PilotTable, window: Window) -> tuple[dict[str, Finding], list[str]]:
    """The outcomes that can be compared, and sentences on what could not; one does not take another down.

    Raises:
        InvrlError: no outcome can be compared.
    """
    found: dict[str, Finding] = {}
    errors: list[InvrlError] = []
    remarks: list[str] = []
    for outcome in table.outcomes:
        try:
            found[outcome] = _finding(table, outcome, window, remarks)
        except InvrlError as error:
            errors.append(error)
            remarks.append(f"{TITLES[outcome]} could not be compared: {error.message}.")
    if not found:
        raise errors[0]
    return found, remarks


T = TypeVar("T")


def _checked(check: Callable[[], T], otherwise: T, what: str, remarks: list[str]) -> T:
    """What a check finds; one that fails is remarked on, for the estimate stands without it."""
    try:
        return check()
    except (InvrlError, ValueError, ArithmeticError, LinAlgError) as error:
        reason = error.message if isinstance(error, InvrlError) else str(error)
        remarks.append(f"{what} could not be checked: {reason}.")
        return otherwise


def _check(window: Window) -> None:
    for name, least in (("bin", 1), ("washout", 0), ("leads", 1), ("lags", 1), ("before", 1), ("after", 1)):
        value = getattr(window, name)
        if value is not None and value < least:
            raise InvrlError(f"--{name} is {value}", hint=f"{least} day or more")
    if window.after is not None and window.after <= window.washout:
        raise InvrlError(
            f"--after {window.after} ends within the washout of {window.washout} days", hint="make it longer"
        )


NO_EVENTS = Events(np.zeros(0, int), -1, np.zeros(0), np.zeros(0), 1.0, float("nan"), 0)


def _finding(table: PilotTable, outcome: str, window: Window, remarks: list[str]) -> Finding:
    part = cells(table, outcome, window)
    whole, waves = effect(table, part)
    counts = [np.unique(part.unit[(part.wave == w) & part.treated]).size for w in range(len(waves))]
    return Finding(
        effect=whole,
        closed=closed_form(table, part),
        waves=[(date(s), n, e) for s, n, e in zip(part.starts, counts, waves, strict=True)],
        means=_means(table, part),
        events=_checked(
            lambda: event_study(table, part, window),
            NO_EVENTS,
            f"{TITLES[outcome]}: the event study",
            remarks,
        ),
        placebo=_checked(
            lambda: placebo(table, outcome, window), [], f"{TITLES[outcome]}: placebo dates", remarks
        ),
        capped=part.capped,
        units=np.unique(part.unit).size,
    )


def _means(table: PilotTable, part: Cells) -> tuple[float, float, float, float]:
    share = wave_shares(table, part)
    weight = table.weight[part.unit] * part.days
    found = []
    for treated in (True, False):
        for after in (False, True):
            keep = (part.treated == treated) & ((part.bin >= 0) == after)
            total = np.bincount(part.wave[keep], weights=weight[keep], minlength=len(share))
            value = np.bincount(part.wave[keep], weights=(weight * part.y)[keep], minlength=len(share))
            found.append(float(share @ (value / total)))
    return found[0], found[1], found[2], found[3]


def _facts(table: PilotTable, window: Window) -> dict[str, Any]:
    present = np.isin(np.arange(len(table.names)), table.unit)
    treated, control = present & table.treated, present & ~table.treated
    in_treated, in_control = np.unique(table.cluster[treated]), np.unique(table.cluster[control])
    return {
        "treated_units": int(treated.sum()),
        "control_units": int(control.sum()),
        "treated_clusters": int(in_treated.size),
        "control_clusters": int(in_control.size),
        "mixed_clusters": int(np.intersect1d(in_treated, in_control).size),
        "first_day": date(table.day.min()),
        "first_start": date(table.start[treated].min()),
        "last_day": date(table.day.max()),
        "waves": int(np.unique(table.start[treated]).size),
        "bin": window.bin,
        "washout": window.washout,
    }


def tables(report: Report) -> dict[str, list[dict[str, Any]]]:
    """Rows of every table: effect, waves, events, placebo, balance, years."""
    found = report.findings.items()
    return {
        "effect": [_effect_row(outcome, finding) for outcome, finding in found],
        "waves": [
            {"outcome": outcome, "start": start, "units": units} | _numbers(one, short=True)
            for outcome, finding in found
            for start, units, one in finding.waves
        ],
        "events": [row for outcome, finding in found for row in event_rows(outcome, finding.events)],
        "placebo": [
            {"outcome": outcome, "date": day, "days before": shift} | _numbers(one, short=True)
            for outcome, finding in found
            for shift, day, one in finding.placebo
        ],
        "balance": report.balance,
        "years": report.years,
    }


def _numbers(one: Estimate, short: bool = False) -> dict[str, float]:
    found = {"effect": one.value, "low": one.low, "high": one.high, "p": one.p}
    return found if short else found | {"error": one.error}


def _effect_row(outcome: str, finding: Finding) -> dict[str, Any]:
    names = ("treated before", "treated after", "control before", "control after")
    return (
        {"outcome": outcome, "unit": UNITS[outcome]}
        | _numbers(finding.effect)
        | {"pre-trend p": finding.events.pretrend}
        | dict(zip(names, finding.means, strict=True))
    )


def event_rows(outcome: str, events: Events) -> list[dict[str, Any]]:
    """The event study as rows, the reference bin among them with effect 0."""
    from scipy.stats import t

    half = t.ppf(0.975, events.freedom) * events.error
    rows = [
        {"outcome": outcome, "bin": int(b), "effect": float(e), "low": float(e - h), "high": float(e + h)}
        for b, e, h in zip(events.bins, events.effect, half, strict=True)
    ]
    rows.append({"outcome": outcome, "bin": events.reference, "effect": 0.0, "low": None, "high": None})
    return sorted(rows, key=lambda row: row["bin"])


def document(report: Report, reading: Sequence[str]) -> dict[str, Any]:
    """The report as one JSON-ready tree."""
    checks = {
        outcome: {
            "closed_form": finding.closed._asdict(),
            "degrees_of_freedom": finding.effect.freedom,
            "pretrend_p": finding.events.pretrend,
            "pretrend_bins": finding.events.leads,
            "capped_units": finding.capped,
        }
        for outcome, finding in report.findings.items()
    }
    tree = {"facts": report.facts, **tables(report), "checks": checks, "reading": list(reading)}
    return finite(tree)
