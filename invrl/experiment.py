"""Everything that one config determines: panel, split, features, policy."""

from __future__ import annotations

from copy import copy
from dataclasses import replace
from functools import cache, cached_property
from typing import Any

import numpy as np

from invrl import registry
from invrl.algorithms.contract import Problem
from invrl.baselines.contract import as_incumbents_see, features_of
from invrl.baselines.forecasts import check_own
from invrl.baselines.search import Outlook
from invrl.config.schema import Config, Recombine
from invrl.demand import masks
from invrl.demand.episodes import Dataset, bytes_per_pair, episode_shapes, make_dataset
from invrl.demand.features import Normaliser, fit_normaliser
from invrl.demand.panel import Panel
from invrl.demand.pieces import Feed, Pieces
from invrl.demand.recombination import recombined
from invrl.demand.scale import scale_of, unsold
from invrl.demand.splits import Part, split
from invrl.demand.supply import with_supply, with_units
from invrl.devices import placement
from invrl.errors import InvrlError
from invrl.policies.heads import with_forecasts as weighing
from invrl.policies.heads import with_unit
from invrl.policies.network import Policy, make_policy
from invrl.sources.forecasts import with_forecasts


class Experiment:
    """A config with its panel: parts, weights and the policy to train, each made once.

    Args:
        config: `self.config` has `supply.units` resolved.
        panel: as the source made it.
        normaliser: a run's own when it is evaluated on other data; None fits one.
        devices: lay each part over so many devices; None lets `placement` decide.
        parts: other parts than those of `config.split`.
    """

    def __init__(
        self,
        config: Config,
        panel: Panel,
        normaliser: Normaliser | None = None,
        devices: int | None = None,
        parts: dict[str, Part] | None = None,
    ):
        self.features = features_of(config)
        self.devices = devices
        self.panel = with_forecasts(with_supply(panel, config.supply), config.data)
        parts = parts or split(panel.pairs, panel.days, config.split, panel.by_sku)
        self.parts: dict[str, Part] = {name: _measurable(self.panel, part) for name, part in parts.items()}
        train = self.parts["train"]
        self.training_days = slice(0, train.stop)
        self.config = replace(config, supply=with_units(self.panel, self.training_days, config.supply))
        check_own(self.panel, train.stop, config.baseline.forecast)
        self.normaliser = normaliser or fit_normaliser(
            self.panel, train.pairs, self.training_days, self.scale("train")[0]
        )

    @cached_property
    def outlooks(self) -> dict[tuple[float, ...], Outlook]:
        """Prices -> by what incumbents did best with them; filled by `scoring.incumbents`."""
        return {}

    def known_days(self, name: str) -> slice:
        """The days from which policies may know the mean of a part's pairs.

        Days that measure a policy on pairs it was not trained on say nothing of those pairs: only their
        history does.
        """
        split = self.config.split
        held_out = split.by == "pairs" or (split.by == "both" and name == "validation")
        return slice(0, split.history_days) if held_out else self.training_days

    @cache  # noqa: B019 - an experiment lives as long as its process
    def seen(self, name: str) -> np.ndarray | None:
        """[T, N] units, what a part's features see of demand where some days are masked."""
        return masks.seen(self.panel, self.known_days(name))

    @property
    def recombines(self) -> bool:
        return self.config.recombine.by != "off"

    @cached_property
    def as_it_was(self) -> Experiment:
        """The same experiment with the training days as they were, not recombined."""
        plain = replace(self.config, recombine=Recombine())
        return self._changed(config=plain) if self.recombines else self

    @cached_property
    def incumbents(self) -> Experiment:
        """The same experiment as an incumbent sees it: its forecasts in place of a network's features, and
        the training days as they were."""
        features = as_incumbents_see(self.features)
        return self.as_it_was if features == self.features else self.as_it_was._changed(features=features)

    def begun_with(self, stock: np.ndarray, name: str) -> Experiment:
        """The same experiment with a part that begins on its first measured day, with the stock [L+1, N]."""
        part = self.parts[name]
        part = _measurable(self.panel, part._replace(start=part.measure))
        panel = replace(self.panel, initial_stock=stock)
        return self._changed(panel=panel, parts=self.parts | {name: part})

    def _changed(self, **fields: Any) -> Experiment:
        """A copy with other fields, and without what was made of the old ones."""
        other = copy(self)
        for made in MADE:
            other.__dict__.pop(made, None)
        other.__dict__.update(fields)
        return other

    @cached_property
    def weight(self) -> np.ndarray:
        """[N] weight of each pair of the panel; the mean is 1."""
        kind = self.config.evaluation.weights
        sales, _ = scale_of(self.panel, self.training_days)
        if self.panel.mean_demand is None:  # who sold nothing counts as the typical pair, but not in sales
            sales = np.where(self.panel.demand[self.training_days].any(0), sales, 0)
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

    @cached_property
    def untrained(self) -> list[str]:
        """Names of the pairs that sold nothing on the days that policies know them by."""
        known = [unsold(self.panel, p.pairs, self.known_days(name)) for name, p in self.parts.items()
                 if self.known_days(name).stop]  # fmt: skip
        return list(np.unique(np.concatenate(known))) if known else []

    def weight_of(self, name: str) -> np.ndarray:
        """[N'] weights of a part's pairs."""
        return self.weight[self.parts[name].pairs]

    @cache  # noqa: B019
    def scale(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard deviation [N] of daily demand on the known days; the average training pair's
        where there are none.
        """
        days = self.known_days(name)
        if days.stop:
            return scale_of(self.panel, days)
        train = self.parts["train"].pairs
        own = scale_of(self.panel, self.training_days)
        mean, sd = (np.full_like(values, values[train].mean()) for values in own)
        return (mean if self.panel.mean_demand is None else own[0]), sd

    def dataset(self, name: str, piece: tuple[int, int] = (0, 1)) -> Dataset:
        """The episodes of `train`, `validation` or `test`, or of a piece of them."""
        panel, part, own, seen = self.panel, self.parts[name], np.arange(self.panel.pairs), self.seen(name)
        if name == "train" and self.recombines:
            panel, own = self.recombination
            part, seen = part._replace(pairs=np.arange(own.size)), masks.seen(panel, self.known_days(name))
        mean, sd = (values[own] for values in self.scale(name))
        return make_dataset(
            panel, part, (mean, sd), self.normaliser, self.config.supply, self.features, self.weight[own],
            devices=self.devices, piece=piece, seen=seen,
        )  # fmt: skip

    @cached_property
    def recombination(self) -> tuple[Panel, np.ndarray]:
        """The panel of recombined training days, and the pair that each of its pairs stands for."""
        weighs = bool(registry.get("head", self.config.reg).coefficients)
        seed = self.config.split.seed
        return recombined(self.panel, self.parts["train"], self.config.recombine, weighs, seed)

    @cache  # noqa: B019
    def bytes_per_pair(self, name: str) -> int:
        """Memory of an episode of a part, with what it is built from."""
        return bytes_per_pair(self.panel, self.parts[name], self.normaliser, self.features)

    @cache  # noqa: B019
    def pieces(self, name: str) -> int:
        """Pieces that a part is worked off in."""
        return placement.pieces(self.simulated(name), self.bytes_per_pair(name), self.config.data.piece_pairs)

    def simulated(self, name: str) -> int:
        """Pairs of a part that are simulated, recombined ones too."""
        copies = self.config.recombine.copies if name == "train" and self.recombines else 1
        return self.parts[name].pairs.size * copies

    def memory_plan(self) -> dict[str, int]:
        """Bytes of the panel's columns, and of the episodes of each part that are held at once."""
        columns = (self.panel.demand, *self.panel.ahead.values(), *self.panel.after.values())
        plan = {"panel": sum(column.nbytes for column in columns)}
        for name in self.parts:
            plan[name] = self.bytes_per_pair(name) * -(-self.simulated(name) // self.pieces(name))
        return plan

    def part(self, name: str) -> Dataset | Pieces:
        """The episodes of a part, in pieces if memory cannot hold them at once."""
        count = self.pieces(name)
        if count == 1:
            return self.dataset(name)
        return Pieces(lambda k: self.dataset(name, (k, count)), count, self.parts[name].pairs)

    @cached_property
    def train(self) -> Dataset:
        """The training part; its first piece, an even sample, where it comes in several."""
        return self.dataset("train", (0, self.pieces("train")))

    @cached_property
    def feed(self) -> Feed:
        """The training episodes, chunk by chunk."""
        count = self.pieces("train")
        return Feed(self.train, lambda k: self.dataset("train", (k, count)), count)

    @cached_property
    def validation(self) -> Dataset | Pieces:
        return self.part("validation")

    @cached_property
    def test(self) -> Dataset | Pieces:
        return self.part("test")

    @cache  # noqa: B019
    def measured_days(self, name: str) -> float:
        """Days of a part that are measured, the mean over pairs: fewer than its days where the first orders
        arrive within it. Of a part in pieces, the first piece's, an even sample."""
        part = getattr(self, name)
        dataset = part.build(0) if isinstance(part, Pieces) else part
        (days,) = dataset.gather([[group.episode.measured.sum((1, 2))] for group in dataset.groups])
        return float(days.mean())

    def whole(self, name: str) -> Dataset:
        """A part that must be in memory at once.

        Raises:
            InvrlError: it comes in pieces.
        """
        dataset = getattr(self, name)
        if isinstance(dataset, Pieces) or (name == "train" and self.pieces("train") > 1):
            raise InvrlError(
                f"the {name} part ({self.parts[name].pairs.size:,} pairs) does not fit in memory at once",
                hint="take fewer pairs for this, such as `data.options.pairs=50000`",
            )
        return dataset

    @cached_property
    def policy(self) -> Policy:
        head = with_unit(registry.get("head", self.config.reg), float(self.normaliser.typical))
        head = weighing(head, tuple(self.panel.forecasts))
        part = self.parts["train"]
        _, episode = episode_shapes(self.panel, part, self.normaliser, self.features)
        return make_policy(self.config.network, head, episode.features.shape[-2], episode.initial.shape[-2])

    @property
    def problem(self) -> Problem:
        return Problem(self.config, self.policy, self.train)


MADE = (
    "as_it_was",
    "incumbents",
    "untrained",
    "recombination",
    "train",
    "feed",
    "validation",
    "test",
    "policy",
)
"""What an experiment makes of its fields, once."""


def _measurable(panel: Panel, part: Part) -> Part:
    """The part without the pairs that have no day of their own to be measured on, all of them masked."""
    known = masks.observed(panel)
    if known is None or not part.judged:
        return part
    assert panel.lead_time is not None and panel.review_period is not None  # with_supply
    listed = masks.listed(panel)
    day = np.arange(part.start, part.stop)[:, None]
    since = part.start if listed is None else part.start + listed[part.start : part.stop].argmax(0)
    lead_time = np.atleast_2d(panel.lead_time).max(0)
    first = np.maximum(since + panel.review_period - 1 + lead_time, part.measure)  # an order may count
    counted = (known[part.start : part.stop] & (day >= first)).any(0)
    kept = part._replace(pairs=part.pairs[counted[part.pairs]])
    if not kept.pairs.size:
        raise InvrlError(
            f"no pair has an unmasked day among the days {part.measure} to {part.stop}",
            hint="see the columns in_stock and open, data.gaps, and split.*",
        )
    return kept
