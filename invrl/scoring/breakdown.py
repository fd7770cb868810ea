"""Measures by class of pairs: warehouse, velocity, lead time, or any static column."""

from __future__ import annotations

import numpy as np

from invrl.demand.scale import scale_of
from invrl.errors import InvrlError, nearest
from invrl.experiment import Experiment

VELOCITY = ("slow", "medium", "fast")


def labels(experiment: Experiment, by: str, pairs: np.ndarray) -> np.ndarray:
    """[N'] class of each of the given pairs of the panel.

    velocity    thirds of the pairs by mean demand on the training days
    lead_time, review_period, warehouse, sku, or a static column of the data

    Raises:
        InvrlError: no such class.
    """
    panel = experiment.panel
    assert panel.lead_time is not None and panel.review_period is not None  # with_supply
    if by == "velocity":
        scale, _ = scale_of(panel, experiment.training_days)
        edges = np.quantile(scale, [1 / 3, 2 / 3])
        return np.array(VELOCITY)[np.searchsorted(edges, scale[pairs], side="right")]
    known = {
        "warehouse": panel.warehouse,
        "sku": panel.sku,
        "lead_time": np.atleast_2d(panel.lead_time)[0],
        "review_period": panel.review_period,
        **panel.static,
    }
    if by not in known:
        raise InvrlError(f"no class `{by}`", hint=nearest(by, ["velocity", *known]))
    return known[by][pairs]
