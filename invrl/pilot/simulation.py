"""Pilots with a known effect: does the analysis find it, and how often is it sure and wrong?"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np

from invrl.errors import InvrlError
from invrl.pilot.contrast import ALL_DAYS, Estimate, Window, cells, closed_form
from invrl.pilot.regression import closed_form_events, effect, placebo_shifts
from invrl.pilot.table import PilotTable, dense_table


class Trial(NamedTuple):
    """One simulated pilot.

    Attributes:
        table: what the planner would see.
        truth: outcome -> true mean effect on the treated units of this very trial
            (stockout in percentage points, turnover in days).
    """

    table: PilotTable
    truth: dict[str, float]


MakeTrial = Callable[[np.random.Generator], Trial]
"""Draws one pilot: in the inventory simulator (`rehearsal`), or by the process below. Units are
balanced: each has every day."""


class Design(NamedTuple):
    """Who is treated, and when.

    Attributes:
        pairs: units, treated and controls together.
        share: share of them that is treated.
        before, after: days on each side of the first start.
        waves: the treated start in so many waves, two weeks apart.
        picked: `lot`, or `worst`: treated are the units with the most stockouts in the last
            four weeks before the start, as a hand-picked pilot would choose.
    """

    pairs: int = 400
    share: float = 0.5
    before: int = 56
    after: int = 56
    waves: int = 1
    picked: str = "lot"


class Process(NamedTuple):
    """A small world of unit effects, shared day effects and persistent noise.

    Attributes:
        pairs, share, before, after, waves, picked: as those of `Design`.
        stockout: true effect on the stockout rate, percentage points.
        turnover: true effect on the turnover time, days.
        persistence: correlation of a unit's noise from one day to the next.
    """

    pairs: int = 400
    share: float = 0.5
    before: int = 56
    after: int = 56
    stockout: float = -0.83
    turnover: float = -9.53
    persistence: float = 0.8
    waves: int = 1
    picked: str = "lot"

    @property
    def design(self) -> Design:
        return Design(self.pairs, self.share, self.before, self.after, self.waves, self.picked)


def autoregressive(rng: np.random.Generator, days: int, units: int, persistence: float) -> np.ndarray:
    """[T, N] stationary AR(1) with standard normal margins."""
    from scipy.signal import lfilter

    shocks = rng.standard_normal((days, units))
    shocks[1:] *= np.sqrt(1 - persistence**2)
    return lfilter([1.0], [1.0, -persistence], shocks, axis=0)


def process_trial(process: Process) -> MakeTrial:
    """The trial maker of a `Process`.

    A unit is out of stock with probability unit level (4 to 14 %) + day effect (up to 2 points)
    + effect; days of one unit hang together through a Gaussian copula. Sales are log-normal
    around a unit's scale (median 5 a day); stock is 30 to 60 days of the scale. The turnover
    effect is added as so many days of the unit's own mean sales, so the truth is exact.

    Raises:
        InvrlError: the numbers contradict each other.
    """
    _check(process)

    def make(rng: np.random.Generator) -> Trial:
        days, units = process.before + process.after, process.pairs
        season = np.sin(2 * np.pi * (np.arange(days)[:, None] / 91 + rng.random()))
        chance = rng.uniform(0.04, 0.14, units) + 0.01 * season + rng.uniform(-0.01, 0.01, (days, 1))
        threshold = _normal_cdf(autoregressive(rng, days, units, process.persistence))
        start = draw_starts(rng, process.design, (threshold < chance)[: process.before])
        on = (start >= 0) & (np.arange(days)[:, None] >= start)
        stockout = threshold < chance + process.stockout / 100 * on
        scale = np.exp(np.log(5) + rng.standard_normal(units))
        level = scale * (1 + 0.1 * season)
        sales = level * np.exp(0.5 * autoregressive(rng, days, units, 0.3) - 0.125)
        noise = np.exp(0.08 * autoregressive(rng, days, units, process.persistence))
        rate = np.where(on, sales, 0.0).sum(axis=0) / np.maximum(on.sum(axis=0), 1)
        stock = level * rng.uniform(30, 60, units) * noise + process.turnover * rate * on
        if (stock < 0).any():
            raise InvrlError(
                f"a turnover effect of {process.turnover:g} days leaves negative stock",
                hint="units hold 30 to 60 days of stock: choose a smaller effect",
            )
        table = dense_table(start, stockout, stock, sales)
        return Trial(table, {"stockout": process.stockout, "turnover": process.turnover})

    return make


def _normal_cdf(x: np.ndarray) -> np.ndarray:
    from scipy.special import ndtr

    return ndtr(x)


def wave_starts(design: Design) -> list[int]:
    """First day of every wave, counted from the first day of the table."""
    return [design.before + WAVE * wave for wave in range(design.waves)]


WAVE = 14
"""Days between two waves."""


def draw_starts(rng: np.random.Generator, design: Design, before: np.ndarray) -> np.ndarray:
    """[N] first treated day of every unit, -1 for controls; `before` [T, N] bool is who was out of stock."""
    treated = round(design.share * design.pairs)
    order = rng.permutation(design.pairs)
    if design.picked == "worst":
        order = order[np.argsort(-before[-28:].mean(axis=0)[order], kind="stable")]
    start = np.full(design.pairs, -1)
    wave = rng.permutation(np.arange(treated) % design.waves)
    start[order[:treated]] = np.array(wave_starts(design))[wave]
    return start


def check_design(design: Design) -> None:
    """Refuse a pilot with too few units or days."""
    treated = round(design.share * design.pairs)
    if min(treated, design.pairs - treated) < 2 * design.waves:
        raise InvrlError(
            f"{treated} treated of {design.pairs} pairs in {design.waves} waves is too few",
            hint="at least two treated pairs in each wave and two controls",
        )
    if design.before < 14 or design.after - WAVE * (design.waves - 1) < 7:
        raise InvrlError(
            "14 days before the first start and 7 after the last are the least",
            hint="waves start two weeks apart: lengthen --before or --after",
        )
    if design.picked not in ("lot", "worst"):
        raise InvrlError(f"no way of picking `{design.picked}`", hint="choose one of lot, worst")


def _check(process: Process) -> None:
    check_design(process.design)
    if not -2.0 <= process.stockout <= 80.0:
        raise InvrlError(
            f"a stockout effect of {process.stockout:g} points leaves the range of a rate",
            hint="units are out of stock 4 to 14 % of the time: choose -2 or more",
        )
    if not 0 <= process.persistence < 1:
        raise InvrlError(f"persistence {process.persistence:g} is not in 0 .. 1", hint="0.8 is plausible")


def simulate(
    make: MakeTrial, replications: int = 200, seed: int = 0, window: Window = ALL_DAYS
) -> list[dict[str, Any]]:
    """Analyse many pilots with a known effect, by the closed form.

    Args:
        make: draws one pilot.
        replications: number of pilots.

    Returns:
        one row per outcome: the true effect, the mean estimate, `bias` and its simulation error,
        the spread of the estimates against their mean reported error, `coverage` of the 95 %
        interval (%), `power`: how often zero is excluded (%), and how often the pre-trend test
        and a placebo date half-way through the days before reject at 5 % (%): both should be 5;
        None where no trial could be tested.
    """
    if replications < 2:
        raise InvrlError(f"{replications} replications are too few", hint="200 or more")
    found: dict[str, list[tuple[float, Estimate, float, float]]] = {}
    for rng in np.random.default_rng(seed).spawn(replications):
        trial = make(rng)
        for outcome, truth in trial.truth.items():
            found.setdefault(outcome, []).append((truth, *_analyse(trial.table, outcome, window)))
    return [_summary(outcome, trials) for outcome, trials in found.items()]


def agreement(make: MakeTrial, trials: int = 3, seed: int = 0, window: Window = ALL_DAYS) -> float:
    """Largest difference between the closed form and pyfixest, over effects and errors of some pilots.

    Raises:
        InvrlError: pyfixest is missing.
    """
    gaps = []
    for rng in np.random.default_rng(seed).spawn(trials):
        table, truth = make(rng)
        for outcome in truth:
            part = cells(table, outcome, window)
            ours, theirs = closed_form(table, part), effect(table, part)[0]
            gaps += [abs(ours.value - theirs.value), abs(ours.error - theirs.error)]
    return max(gaps)


def _analyse(table: PilotTable, outcome: str, window: Window) -> tuple[Estimate, float, float]:
    whole = cells(table, outcome, window)
    shifts = placebo_shifts(table, window)
    fake = float("nan")
    if shifts:
        fake = closed_form(table, cells(table, outcome, window, shifts[len(shifts) // 2])).p
    return closed_form(table, whole), closed_form_events(table, whole, window).pretrend, fake


def _summary(outcome: str, trials: list[tuple[float, Estimate, float, float]]) -> dict[str, Any]:
    truth = np.array([t[0] for t in trials])
    value, error, low, high, p = (np.array([t[1][k] for t in trials]) for k in range(5))
    spread = float((value - truth).std(ddof=1))

    def rejects(p_values: Iterable[float]) -> float | None:
        known = np.array([p for p in p_values if np.isfinite(p)])
        return float(100 * (known < 0.05).mean()) if known.size else None

    return {
        "outcome": outcome,
        "true": float(truth.mean()),
        "mean": float(value.mean()),
        "bias": float((value - truth).mean()),
        "bias_error": float(spread / np.sqrt(len(trials))),
        "spread": spread,
        "mean_error": float(error.mean()),
        "coverage": float(100 * ((low <= truth) & (truth <= high)).mean()),
        "power": rejects(p),
        "pretrend_rejects": rejects(t[2] for t in trials),
        "placebo_rejects": rejects(t[3] for t in trials),
    }
