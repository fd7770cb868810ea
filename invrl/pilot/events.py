"""The event study: effects by week around the start, and the test of the weeks before it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from invrl.pilot.contrast import (
    ALL_DAYS,
    Cells,
    Window,
    combine,
    covariance,
    freedom,
    means,
    window_contrast,
)
from invrl.pilot.table import PilotTable


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
    return Events(bins, reference, beta, np.sqrt(np.diag(variance)), freedom, p, int(leads.sum()))


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
