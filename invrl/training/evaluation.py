"""A finished run judged again: on any part of its data, or on other data, its incumbents beside it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from invrl import registry
from invrl.config import reading
from invrl.config.schema import Config
from invrl.demand.episodes import Dataset
from invrl.demand.panel import Panel
from invrl.demand.splits import PARTS
from invrl.errors import InvrlError, nearest
from invrl.experiment import Experiment
from invrl.metrics import MEASURES, PERCENT, repriced
from invrl.runs import checkpoints
from invrl.runs.directory import Run
from invrl.scoring import breakdown, trace
from invrl.scoring.intervals import estimate, percent, signed
from invrl.scoring.objectives import priced_for
from invrl.scoring.results import Measures
from invrl.scoring.rules import Rule, classical, make_simulate
from invrl.tables.whole import refuse_unwritable
from invrl.training.session import load_experiment, load_normaliser, on_own_data, over_panel, restore

ELSEWHERE = ("data", "split", "evaluation")
"""Sections that may change when a run is evaluated on other data than its own."""


def elsewhere(config: Config, words: list[str]) -> Config:
    """A run's config pointed at other data by `data.…`, `split.…` and `evaluation.…` words.

    Raises:
        InvrlError: a key of another section.
    """
    values = [reading.parse_override(word) for word in words]
    for key, _ in values:
        if key.partition(".")[0] not in ELSEWHERE:
            hint = f"train a new run, or change only {', '.join(f'{section}.*' for section in ELSEWHERE)}"
            raise InvrlError(f"`{key}` defines the run and cannot change when it is evaluated", hint=hint)
    return reading.with_values(config, values)


def evaluate(
    run: Run,
    split: str,
    by: str | None,
    trace_file: Path | None,
    config: Config | None = None,
    asked: bool = False,
    stock: Callable[[Panel, bool, int], np.ndarray] | None = None,
) -> list[dict[str, Any]]:
    """Table rows of a run's policy on one part of its data, or of other data.

    On other data the incumbents that were tuned beside it follow, with the paired differences.

    Args:
        by: class of pairs to break down by (`breakdown.labels`), or None.
        trace_file: where to write every day of every pair, or None.
        config: the run's, with other data (`elsewhere`); None takes the run's own.
        asked: other data than the run's were asked for.
        stock: (panel, backlog, first day) -> [L+1, N] units on hand and due as the part starts, which then
            has no days to run in; None: by the config's rule.

    Raises:
        InvrlError: the data changed since the run ended, and no other data were asked for.
    """
    config = config or run.config
    if split not in PARTS:
        raise InvrlError(f"no split `{split}`", hint=nearest(split, PARTS))
    if trace_file:
        refuse_unwritable(trace_file)
    experiment = load_experiment(config, load_normaliser(run))
    own_data = on_own_data(run, experiment)
    if not own_data and not asked and config.data == run.config.data:
        raise InvrlError(
            f"the data of {run.name} changed since it ended",
            hint=f"train again, or name them as other data: --data {config.data.path or config.data.source}",
        )
    if stock is not None:
        backlog = experiment.config.supply.unmet == "backlog"
        experiment = experiment.begun_with(
            stock(experiment.panel, backlog, experiment.parts[split].measure), split
        )
    rule, shared, own = restore(run, experiment)
    if trace_file:
        trace.write(trace.trace(experiment, rule, shared, own, split), trace_file)
    policies = {run.name: _measured(run, experiment, split, rule, shared, own)}
    if not own_data:
        for name, (other, numbers) in incumbents_beside(run, experiment).items():
            policies[name] = _measured(run, experiment.incumbents, split, other, None, numbers)
    return _rows(experiment, getattr(experiment, split), policies, by)


def _measured(
    run: Run, experiment: Experiment, split: str, rule: Rule, shared: Any, own: np.ndarray | None
) -> Measures:
    dataset = getattr(experiment, split)
    values = make_simulate(rule, experiment.config)(
        shared, dataset, None if own is None else own[:, dataset.pairs]
    )
    price = run.read("results.json").get("stockout_price", experiment.config.objective.stockout_weight)
    return repriced(values, dataset.scale, priced_for(experiment.config, price))


def incumbents_beside(run: Run, experiment: Experiment) -> dict[str, tuple[Rule, np.ndarray]]:
    """Rules and numbers [k, N] of the incumbents tuned beside a run, as they were tuned on its own data."""
    names = [name for name in run.config.baseline.beside if name != run.config.algo]
    if not run.beside.exists():
        return {}
    like = {name: np.zeros((registry.get("baseline", name).size, 0), np.float32) for name in names}
    tuned = checkpoints.load(run.beside, checkpoints.shapes(run.beside, like))
    found = {}
    for name, numbers in tuned.items():
        if not (numbers == numbers[:, :1]).all():
            continue  # tuned pair by pair: it has no numbers for other pairs
        rule = classical(registry.get("baseline", name), experiment.config)
        found[name] = rule, over_panel(run, experiment, numbers)
    return found


def _rows(
    experiment: Experiment, dataset: Dataset, policies: dict[str, Measures], by: str | None
) -> list[dict[str, Any]]:
    groups = {"all": np.ones(dataset.pairs.size, bool)}
    if by:
        label = breakdown.labels(experiment, by, dataset.pairs)
        groups |= {str(name): label == name for name in np.unique(label)}
    (main, first), *others = policies.items()
    rows = []
    for group, mask in groups.items():
        for name, values in policies.items():
            row = {"run": name, by or "pairs": group, **_row(experiment, dataset, values, mask)}
            if others:
                row |= _against(experiment, dataset, first, values, mask) if name != main else NOT_AGAINST
            rows.append(row)
    return rows


NOT_AGAINST = {"vs it SR": "-", "vs it TT": "-", "vs it (%)": "-"}


def _estimated(experiment: Experiment, dataset: Dataset, values: Measures, mask: np.ndarray) -> Any:
    pairs, evaluation = dataset.pairs[mask], experiment.config.evaluation
    return estimate(
        {name: v[mask] for name, v in values.items()},
        experiment.weight[pairs], experiment.panel.sku[pairs], evaluation.bootstrap, evaluation.seed,
    )  # fmt: skip


def _against(
    experiment: Experiment, dataset: Dataset, main: Measures, values: Measures, mask: np.ndarray
) -> dict[str, str]:
    """The run minus an incumbent, paired: points of stockout rate, days, the objective in per cent."""
    names = ("stockout_rate", "turnover_time", "objective")
    delta = _estimated(experiment, dataset, {m: main[m] - values[m] for m in names}, mask)
    base = _estimated(experiment, dataset, {"objective": values["objective"]}, mask)["objective"].mean
    return {
        "vs it SR": signed(delta["stockout_rate"], 100),
        "vs it TT": signed(delta["turnover_time"]),
        "vs it (%)": percent(delta["objective"], base),
    }


def _row(experiment: Experiment, dataset: Dataset, values: Measures, mask: np.ndarray) -> dict[str, Any]:
    found = _estimated(experiment, dataset, values, mask)
    row: dict[str, Any] = {"n": int(mask.sum()), "demand": experiment.panel.knowledge}
    for name, heading in MEASURES.items():
        row[heading] = found[name].mean * (100 if name in PERCENT else 1)
        if name in ("stockout_rate", "turnover_time"):
            half = (found[name].high - found[name].low) / 2 * (100 if name in PERCENT else 1)
            row[f"± {'SR' if name in PERCENT else 'TT'}"] = half
    return row
