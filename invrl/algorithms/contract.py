"""What an algorithm is: a record of pure functions over an explicit state.

The loop in `training.py` runs any such record; evaluation, checkpoints, early stopping and
logging are written once, there. To add an algorithm: one file with one `Algorithm`, one line
in `registry.py`, one config section of the same name.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from jax import Array

from invrl.config import Config
from invrl.demand.episodes import Dataset
from invrl.metrics import Prices
from invrl.policies.network import Policy


class Problem(NamedTuple):
    """What is to be learned: a policy's shape, and the data to learn it on."""

    config: Config
    policy: Policy
    train: Dataset


class Algorithm(NamedTuple):
    """An algorithm.

    A state is any tree of arrays with an attribute `params`: the policy's parameters.
    """

    hyper: Callable[[Config], Any]
    """config -> tree of numbers that are traced, so that runs may be vmapped over them."""
    init: Callable[[Problem, Any, Array], Any]
    """(problem, hyper, key) -> state"""
    update: Callable[[Problem], Callable[[Any, Any, Prices], tuple[Any, dict[str, Array]]]]
    """problem -> compiled (state, hyper, prices) -> (state after one chunk, metrics); a chunk is
    `train.evaluate_every` updates."""
