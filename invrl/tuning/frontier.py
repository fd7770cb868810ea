"""Stockout rate against turnover time as the objective's weights move: cells at equal stockout rate."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from invrl import registry
from invrl.errors import InvrlError
from invrl.runs import checkpoints
from invrl.runs.directory import Run
from invrl.scoring import results
from invrl.scoring.comparison import GRID_MEASURES, same_data
from invrl.scoring.intervals import Estimate, interval, plus_minus, resampled, signed
from invrl.training import session
from invrl.tuning.study import Study, kept_runs, tested, trials_of

FACTORS = np.linspace(-1.0, 4.0, 21)
"""Safety factors that draw an incumbent's frontier."""
LEAST_RATE = 1e-4
"""Stockout rates below 0.01 % count as 0.01 %: they are read on a logarithmic scale."""


class Frontier(NamedTuple):
    """The policies of one cell, by falling stockout rate.

    Rows of the arrays are the pairs as they are, then bootstrap samples of their SKUs: the same
    samples in every cell.
    """

    name: str
    labels: tuple[str, ...]  # [n] what moved each policy
    stockout_rate: np.ndarray  # [1 + R, n]
    turnover_time: np.ndarray  # [1 + R, n] days


def frontier(study: Study, resamples: int = 1000) -> Frontier:
    """Every trial of a study on its test days, its seeds averaged.

    Raises:
        InvrlError: a study that has not ended, or of a version that did not keep the pairs.
    """
    config, sample = study.plan.config, _chosen(study).pairs("test")
    like = dict.fromkeys(GRID_MEASURES, sample["weight"])
    labels, found, tests = [], [], tested(study)
    for trial in trials_of(study):
        seeds = [key for key in tests if key[0] == trial.number]
        if any(not study.pairs(*key).exists() for key in seeds):
            raise InvrlError(f"{study.path} has no pairs of its trials", hint="run its `invrl tune` again")
        if seeds:
            runs = [checkpoints.load(study.pairs(*key), like) for key in seeds]
            found.append({m: np.mean([run[m] for run in runs], axis=0) for m in GRID_MEASURES})
            labels.append(_label(trial.values))
    return drawn(f"{config.algo}/{config.reg}", labels, found, sample, resamples)


def incumbent(study: Study, resamples: int = 1000) -> Frontier | None:
    """The first incumbent beside a study's runs that has a safety factor, the factor moved; or None.

    It is moved with hindsight, on the test days themselves.
    """
    run = _chosen(study)
    names = run.config.baseline.beside
    name = next((n for n in names if registry.get("baseline", n).has_safety_factor), None)
    if name is None:
        return None
    experiment = session.experiment_of(run)
    numbers = session.retuned(run, experiment, name)
    measures = results.with_factor(experiment, name, numbers, "test")
    found = [measures(factor) for factor in FACTORS]
    labels = [f"safety_factor {factor:g}" for factor in FACTORS]
    return drawn(name, labels, found, run.pairs("test"), resamples)


def _chosen(study: Study) -> Run:
    run = Run(study.path / f"{kept_runs(study)}-{study.plan.config.seed}")
    if not run.read("results.json"):
        raise InvrlError(f"{study.path} has not ended", hint="run its `invrl tune` again")
    return run


def _label(values: dict[str, Any]) -> str:
    return ", ".join(f"{key.rpartition('.')[2]} {value:g}" for key, value in values.items())


def drawn(
    name: str,
    labels: Sequence[str],
    found: Sequence[dict[str, np.ndarray]],
    sample: dict[str, np.ndarray],
    resamples: int,
) -> Frontier:
    """The frontier of policies given by their measures, each [N'], over a part's pairs.

    Args:
        sample: `weight` and `cluster` [N'] of the pairs.
    """
    values = np.stack([one[m] for m in GRID_MEASURES for one in found])
    means = resampled(values, sample["weight"].astype(np.float64), sample["cluster"], resamples, 0)
    return _ordered(name, labels, *np.split(means, 2, axis=1))


def _ordered(name: str, labels: Sequence[str], rate: np.ndarray, days: np.ndarray) -> Frontier:
    order = np.argsort(-rate[0], kind="stable")
    return Frontier(name, tuple(labels[k] for k in order), rate[:, order], days[:, order])


def merged(parts: Sequence[Frontier]) -> list[Frontier]:
    """One frontier per cell; several studies of a cell count together."""
    cells: dict[str, Frontier] = {}
    for part in parts:
        known = cells.get(part.name)
        cells[part.name] = part if known is None else _ordered(
            part.name, known.labels + part.labels,
            np.hstack([known.stockout_rate, part.stockout_rate]),
            np.hstack([known.turnover_time, part.turnover_time]),
        )  # fmt: skip
    return list(cells.values())


def check_same_data(studies: Sequence[Study]) -> None:
    """Paired differences need the same pairs and days.

    Raises:
        InvrlError: two studies differ in data, supply, split or evaluation.
    """
    same_data(
        [(str(study.path), study.plan.config, study.plan.fingerprint) for study in studies],
        hint="name the studies to show",
    )


def at_stockout(cell: Frontier, rates: np.ndarray) -> np.ndarray:
    """[1 + R, K] turnover time at stockout rates [K], straight between policies over the logarithm."""
    order = np.argsort(-cell.stockout_rate, axis=1, kind="stable")
    own = np.take_along_axis(cell.stockout_rate, order, 1)
    days = np.take_along_axis(cell.turnover_time, order, 1)
    across = -np.log(np.maximum(own, LEAST_RATE))
    return np.array([np.interp(-np.log(rates), *row) for row in zip(across, days, strict=True)])


def common_rates(cells: Sequence[Frontier], count: int = 5) -> np.ndarray:
    """Stockout rates within the reach of all cells, in equal ratios; empty where there are none."""
    low = max(LEAST_RATE, *(float(cell.stockout_rate[0].min()) for cell in cells))
    high = min(float(cell.stockout_rate[0].max()) for cell in cells)
    return np.geomspace(high, low, count + 2)[1:-1] if low < high else np.zeros(0)


class Equal(NamedTuple):
    """A cell at one stockout rate."""

    stockout_rate: float
    cell: str
    turnover_time: Estimate  # days
    delta: Estimate | None  # to the reference, paired; None for the reference itself


def at_equal_stockout(cells: Sequence[Frontier], reference: str, rates: np.ndarray) -> list[Equal]:
    """Every cell at every rate.

    Raises:
        InvrlError: no cell of the reference's name.
    """
    days = {cell.name: at_stockout(cell, rates) for cell in cells}
    if reference not in days:
        raise InvrlError(f"no cell `{reference}`", hint=f"one of {', '.join(days)}")

    def delta(name: str, k: int) -> Estimate | None:
        return None if name == reference else interval((days[name] - days[reference])[:, k])

    return [
        Equal(float(rate), name, interval(own[:, k]), delta(name, k))
        for k, rate in enumerate(rates)
        for name, own in days.items()
    ]


def rows(cells: Sequence[Frontier]) -> list[dict[str, Any]]:
    """The policies themselves."""
    return [
        {
            "cell": cell.name, "moved": label,
            "stockout rate (%)": plus_minus(interval(cell.stockout_rate[:, k]), 100),
            "turnover time (days)": plus_minus(interval(cell.turnover_time[:, k]), 1),
        }
        for cell in cells
        for k, label in enumerate(cell.labels)
    ]  # fmt: skip


def equal_rows(found: Sequence[Equal]) -> list[dict[str, Any]]:
    """A line per stockout rate: the reference's turnover time, the others' differences to it."""
    lines: dict[float, dict[str, Any]] = {}
    for one in found:
        line = lines.setdefault(one.stockout_rate, {"stockout rate (%)": f"{100 * one.stockout_rate:.2f}"})
        line[one.cell] = plus_minus(one.turnover_time, 1) if one.delta is None else signed(one.delta)
    return list(lines.values())


def payload(cells: Sequence[Frontier], found: Sequence[Equal], reference: str) -> dict[str, Any]:
    """The JSON of `invrl studies frontier`."""
    trials = [
        {
            "cell": cell.name, "moved": label,
            **_tree("stockout_rate", interval(cell.stockout_rate[:, k])),
            **_tree("turnover_time", interval(cell.turnover_time[:, k])),
        }
        for cell in cells
        for k, label in enumerate(cell.labels)
    ]  # fmt: skip
    equal = [
        {
            "stockout_rate": one.stockout_rate, "cell": one.cell,
            **_tree("turnover_time", one.turnover_time), **_tree("turnover_time_delta", one.delta),
        }
        for one in found
    ]  # fmt: skip
    return {"reference": reference, "policies": trials, "equal_stockout": equal}


def _tree(name: str, found: Estimate | None) -> dict[str, Any]:
    return {name: found and found.mean, f"{name}_ci": found and [found.low, found.high]}
