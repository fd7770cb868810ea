"""The event study in closed form, and effects by regression with pyfixest: average, events, placebo dates."""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple

import numpy as np

from invrl.errors import InvrlError
from invrl.pilot.contrast import (
    ALL_DAYS,
    Cells,
    Estimate,
    Window,
    cells,
    closed_form,
    combine,
    covariance,
    estimate,
    freedom,
    means,
    one_wave,
    wave_shares,
    window_contrast,
)
from invrl.pilot.table import PilotTable, date


class Events(NamedTuple):
    """Event study: effects by bin relative to the last bin before the start.

    Attributes:
        bins: [K] int, the reference left out.
        reference: the bin all others are compared with.
        effect, error: [K].
        freedom: degrees of freedom of the errors.
        pretrend: p-value that all bins before the start are zero; NaN if it cannot be tested.
        leads: number of bins in that test.
    """

    bins: np.ndarray
    reference: int
    effect: np.ndarray
    error: np.ndarray
    freedom: float
    pretrend: float
    leads: int


def event_labels(cells: Cells, window: Window) -> tuple[np.ndarray, int]:
    """[R] bin of every row with the far ones pooled, and the reference bin."""
    labels = np.clip(cells.bin, -window.leads, window.lags - 1)
    return labels, int(labels[labels < 0].max())


def closed_form_events(table: PilotTable, cells: Cells, window: Window = ALL_DAYS) -> Events:
    """The event study from unit means alone: exact on balanced panels."""
    labels, reference = event_labels(cells, window)
    waves, count, width = len(cells.starts), len(table.names), window.leads + window.lags
    key = (cells.wave * count + cells.unit) * width + labels + window.leads
    mean = means(cells, key, waves * count * width).reshape(waves, count, width)
    bins = np.setdiff1d(np.unique(labels), [reference])
    contrast = mean[..., bins + window.leads] - mean[..., [reference + window.leads]]
    beta, influence = combine(table, cells, contrast)
    whole = combine(table, cells, window_contrast(table, cells))[1]
    return event_result(
        bins, reference, beta, covariance(table, cells, influence), freedom(table, cells, whole)
    )


def event_result(
    bins: np.ndarray, reference: int, beta: np.ndarray, variance: np.ndarray, freedom: float
) -> Events:
    """`Events` from coefficients [K], their covariance [K, K] and its degrees of freedom."""
    leads = bins < 0
    p = joint_p(beta[leads], variance[np.ix_(leads, leads)], freedom)
    return Events(
        bins, reference, beta, np.sqrt(np.maximum(np.diag(variance), 0.0)), freedom, p, int(leads.sum())
    )


def joint_p(beta: np.ndarray, variance: np.ndarray, freedom: float) -> float:
    """p-value that all K effects are zero, by Hotelling's T squared.

    F = (d - K + 1) / (d K) x beta' V^-1 beta with (K, d - K + 1) degrees of freedom, d those of
    V: unlike the chi-squared form it keeps its size when K is not small beside d.
    """
    from scipy.stats import f

    size = len(beta)
    rest = freedom - size + 1
    if not size or rest < 1 or np.linalg.matrix_rank(variance) < size:
        return float("nan")
    wald = float(beta @ np.linalg.solve(variance, beta))
    return float(f.sf(wald * rest / (freedom * size), size, rest))


def regression(table: PilotTable, cells: Cells, term: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Weighted two-way fixed effects by pyfixest, unit x wave and time x wave absorbed.

    Args:
        term: [R] int, which coefficient a row switches on; -1 for none.

    Returns:
        coefficients [P] and their cluster-robust covariance [P, P].

    Raises:
        InvrlError: pyfixest is missing, or a coefficient is not identified.
    """
    try:
        import pandas
        import pyfixest
    except ImportError:
        raise InvrlError("the regression needs pyfixest", hint="pip install 'invrl[pilot]'") from None
    size = int(term.max()) + 1
    columns: dict[str, Any] = {f"x{k}": (term == k).astype(float) for k in range(size)}
    columns["y"], columns["cluster"] = cells.y, table.cluster[cells.unit]
    columns["weight"] = table.weight[cells.unit] * cells.days
    columns["unit"] = cells.wave * len(table.names) + cells.unit
    columns["time"] = np.unique(np.stack([cells.wave, cells.bin]), axis=1, return_inverse=True)[1].ravel()
    frame = pandas.DataFrame(columns)
    frame = frame[frame["weight"] > 0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fit: Any = pyfixest.feols(
            "y ~ " + " + ".join(f"x{k}" for k in range(size)) + " | unit + time",
            data=frame,
            weights="weight",
            vcov={"CRV1": "cluster"},
            # no k factor: the error must not depend on how finely days are binned
            ssc=pyfixest.ssc(k_adj=False, G_adj=True),
            demeaner=pyfixest.MapDemeaner(fixef_tol=1e-11),
            copy_data=False,
        )
    found = fit.coef()
    if len(found) < size:
        raise InvrlError(
            "some effects cannot be told from the fixed effects",
            hint="treated and control units need common days; try wider bins with --bin",
        )
    return found.to_numpy(), np.asarray(fit._vcov)


def effect(table: PilotTable, cells: Cells) -> tuple[Estimate, list[Estimate]]:
    """The average effect, and the effect of each wave, by regression."""
    term = np.where(cells.treated & (cells.bin >= 0), cells.wave, -1)
    beta, variance = regression(table, cells, term)
    share, degrees = wave_shares(table, cells), _freedom(table, cells)
    waves = [estimate(beta[w], variance[w, w], _freedom(table, one_wave(cells, w))) for w in range(len(beta))]
    return estimate(share @ beta, share @ variance @ share, degrees), waves


def _freedom(table: PilotTable, cells: Cells) -> float:
    return freedom(table, cells, combine(table, cells, window_contrast(table, cells))[1])


def event_study(table: PilotTable, cells: Cells, window: Window = ALL_DAYS) -> Events:
    """Effects by bin, by regression; each bin averages the waves that reach it by their share."""
    labels, reference = event_labels(cells, window)
    switched = cells.treated & (labels != reference)
    width = window.leads + window.lags
    code = cells.wave * width + labels + window.leads
    known, term = np.unique(code[switched], return_inverse=True)
    full = np.full(len(code), -1)
    full[switched] = term
    beta, variance = regression(table, cells, full)
    bins = np.unique(known % width) - window.leads
    mix = (known % width - window.leads == bins[:, None]) * wave_shares(table, cells)[known // width]
    mix = mix / mix.sum(axis=1, keepdims=True)
    return event_result(bins, reference, mix @ beta, mix @ variance @ mix.T, _freedom(table, cells))


def placebo_shifts(table: PilotTable, window: Window = ALL_DAYS) -> list[int]:
    """Placebo dates, in days before the start: a quarter, half, three quarters of the days before."""
    starts = np.unique(table.start[table.treated])
    length = int(starts[0] - table.day.min())
    if window.before is not None:
        length = min(length, window.before)
    shifts = {round(length * part) for part in (0.25, 0.5, 0.75)}
    return sorted(s for s in shifts if s > max(window.washout, 2) and length - s >= 3)


def placebo(table: PilotTable, outcome: str, window: Window = ALL_DAYS) -> list[tuple[int, str, Estimate]]:
    """(shift, placebo date of the first wave, effect): nothing happened then, so about zero."""
    found = []
    for shift in placebo_shifts(table, window):
        part = cells(table, outcome, window, shift)
        still = np.ptp(part.y) == 0
        one = closed_form(table, part) if still else effect(table, part)[0]
        found.append((shift, date(int(part.starts[0]) - shift), one))
    return found
