"""The game: every policy orders period after period, the true demand is revealed, the cost is booked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from invrl.config.schema import Config
from invrl.demand.splits import Part, split
from invrl.demand.supply import with_supply
from invrl.errors import InvrlError
from invrl.experiment import Experiment
from invrl.metrics import day_cost, prices
from invrl.play.later import coming, joined, read_later
from invrl.recommend.recorded import recorded
from invrl.runs.directory import Run
from invrl.scoring import trace
from invrl.scoring.intervals import Estimate, estimate
from invrl.scoring.rules import Rule
from invrl.simulator import Action, Day, Episode, Observation
from invrl.sources.contract import source_panel
from invrl.training.evaluation import incumbents_beside
from invrl.training.session import anywhere, load_normaliser, restore

MEAN = "mean of the runs"
ENSEMBLE = "ensemble of the runs"
"""Orders the mean of what the runs would order."""


@dataclass(frozen=True)
class Request:
    """What to play.

    Attributes:
        sales: what was sold later, in the form of the run's own data; None: nothing is known yet.
        state: the stock and pipeline at the start (`recommend/state.py`); None: by the config's rule.
        columns: our name -> the state file's name.
        orders: reviews of the game that may order, the first and the last, from 1; None: all.
        forecasts: files of own forecasts, in place of those of the config.
    """

    sales: Path | None = None
    state: Path | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    orders: tuple[int, int] | None = None
    forecasts: Sequence[Path] = ()


class Game(NamedTuple):
    """What came of it; P policies, T periods, N pairs.

    Attributes:
        dates: [T] the first day of each period; the last one is still to come.
        counted: [T] bool: some pair is measured.
        costs: policy -> [T, N] cost, 0 where it is not measured.
        rows: policy -> the trace of its days, as columns (`scoring.trace`).
        runs: the policies that are runs; the others are incumbents tuned beside the first.
    """

    experiment: Experiment
    dates: np.ndarray
    counted: np.ndarray
    costs: dict[str, np.ndarray]
    rows: dict[str, trace.Columns]
    runs: tuple[str, ...]

    def total(self, policy: str) -> float:
        return float(self.costs[policy].sum())

    def by_period(self, policy: str) -> np.ndarray:
        """[T] cost of all pairs."""
        return self.costs[policy].sum(1)

    def against(self, policy: str) -> Estimate:
        """Total cost of the runs, on average, minus a policy's, paired by pair, with its interval."""
        own = np.mean([self.costs[run] for run in self.runs], 0) - self.costs[policy]
        pairs, evaluation = own.shape[1], self.experiment.config.evaluation
        found = estimate(
            {"cost": own.sum(0)}, np.ones(pairs, np.float32), self.experiment.panel.sku,
            evaluation.bootstrap, evaluation.seed,
        )["cost"]  # fmt: skip
        return Estimate(*(pairs * value for value in found))

    def orders(self, policy: str) -> trace.Columns:
        """A policy's orders: date, sku, warehouse, order, and the stock that it was placed at."""
        rows = self.rows[policy]
        kept = rows["review"]
        names = ("date", "sku", "warehouse", "order", "on_hand", "inventory_position")
        return {name: rows[name][kept] for name in names}


def play(runs: Sequence[Run], request: Request) -> Game:
    """Play the policies of some runs, and the incumbents tuned beside the first of them.

    Raises:
        InvrlError: the runs are of different data or objectives, or a file does not fit to them.
    """
    first = runs[0]
    config = _alike(runs)
    if request.forecasts:
        config = replace(config, data=replace(config.data, forecasts=tuple(map(str, request.forecasts))))
    panel = with_supply(source_panel(anywhere(config.data)), config.supply)
    known = panel if request.sales is None else joined(panel, read_later(config.data, request.sales, panel))
    if request.state is not None:
        backlog = config.supply.unmet == "backlog"
        stock = recorded(request.state, request.columns, panel, backlog)
        known = replace(known, initial_stock=stock)
    known = known if known.ahead and request.sales else coming(known)
    everyone = np.arange(panel.pairs)
    parts = split(panel.pairs, panel.days, config.split, panel.by_sku)
    parts |= {"test": Part(everyone, panel.days, panel.days, known.days, judged=False)}
    experiment = Experiment(config, known, load_normaliser(first), parts=parts)
    rules = {run.name: restore(run, experiment) for run in runs}
    alike = all(replace(run.config, seed=first.config.seed) == first.config for run in runs)
    if len(runs) > 1 and alike:
        rules[ENSEMBLE] = _ensemble(list(rules.values()))
    rules |= {name: (rule, None, own) for name, (rule, own) in incumbents_beside(first, experiment).items()}
    views = {name: experiment if own is None else experiment.incumbents for name, (*_, own) in rules.items()}
    rows = {
        name: trace.trace(views[name], _calendar(rule, request.orders), shared, own, "test")
        for name, (rule, shared, own) in rules.items()
    }
    costs = {name: _costs(experiment, found) for name, found in rows.items()}
    measured: np.ndarray = next(iter(rows.values()))["measured"].reshape(panel.pairs, -1)
    names = tuple(run.name for run in runs)
    return Game(experiment, known.dates[panel.days :], np.any(measured, 0), costs, rows, names)


def _alike(runs: Sequence[Run]) -> Config:
    """The first run's config, whose data, supply and objective the others share."""
    first = runs[0].config
    for run in runs[1:]:
        for section in ("data", "supply", "split", "objective"):
            if getattr(run.config, section) != getattr(first, section):
                text = f"{run.name} and {runs[0].name} differ in [{section}]"
                raise InvrlError(text, hint="play together what was trained for the same task")
    return first


def _ensemble(rules: list[tuple[Rule, Any, Any]]) -> tuple[Rule, Any, None]:
    """The mean order of rules that are alike but for their parameters (seeds of one config)."""
    rule = rules[0][0]

    def act(shared: Any, own: Any, seen: Observation) -> Action:
        actions = [rule.act(one, own, seen) for one in shared]
        return Action(*(sum(parts) / len(actions) for parts in zip(*actions, strict=True)))

    return rule._replace(act=act), tuple(shared for _, shared, _ in rules), None


def _calendar(rule: Rule, orders: tuple[int, int] | None) -> Rule:
    """The rule, but orders are placed only at some reviews of the game."""
    if orders is None:
        return rule

    def prepare(episode: Episode) -> Episode:
        review = jnp.cumsum(episode.active, 0)  # from 1, each pair's own
        allowed = (review >= orders[0]) & (review <= orders[1])
        return rule.prepare(episode.replace(active=episode.active & allowed))

    return rule._replace(prepare=prepare)


def _costs(experiment: Experiment, rows: trace.Columns) -> np.ndarray:
    """[T, N] cost of each day of a trace, whose rows go pair by pair; 0 where it is not measured."""
    config, panel = experiment.config, experiment.panel
    shape = (panel.pairs, -1)
    pair = np.lexsort((panel.warehouse, panel.sku))  # the order of a trace
    day = Day(*(jnp.asarray(rows[name].reshape(shape).T) for name in Day._fields))
    cost = day_cost(
        day, jnp.asarray(experiment.scale("test")[0][pair]), prices(config.objective), config.objective
    )
    booked = np.where(rows["measured"].reshape(shape).T, jax.device_get(cost), 0.0)
    out = np.zeros_like(booked)
    out[:, pair] = booked
    return out
