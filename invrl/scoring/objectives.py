"""One objective for figures side by side: what runs share, or what they are scored again under."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any, NamedTuple

import numpy as np

from invrl.config import reading
from invrl.config.schema import Config, Objective
from invrl.errors import InvrlError, nearest
from invrl.metrics import repriced, validation_score
from invrl.runs.directory import Run
from invrl.scoring.intervals import weighted_means

PRICES = ("kind", "stockout_weight", "turnover_weight", "penalty", "holding", "per", "target_stockout")
"""Keys of the objective that change what a figure means; the width only smooths training."""


class Scoring(NamedTuple):
    """How runs are scored: by the figures they hold, or again from their per-pair measures."""

    objective: Objective
    again: bool

    def pairs(self, run: Run, split: str) -> dict[str, np.ndarray]:
        """Per-pair arrays of a run, all its policies' costs and objectives under this objective."""
        arrays = run.pairs(split)
        if not self.again:
            return arrays
        scale = _scale(run, arrays)
        found = dict(arrays)
        for policy in {name.partition(":")[0] for name in arrays if ":" in name}:
            own = {n.partition(":")[2]: v for n, v in arrays.items() if n.partition(":")[0] == policy}
            found |= {f"{policy}:{m}": v for m, v in repriced(own, scale, self.objective).items()}
        return found

    def validation(self, run: Run, content: dict[str, Any], policy: str) -> float:
        """The score on validation days that a configuration is chosen by, as its checkpoint was."""
        if self.again:
            arrays = self.pairs(run, "validation")
            names = ("objective", "stockout_rate", "turnover_time")
            means = weighted_means({m: arrays[f"{policy}:{m}"] for m in names}, arrays["weight"])
        else:
            found = content["splits"]["validation"]["policies"][policy]
            means = {m: triple[0] for m, triple in found.items()}
        return validation_score(means, self.objective)


def scoring(loaded: list[tuple[Run, dict[str, Any]]], words: list[str]) -> Scoring:
    """The objective that all runs share, or the one that `key=value` words name.

    With a stockout target, stockouts are priced as the runs' training came to price them (the median).

    Raises:
        InvrlError: the runs differ in a key that no word names, or a word names none.
    """
    named = dict(_word(word) for word in words)
    configs = [run.config for run, _ in loaded]
    for key in PRICES:
        values = list(dict.fromkeys(getattr(config.objective, key) for config in configs))
        if len(values) > 1 and key not in named:
            what = ", ".join(f"{value}" for value in values)
            raise InvrlError(
                f"the runs have different objectives: {key} is {what}",
                hint=f"name runs of one objective; `invrl compare --objective {key}={values[-1]}` scores all "
                "under one",
            )
    asked = reading.with_values(configs[0], [(f"objective.{k}", v) for k, v in named.items()]).objective
    if not asked.target_stockout:
        return Scoring(asked, bool(words))
    found = [content["stockout_price"] for _, content in loaded if content["reg"]] or [asked.stockout_weight]
    price = asked.stockout_weight if "stockout_weight" in named else float(np.median(found))
    return Scoring(replace(asked, stockout_weight=price), True)


def _word(word: str) -> tuple[str, Any]:
    key, value = reading.parse_override(word)
    key = key.removeprefix("objective.")
    if key not in PRICES:
        raise InvrlError(f"no key `{key}` of an objective", hint=nearest(key, PRICES))
    return key, value


def priced_for(config: Config, price: float) -> Objective:
    """The objective that a run's results are shown under: with a target, at the price training found."""
    objective = config.objective
    return replace(objective, stockout_weight=price) if objective.target_stockout else objective


def said(objective: Objective) -> str:
    """The objective in words, for a header."""
    if objective.kind == "service":
        text = f"{objective.stockout_weight:.4g} x stockout rate + {objective.turnover_weight:.4g} x turnover"
    else:
        unit = " / mean demand" if objective.per == "mean_demand" else ""
        text = f"({objective.penalty:.4g} x unmet + {objective.holding:.4g} x stock){unit}"
    target = f", stockouts at most {objective.target_stockout:.2%}" if objective.target_stockout else ""
    return f"objective: {text}{target}"


def tree(objective: Objective) -> dict[str, Any]:
    return {key: asdict(objective)[key] for key in PRICES}


def _scale(run: Run, arrays: dict[str, np.ndarray]) -> np.ndarray:
    """[N'] mean daily demand on training days; of runs that did not keep it, from what they kept.

    Raises:
        InvrlError: the run kept too little.
    """
    if "scale" in arrays:
        return arrays["scale"].astype(np.float64)
    objective, policy = run.config.objective, run.needed("results.json")["policy"]
    if objective.per != "mean_demand":
        raise InvrlError(f"{run.name} is too old to be scored again", hint="train it again")
    unmet, stock, cost = (
        arrays[f"{policy}:{m}"].astype(np.float64) for m in ("lost_units", "average_inventory", "cost")
    )
    return np.divide(
        objective.penalty * unmet + objective.holding * stock, cost, out=np.ones_like(cost), where=cost > 0
    )
