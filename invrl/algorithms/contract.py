"""What an algorithm is: a record of pure functions over an explicit state.

The loop in `training/trainer.py` runs any such record; evaluation, checkpoints, early stopping and
logging are written once, there. To add an algorithm: one file with one `Algorithm`, one line
in `registry.py`, one config section; a plugin's own section is the dataclass in `settings`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
from jax import Array

from invrl.config.schema import Config
from invrl.config.setting import traced_numbers
from invrl.demand.episodes import Dataset
from invrl.metrics import Prices
from invrl.policies.network import Policy
from invrl.simulator import Episode


class Problem(NamedTuple):
    """What is to be learned: a policy's shape, and the data to learn it on."""

    config: Config
    policy: Policy
    train: Dataset


Metrics = dict[str, Array]

Hyper = Any
"""Named tuple of the traced numbers of an algorithm's section, by their names."""

Update = Callable[[Any, Any, Prices, tuple[Episode, ...]], tuple[Any, Metrics]]
"""(state, hyper, prices, episodes of the training groups) -> (state, metrics)."""


class Algorithm(NamedTuple):
    """An algorithm.

    A state is any tree of arrays with an attribute `params`: the policy's parameters.
    """

    section: str
    """The config section with its settings; a variant of an algorithm may name that one's."""
    init: Callable[[Problem, Any, Array], Any]
    """(problem, hyper, key) -> state"""
    update: Callable[[Problem], Update]
    """problem -> one chunk: `train.evaluate_every` updates. Traced by the caller: compiled for one
    run (`compiled`), or mapped over many (`tuning/lanes.py`)."""
    space: Mapping[str, str] = {}
    """Where `invrl tune` looks unless told otherwise: key of the config -> range (`tuning/space.py`)."""
    settings: type | None = None
    """The section's dataclass (`config/setting.py`) where the schema has none of that name."""

    def hyper(self, config: Config) -> Hyper:
        """The numbers that are traced, so that runs may be vmapped over them."""
        return traced_numbers(getattr(config, self.section))


def compiled(algorithm: Algorithm, problem: Problem) -> Callable[..., tuple[Any, Metrics]]:
    """(state, hyper, prices, episodes) -> (state after one chunk, metrics); episodes are the problem's own
    unless others of their shapes are given."""
    chunk = jax.jit(algorithm.update(problem))
    own = problem.train.episodes
    return lambda state, hyper, price, episodes=own: chunk(state, hyper, price, episodes)
