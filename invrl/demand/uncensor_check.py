"""How good is an estimate of demand: on clean days cut artificially, so that the truth is known.

Two ways to cut, because nobody knows which one a shop has:

    hours    the stock is there for a share of the day drawn from the panel's own partial stockouts, whatever
             demand is; each unit of the day falls within that share at random
    sellout  the day begins with a stock drawn around a share of the pair's mean, and ends when it is
             sold: days of high demand are cut more often, and the share in stock depends on the sales
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from invrl.demand import timestep
from invrl.demand.panel import Panel
from invrl.demand.uncensor import FLOOR, FULL, METHODS, estimate_demand
from invrl.errors import InvrlError

DESIGNS = ("hours", "sellout")
PORTION = 0.4
"""Share of the clean days that is cut."""
CLASSES = (0.0, FLOOR, 0.5, 0.7, 0.9, FULL)
"""Bounds of the classes of the share in stock."""
LEAST_SHARE = 0.05
"""Plain scaling divides by no less."""


class Cut(NamedTuple):
    """A panel with some clean days cut."""

    panel: Panel
    share: np.ndarray  # [T, N]
    hit: np.ndarray  # [T, N] bool: cut here, so the truth is known
    truth: np.ndarray  # [T, N] units, valid where hit


def cut_clean_days(panel: Panel, share: np.ndarray, clean: np.ndarray, design: str, seed: int = 0) -> Cut:
    """Cut a part of the clean days, taking the shares from the panel's own partial stockouts.

    Args:
        share: [T, N] share of the day in stock.
        clean: [T, N] bool, days whose sales are what customers wanted.

    Raises:
        InvrlError: there is no clean day, or no partial stockout to take shares from.
    """
    partial = share[~clean & (share > 0) & (share < FULL)]
    if not clean.any() or partial.size == 0:
        lacks = "day without a stockout" if not clean.any() else "day with a partial stockout"
        raise InvrlError(f"the panel has no {lacks}: nothing to check on")
    rng = np.random.default_rng(seed)
    demand = np.rint(panel.demand).astype(np.int64)
    hit = clean & (rng.random(demand.shape) < PORTION)
    drawn = rng.choice(partial, demand.shape)
    if design == "hours":
        sold, time = rng.binomial(demand, drawn), drawn
    else:
        mean = np.where(clean, demand, 0).sum(0) / np.maximum(clean.sum(0), 1)
        sold = rng.poisson(drawn * mean)
        hit &= demand > sold
        # the moment of the last unit sold, of `demand` units at random moments of the day
        time = np.where(sold > 0, rng.beta(np.maximum(sold, 1), np.maximum(demand - sold + 1, 1)), 0)
    sales = np.where(hit, sold, demand).astype(np.float32)
    return Cut(
        replace(panel, demand=sales),
        np.where(hit, time, share).astype(np.float32),
        hit,
        demand.astype(np.float32),
    )


def check_methods(panel: Panel, share: np.ndarray, clean: np.ndarray, seed: int = 0) -> list[dict[str, Any]]:
    """Errors of every method, of the sales as they are and of plain scaling, in both designs; a row each.

    Cells are units a day on the cut days: mean truth, mean absolute error, bias, and the standard
    deviation of the estimate over that of the truth (a mean in place of the lost demand makes days too
    much alike); then mean absolute error and bias in each class of the share in stock.
    """
    rows = []
    for design in DESIGNS:
        cut = cut_clean_days(panel, share, clean, design, seed)
        sales = cut.panel.demand
        estimates = {"sales": sales, "sales / share": sales / np.maximum(cut.share, LEAST_SHARE)}
        estimates |= {name: estimate_demand(cut.panel, cut.share, name) for name in METHODS}
        estimates["model, drawn"] = estimate_demand(cut.panel, cut.share, "model", seed=seed)
        rows += [{"design": design, "estimate": name, **errors(cut, x)} for name, x in estimates.items()]
    return rows


def errors(cut: Cut, estimate: np.ndarray) -> dict[str, Any]:
    """The row of one estimate; see `check_methods`."""
    truth, found, share = (x[cut.hit].astype(np.float64) for x in (cut.truth, estimate, cut.share))
    row: dict[str, Any] = {
        "days": truth.size,
        "truth": truth.mean(),
        "MAE": np.abs(found - truth).mean(),
        "bias": (found - truth).mean(),
        "spread": found.std() / max(truth.std(), 1e-12),
    }
    for low, high in pairwise(CLASSES):
        inside = (share >= low) & (share < high)
        error = (found - truth)[inside]
        name = f"{low:.1f}-{high:.1f}"
        row[f"MAE {name}"] = np.abs(error).mean() if error.size else None
        row[f"bias {name}"] = error.mean() if error.size else None
    return row


def added_demand(sales: np.ndarray, estimate: np.ndarray, share: np.ndarray) -> list[dict[str, Any]]:
    """How much demand was added where: a row per class of the share in stock, and one in all.

    Args:
        sales, estimate: [T, N] units a day; share: [T, N], NaN where only a flag says that it was not all.
    """
    known = np.isfinite(share)
    masks = {"all day": share >= FULL, "part of the day": ~known}
    for low, high in reversed(list(pairwise(CLASSES))):
        masks[f"{low:.1f}-{high:.1f}"] = known & (share >= low) & (share < high)
    masks["in all"] = np.ones(sales.shape, bool)
    total = float(estimate.sum(dtype=np.float64) - sales.sum(dtype=np.float64))
    rows = []
    for name, mask in masks.items():
        if not mask.any():
            continue
        sold, wanted = (float(x[mask].sum(dtype=np.float64)) for x in (sales, estimate))
        rows.append(
            {
                "in stock": name,
                "days (%)": 100 * mask.mean(),
                "sales a day": sold / mask.sum(),
                "estimate a day": wanted / mask.sum(),
                "added (% of sales)": 100 * (wanted / sold - 1) if sold else None,
                "of all added (%)": 100 * (wanted - sold) / total if total else None,
            }
        )
    return rows


def added_by(panel: Panel, sales: np.ndarray, by: str, share: np.ndarray) -> list[dict[str, Any]]:
    """The same by `weekday`, `warehouse`, `sku` or a static column; most added first, weekdays in order.

    Raises:
        InvrlError: no such class.
    """
    kinds = {"sku": panel.sku, "warehouse": panel.warehouse, **panel.static}
    weekday = timestep.weekday(panel.dates)
    if by == "weekday":
        label, axis = np.array(["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"])[weekday], 1
    elif by in kinds:
        label, axis = kinds[by].astype(str), 0
    else:
        raise InvrlError(f"no class `{by}`", hint=f"one of share, weekday, {', '.join(kinds)}")
    names, code = np.unique(label, return_inverse=True)
    sold, wanted, cut = (
        np.bincount(code, x.sum(axis, dtype=np.float64)) for x in (sales, panel.demand, ~(share >= FULL))
    )
    days = np.bincount(code) * sales.shape[axis]
    rows = [
        {"name": str(name), "cut days (%)": 100 * c / n, "sales a day": s / n, "estimate a day": w / n,
         "added (% of sales)": 100 * (w / s - 1) if s else None}
        for name, c, n, s, w in zip(names, cut, days, sold, wanted, strict=True)
    ]  # fmt: skip
    if by == "weekday":
        return sorted(rows, key=lambda row: "MonTueWedThuFriSatSun".index(row["name"]))
    return sorted(rows, key=lambda row: -(row["added (% of sales)"] or 0))
