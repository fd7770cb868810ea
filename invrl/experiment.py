"""Everything that one config determines: panel, split, features, policy."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from invrl import registry
from invrl.algorithms.contract import Problem
from invrl.config import Config
from invrl.demand.episodes import Dataset, make_dataset, scale_of
from invrl.demand.features import Normaliser, fit_normaliser
from invrl.demand.panel import Panel
from invrl.demand.splits import Part, split
from invrl.demand.supply import with_supply
from invrl.errors import InvrlError
from invrl.policies.network import Policy, make_policy


class Experiment:
    """A config with its panel: parts, weights and the policy to train, each made once.

    Args:
        panel: as the source made it.
        normaliser: a run's own when it is evaluated on other data; None fits one.
        devices: lay each part over so many devices; None lets `placement` decide.
    """

    def __init__(
        self, config: Config, panel: Panel, normaliser: Normaliser | None = None, devices: int | None = None
    ):
        self.config = config
        self.devices = devices
        self.panel = with_supply(panel, config.supply)
        self.parts: dict[str, Part] = split(panel.pairs, panel.days, config.split)
        train = self.parts["train"]
        self.training_days = slice(0, train.stop)
        self.normaliser = normaliser or fit_normaliser(self.panel, train.pairs, self.training_days)

    @cached_property
    def weight(self) -> np.ndarray:
        """[N] weight of each pair of the panel; the mean is 1."""
        kind = self.config.evaluation.weights
        sales, _ = scale_of(self.panel, self.training_days)
        weight = {"equal": np.ones_like(sales), "sales": sales}.get(kind)
        column = {"value": self.panel.price, "panel": self.panel.weight}.get(kind)
        if weight is None:
            if column is None:
                what = "price" if kind == "value" else "weight"
                raise InvrlError(f"evaluation.weights = {kind}, but the data has no {what} column")
            weight = column * sales if kind == "value" else column
        if not weight.sum() > 0:
            raise InvrlError("all weights are 0", hint="see evaluation.weights")
        return (weight / weight.mean()).astype(np.float32)

    def dataset(self, name: str) -> Dataset:
        """The episodes of `train`, `validation` or `test`."""
        return make_dataset(
            self.panel, self.parts[name], self.training_days, self.normaliser,
            self.config.supply, self.config.features, self.weight, devices=self.devices,
        )  # fmt: skip

    @cached_property
    def train(self) -> Dataset:
        return self.dataset("train")

    @cached_property
    def validation(self) -> Dataset:
        return self.dataset("validation")

    @cached_property
    def test(self) -> Dataset:
        return self.dataset("test")

    @cached_property
    def policy(self) -> Policy:
        head = registry.get("head", self.config.reg)
        episode = self.train.groups[0].episode
        slots = max(group.episode.initial.shape[-2] for group in self.train.groups)
        return make_policy(self.config.network, head, episode.features.shape[-2], slots)

    @property
    def problem(self) -> Problem:
        return Problem(self.config, self.policy, self.train)
