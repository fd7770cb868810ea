"""The one loop: compiled chunks inside, Python outside.

Between two chunks: look at the validation set, keep the best, save, report. Everything
the loop knows is in `Loop`, so a run resumed from it ends like one never interrupted.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from flax import struct

from invrl import registry
from invrl.algorithms.contract import compiled
from invrl.config.schema import Config
from invrl.config.sections import section_of
from invrl.devices import placement
from invrl.errors import DIVERGED, InvrlError
from invrl.experiment import Experiment
from invrl.metrics import Prices, prices, validation_score
from invrl.scoring.intervals import weighted_means
from invrl.scoring.rules import learned, make_simulate


class Loop(struct.PyTreeNode):
    """The state of a training run between two chunks."""

    state: Any  # the algorithm's
    best: Any  # parameters
    prices: Prices
    best_score: np.ndarray  # [] lowest validation score so far
    best_update: np.ndarray  # []
    bar: np.ndarray  # [] the score that the next one must beat by `min_improvement`
    stale: np.ndarray  # [] evaluations since the bar last moved
    update: np.ndarray  # [] updates done


Report = Callable[[Loop, dict[str, float]], None]


def start(experiment: Experiment, config: Config | None = None) -> Loop:
    """The loop before its first update.

    Args:
        config: with other numbers than the experiment's; None takes that.
    """
    config = config or experiment.config
    algorithm = registry.get("algorithm", config.algo)
    state = algorithm.init(experiment.problem, algorithm.hyper(config), jax.random.key(config.seed))
    number = np.asarray
    price = Prices(*(np.float32(x) for x in prices(config.objective)))
    never = number(np.inf, np.float64)
    zero = number(0, np.int64)
    return Loop(state, state.params, price, never, zero, never, zero, zero)


def train(experiment: Experiment, loop: Loop, report: Report) -> Loop:
    """Run the loop until the updates are spent or the patience is.

    Args:
        loop: from `start`, or from a checkpoint.
        report: called after every chunk with the loop and that chunk's metrics, among them
            `seconds` of the chunk and validation measures; it logs and saves.

    Raises:
        InvrlError: exit code 3; a metric is not finite. The loop reported last is sound.
    """
    config = experiment.config
    algorithm = registry.get("algorithm", config.algo)
    hyper, update = algorithm.hyper(config), compiled(algorithm, experiment.problem)
    validate = make_validate(experiment)
    devices = experiment.train.groups[0].devices
    loop = loop.replace(state=placement.replicate(loop.state, devices))
    while not finished(loop, config.train):
        began = time.perf_counter()
        episodes = experiment.feed(int(loop.update) // config.train.evaluate_every)
        state, metrics = update(loop.state, hyper, loop.prices, episodes)
        numbers = {name: float(value) for name, value in jax.device_get(metrics).items()}
        trained = time.perf_counter()
        done = int(loop.update) + config.train.evaluate_every
        measured = validate(state.params)
        numbers |= {f"validation_{name}": value for name, value in measured.items()}
        _refuse_non_finite(numbers, done, config)
        loop = advance(loop, state.params, measured, done, config).replace(state=state)
        seconds = {"train_seconds": trained - began, "validation_seconds": time.perf_counter() - trained}
        report(loop, {"update": done, **numbers, **seconds})
    return loop


def finished(loop: Loop, train: Any) -> bool:
    return loop.update >= train.updates or (0 < train.patience <= loop.stale)


def make_validate(experiment: Experiment) -> Callable[[Any], dict[str, float]]:
    """parameters -> weighted means of the exact measures on the validation set."""
    simulate = make_simulate(learned(experiment.policy), experiment.config)
    weight = experiment.weight_of("validation")
    return lambda params: weighted_means(simulate(params, experiment.validation), weight)


def advance(loop: Loop, params: Any, measured: dict[str, float], done: int, config: Any) -> Loop:
    """The loop after one more chunk, but for its state: best parameters, patience, price of a stockout."""
    score = validation_score(measured, config.objective)
    better = score < loop.best_score
    moved = (
        score < loop.bar - config.train.min_improvement * abs(loop.bar) if math.isfinite(loop.bar) else True
    )
    return loop.replace(
        best=params if better else loop.best,
        best_score=np.asarray(min(score, loop.best_score), np.float64),
        best_update=np.asarray(done if better else loop.best_update, np.int64),
        bar=np.asarray(score if moved else loop.bar, np.float64),
        stale=np.asarray(0 if moved else loop.stale + 1, np.int64),
        update=np.asarray(done, np.int64),
        prices=tuned_prices(loop.prices, measured, config.objective),
    )


PRICE_STEP = 0.3
"""Largest change of the log stockout price in one evaluation."""


def tuned_prices(price: Prices, measured: dict[str, float], objective: Any) -> Prices:
    """Dual ascent: a stockout costs more while the validation rate is above the target."""
    if not objective.target_stockout:
        return price
    excess = measured["stockout_rate"] / objective.target_stockout - 1.0
    return price._replace(
        stockout=np.float32(price.stockout * math.exp(PRICE_STEP * min(max(excess, -1.0), 1.0)))
    )


def non_finite(metrics: dict[str, float]) -> list[str]:
    """The metrics by which a run has diverged."""
    return [name for name, value in metrics.items() if not math.isfinite(value)]


def _refuse_non_finite(metrics: dict[str, float], update: int, config: Config) -> None:
    bad = non_finite(metrics)
    if bad:
        raise InvrlError(
            f"training diverged: {bad[0]} is not finite at update {update}",
            hint=f"try {_lower_rate(config)}; the last checkpoint is intact",
            exit_code=DIVERGED,
        )


def _lower_rate(config: Config) -> str:
    """`ds.learning_rate=0.001`: a third of each learning rate that the algorithm has."""
    name = section_of(config.algo)
    section = getattr(config, name, None)
    words = [
        f"{name}.{key}={rate / 3:.2g}"
        for key, rate in (vars(section).items() if section else ())
        if key.endswith("learning_rate") and "final" not in key
    ]
    return " ".join(words) or "a lower learning rate"
