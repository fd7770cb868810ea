"""What a policy scored: measures per pair, means with intervals, paired differences."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np

from invrl import registry
from invrl.baselines import search
from invrl.baselines.forecasts import FORECASTS, METHODS, variants
from invrl.baselines.levels import DISTRIBUTIONS
from invrl.baselines.search import Outlook
from invrl.demand.episodes import Dataset
from invrl.experiment import Experiment
from invrl.metrics import Prices
from invrl.scoring.intervals import estimate, weighted_means
from invrl.scoring.objectives import priced_for
from invrl.scoring.rules import Rule, Simulate, classical, make_simulate
from invrl.scoring.totals import sample, totals

Measures = dict[str, np.ndarray]
"""measure -> [N'], the pairs of one part."""


def score_policy(
    experiment: Experiment, rule: Rule, shared: Any, splits: Iterable[str]
) -> dict[str, Measures]:
    """split -> measures of a learned policy."""
    simulate = make_simulate(rule, experiment.config)
    return {split: simulate(shared, getattr(experiment, split)) for split in splits}


def fit_baseline(experiment: Experiment, name: str, price: Prices) -> np.ndarray:
    """[k, N] an incumbent's numbers for every pair of the panel, tuned on the training part."""
    baseline = registry.get("baseline", name)
    outlook = best_outlook(experiment, price) if baseline.has_safety_factor else Outlook(FORECASTS[0])
    if not (experiment.config.baseline.per_pair and baseline.axes):
        numbers = _fitted(experiment, name, _sample(experiment), price, outlook).numbers
        return np.repeat(numbers, experiment.panel.pairs, axis=1)
    everyone = np.zeros((baseline.size, experiment.panel.pairs), np.float32)
    pieces, seen = experiment.pieces("train"), experiment.incumbents
    for train in [seen.train] if pieces == 1 else (seen.dataset("train", (k, pieces)) for k in range(pieces)):
        everyone[:, train.pairs] = _fitted(experiment, name, train, price, outlook).numbers
    return everyone


LOOK = 1 << 20
"""Pair-days of training that one set of numbers for all pairs is tuned on: more are sampled evenly."""


def _sample(experiment: Experiment) -> Dataset:
    part = experiment.parts["train"]
    pieces = max(experiment.pieces("train"), -(-part.pairs.size * part.stop // LOOK))
    seen = experiment.incumbents
    return seen.train if pieces == 1 else seen.dataset("train", (0, pieces))


def best_outlook(experiment: Experiment, price: Prices) -> Outlook:
    """The forecast and distribution with which base stock, tuned on training days, does best on validation.

    A method's smoothing constant is chosen on training days; then the method, and with it the distribution,
    on validation. What the config names is not searched.
    """
    key = tuple(float(x) for x in price)
    if key not in experiment.outlooks:
        experiment.outlooks[key] = _best_outlook(experiment, price)
    return experiment.outlooks[key]


def _best_outlook(experiment: Experiment, price: Prices) -> Outlook:
    wanted = experiment.config.baseline
    own = tuple(experiment.panel.forecasts)
    methods = (*METHODS, *own) if wanted.forecast == "search" else (wanted.forecast,)
    kinds = tuple(DISTRIBUTIONS) if wanted.distribution == "search" else (wanted.distribution,)
    only = Outlook(methods[0], kinds[0], own)
    if len(methods) == 1 and only.is_level:
        return only._replace(distribution="normal")  # at the factor 0: the forecast itself
    if len(methods) == len(kinds) == 1 and len(variants(methods[0])) < 2:
        return only
    config = experiment.config
    config = replace(config, objective=priced_for(config, float(price.stockout)))
    simulate = make_simulate(classical(registry.get("baseline", "incumbent"), config), config)
    weight, data = experiment.weight_of("validation"), experiment.incumbents.validation
    sample = _sample(experiment)

    @cache
    def fitted(outlook: Outlook) -> search.Fitted:
        return _fitted(experiment, "incumbent", sample, price, outlook)

    def loss(outlook: Outlook) -> float:
        numbers = fitted(outlook).numbers
        own = np.repeat(numbers[:, :1], data.pairs.size, axis=1)
        return weighted_means(simulate(None, data, own=own), weight)["objective"]

    def constant(method: str) -> Outlook:
        return min(
            (Outlook(name, own=own) for name in variants(method) or (method,)),
            key=lambda outlook: fitted(outlook).cost,
        )

    best = min((constant(method) for method in methods), key=loss)
    return best if best.is_level else min((best._replace(distribution=kind) for kind in kinds), key=loss)


def _fitted(
    experiment: Experiment, name: str, train: Dataset, price: Prices, outlook: Outlook
) -> search.Fitted:
    weight = experiment.weight[train.pairs]
    return search.fit(registry.get("baseline", name), train, weight, price, experiment.config, outlook)


def strongest(experiment: Experiment, policies: dict[str, Measures]) -> str | None:
    """The incumbent with the lowest objective on validation: the one to beat."""
    names = [name for name in policies if name in registry.BASELINES and name != "clairvoyant"]
    weight = experiment.weight_of("validation")
    return min(names, key=lambda name: weighted_means(policies[name], weight)["objective"], default=None)


def _simulate(experiment: Experiment, name: str) -> Simulate:
    rule = classical(registry.get("baseline", name), experiment.config)
    return make_simulate(rule, experiment.config)


def score_baseline(
    experiment: Experiment, name: str, numbers: np.ndarray, splits: Iterable[str]
) -> dict[str, Measures]:
    """split -> measures of an incumbent with the numbers [k, N]."""
    simulate = _simulate(experiment, name)
    datasets = {split: getattr(experiment.incumbents, split) for split in splits}
    return {split: simulate(None, data, own=numbers[:, data.pairs]) for split, data in datasets.items()}


def with_factor(
    experiment: Experiment, name: str, numbers: np.ndarray, split: str
) -> Callable[[float], Measures]:
    """A function from a safety factor to the measures of an incumbent, its other numbers as tuned.

    Args:
        numbers: [k, N]; the first row is the safety factor.
    """
    dataset = getattr(experiment.incumbents, split)
    simulate = _simulate(experiment, name)
    others = numbers[1:, dataset.pairs]

    def measures(factor: float) -> Measures:
        own = np.concatenate([np.full((1, others.shape[1]), factor, numbers.dtype), others])
        return simulate(None, dataset, own=own)

    return measures


BISECTIONS = 14
"""Halvings of the range of safety factors: down to about 0.001."""


def at_equal_stockout(
    experiment: Experiment, name: str, numbers: np.ndarray, split: str, target: float
) -> Measures | None:
    """Measures of an incumbent whose safety factor is moved until its stockout rate is `target`.

    The factor is set with hindsight on the split itself, which flatters the incumbent: what a
    policy gains over it at the same stockout rate is then a cautious figure.

    Args:
        numbers: [k, N]; the first row is the safety factor, the others stay.

    Returns:
        None if no factor between -8 and 16 meets the target.
    """
    measures = with_factor(experiment, name, numbers, split)
    weight = experiment.weight_of(split)
    low, high = -8.0, 16.0
    found = None
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        found = measures(middle)
        rate = weighted_means(found, weight)["stockout_rate"]
        low, high = (middle, high) if rate > target else (low, middle)
    return found if found is not None and abs(rate - target) < 0.05 * target + 1e-3 else None


def summarise(experiment: Experiment, split: str, policies: dict[str, Measures], main: str) -> dict[str, Any]:
    """One split's part of `results.json`: means with intervals, and differences to `main`.

    Args:
        policies: name -> measures; `main` is the run's own.
    """
    pairs = experiment.parts[split].pairs

    def estimated(values: Measures) -> dict[str, list[float]]:
        evaluation = experiment.config.evaluation
        sku = experiment.panel.sku[pairs]
        found = estimate(values, experiment.weight[pairs], sku, evaluation.bootstrap, evaluation.seed)
        return {name: list(value) for name, value in found.items()}

    part = experiment.parts[split]
    kept = sample(pair_arrays(experiment, split, {}), experiment.config)
    return {
        "pairs": int(pairs.size),
        "days": part.stop - part.measure,
        "measured_days": round(experiment.measured_days(split), 1),
        "demand": experiment.panel.knowledge,
        "policies": {name: estimated(values) for name, values in policies.items()},
        "totals": {name: totals(values, kept) for name, values in policies.items()},
        "differences": {
            name: estimated({m: policies[main][m] - values[m] for m in values})
            for name, values in policies.items()
            if name != main
        },
    }


def pair_arrays(
    experiment: Experiment, split: str, policies: Mapping[str, Measures]
) -> dict[str, np.ndarray]:
    """What `pairs-<split>.npz` holds."""
    pairs = experiment.parts[split].pairs
    arrays = {
        f"{name}:{m}": v.astype(np.float32) for name, values in policies.items() for m, v in values.items()
    }
    cluster = np.unique(experiment.panel.sku, return_inverse=True)[1][pairs]
    scale = experiment.scale(split)[0][pairs].astype(np.float64)
    panel = experiment.panel
    known = {
        "pair": pairs, "weight": experiment.weight[pairs], "cluster": cluster, "scale": scale,
        "sold": panel.demand[experiment.training_days][:, pairs].any(0),
    }  # fmt: skip
    return known | ({} if panel.price is None else {"price": panel.price[pairs]}) | arrays
