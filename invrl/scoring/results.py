"""What a policy scored: measures per pair, means with intervals, paired differences."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from invrl import registry
from invrl.baselines import search
from invrl.baselines.contract import FORECASTS
from invrl.experiment import Experiment
from invrl.metrics import Prices
from invrl.scoring.intervals import estimate, weighted_means
from invrl.scoring.objectives import priced_for
from invrl.scoring.rules import Rule, classical, make_simulate

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
    forecast: str = experiment.config.baseline.forecast
    if forecast == "search":
        has_forecast = registry.get("baseline", name).has_safety_factor
        forecast = best_forecast(experiment, price) if has_forecast else FORECASTS[0]
    return _fitted(experiment, name, price, forecast)


def best_forecast(experiment: Experiment, price: Prices) -> str:
    """The forecast with which the base-stock incumbent, tuned on training days, does best on validation."""
    known = experiment.forecasts
    key = tuple(float(x) for x in price)
    if key not in known:
        config = experiment.config
        config = replace(config, objective=priced_for(config, float(price.stockout)))
        simulate = make_simulate(classical(registry.get("baseline", "incumbent"), config), config)
        weight, data = experiment.weight_of("validation"), experiment.validation

        def loss(forecast: str) -> float:
            numbers = _fitted(experiment, "incumbent", price, forecast)[:, data.pairs]
            return weighted_means(simulate(None, data, own=numbers), weight)["objective"]

        known[key] = min(FORECASTS, key=loss)
    return known[key]


def _fitted(experiment: Experiment, name: str, price: Prices, forecast: str) -> np.ndarray:
    baseline, config = registry.get("baseline", name), experiment.config
    pieces = experiment.pieces("train") if config.baseline.per_pair and baseline.axes else 1
    everyone = np.zeros((0, experiment.panel.pairs), np.float32)
    for k in range(pieces):  # one set of numbers for all pairs is fitted on the first piece, an even sample
        train = experiment.dataset("train", (k, pieces)) if pieces > 1 else experiment.train
        numbers = search.fit(baseline, train, experiment.weight[train.pairs], price, config, forecast)
        if numbers.shape[1] == 1:
            return np.repeat(numbers, experiment.panel.pairs, axis=1)
        everyone = everyone if k else np.zeros((len(numbers), experiment.panel.pairs), np.float32)
        everyone[:, train.pairs] = numbers
    return everyone


def strongest(experiment: Experiment, policies: dict[str, Measures]) -> str | None:
    """The incumbent with the lowest objective on validation: the one to beat."""
    names = [name for name in policies if name in registry.BASELINES and name != "clairvoyant"]
    weight = experiment.weight_of("validation")
    return min(names, key=lambda name: weighted_means(policies[name], weight)["objective"], default=None)


def score_baseline(
    experiment: Experiment, name: str, numbers: np.ndarray, splits: Iterable[str]
) -> dict[str, Measures]:
    """split -> measures of an incumbent with the numbers [k, N]."""
    simulate = make_simulate(classical(registry.get("baseline", name), experiment.config), experiment.config)
    datasets = {split: getattr(experiment, split) for split in splits}
    return {split: simulate(None, data, own=numbers[:, data.pairs]) for split, data in datasets.items()}


def with_factor(
    experiment: Experiment, name: str, numbers: np.ndarray, split: str
) -> Callable[[float], Measures]:
    """A function from a safety factor to the measures of an incumbent, its other numbers as tuned.

    Args:
        numbers: [k, N]; the first row is the safety factor.
    """
    dataset = getattr(experiment, split)
    simulate = make_simulate(classical(registry.get("baseline", name), experiment.config), experiment.config)
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
    return {
        "pairs": int(pairs.size),
        "measured_days": part.stop - part.measure,
        "demand": experiment.panel.knowledge,
        "policies": {name: estimated(values) for name, values in policies.items()},
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
    return {
        "pair": pairs, "weight": experiment.weight[pairs], "cluster": cluster, "scale": scale, **arrays
    }  # fmt: skip
