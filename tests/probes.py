"""Tiny problems with known answers: what every learning algorithm must pass.

Each is a panel and a config, run through the one simulator. Values are read from an
algorithm's metrics, in the objective's own units.
"""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
from builders import floats, make_config, make_panel

from invrl import registry
from invrl.algorithms.contract import Problem, compiled
from invrl.devices import placement
from invrl.experiment import Experiment
from invrl.metrics import prices

VALUE = {"ddpg": "q_mean", "ppo": "value_mean"}
"""The metric that holds the mean value of the states visited."""

FAST = {
    "ddpg": (
        "ddpg.hidden=[16]", "ddpg.minibatch=64", "ddpg.gradient_steps=40", "ddpg.critic_warmup=100",
        "ddpg.replay=4000", "ddpg.tau=0.05", "ddpg.critic_learning_rate=3e-3",
        "ddpg.actor_learning_rate=3e-3",
        "train.updates=75", "train.evaluate_every=25",  # three chunks: the learning rates fall to their end
    ),
    "ppo": (
        "ppo.hidden=[16]", "ppo.minibatch=128", "ppo.learning_rate=1e-2",
        "train.updates=90", "train.evaluate_every=30",
    ),
}  # fmt: skip
"""Small networks in a hurry."""

COMMON = (
    "network.hidden=[16]", "split.by=pairs", "split.shuffle=false", "split.history_days=0",
    "split.validation_pairs=1", "split.test_pairs=1", "objective.kind=cost", "features.level=mean",
)  # fmt: skip


def experiment(algo: str, demand: np.ndarray, *words: str, **fields: Any) -> Experiment:
    """The probe as an experiment; two more pairs are added to validate and test."""
    demand = np.concatenate([demand, demand[:, :1], demand[:, :1]], 1)
    fields = {name: np.concatenate([x, x[:1], x[:1]]) for name, x in fields.items()}
    config = make_config("algo=" + algo, "reg=base", *COMMON, *FAST[algo], *words)
    return Experiment(config, make_panel(demand, **fields))


def constant_reward(algo: str, terminal: bool) -> Experiment:
    """Nothing can be ordered: every day loses its demand, at 0.9 a day in multiples of the mean.

    Seven days, which the network tells apart by the day of the week; lead time 0, daily reviews.
    """
    return experiment(
        algo, floats(np.full((7, 30), 5.0)), "features.groups=['calendar']", "supply.lead_time=0",
        "supply.review_period=1", "supply.initial_days=0", "supply.max_order=1e-9",
        f"train.terminal={str(terminal).lower()}", f"{algo}.gamma=0.5", f"{algo}.normalise_rewards=false",
    )  # fmt: skip


def newsvendor(algo: str) -> Experiment:
    """Backlogged Poisson demand of 5 a day: the best policy is a base-stock level, known in closed form.

    Half of the pairs get their orders at once (the reward depends on the action alone), half
    three days later (the reward is delayed). Untrained, the level is the mean demand of the
    protection interval; penalty 9 and holding 1 want the 90 % quantile.
    """
    rng = np.random.default_rng(0)
    lead_time = np.repeat([0, 3], 32)
    return experiment(
        algo, floats(rng.poisson(5.0, (40, 64))), "features.groups=['supply']", "supply.review_period=1",
        "supply.unmet=backlog", "objective.per=unit", "objective.penalty=9.0", "objective.holding=1.0",
        lead_time=lead_time, mean_demand=np.full(64, 5.0, np.float32),
    )  # fmt: skip


def train(problem: Problem, algo: str, chunks: int, seed: int = 0) -> tuple[Any, list[dict[str, float]]]:
    """The state after some chunks, and each one's metrics."""
    algorithm = registry.get("algorithm", algo)
    hyper, update = algorithm.hyper(problem.config), compiled(algorithm, problem)
    state = algorithm.init(problem, hyper, jax.random.key(seed))
    state = placement.replicate(state, problem.train.groups[0].devices)
    log = []
    for _ in range(chunks):
        state, metrics = update(state, hyper, prices(problem.config.objective))
        log.append({name: float(value) for name, value in metrics.items()})
    return state, log
