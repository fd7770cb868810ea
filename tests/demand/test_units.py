"""No unit of demand is special, and no pair that nobody buys moves the others."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from builders import floats, held, make_experiment, make_panel

from invrl.demand.panel import Panel
from invrl.metrics import prices
from invrl.scoring import results
from invrl.scoring.rules import learned
from invrl.training import trainer

WORDS = (
    "split.history_days=14", "split.warmup_days=7", "split.validation_days=14", "split.test_days=14",
    "supply.review_period=2", "supply.lead_time=0-3", "network.hidden=[8]", "train.updates=6",
    "train.evaluate_every=3", "evaluation.bootstrap=20",
)  # fmt: skip
UNITS = (1e-6, 1e-3, 1e3, 1e9)


@cache
def panel_in(unit: float) -> Panel:
    """Steady, lumpy, rare and new sellers, in amounts that are no whole numbers."""
    rng = np.random.default_rng(4)
    amounts = rng.gamma(1.5, 1.0, (70, 12)) * rng.lognormal(0, 1, 12)
    demand = amounts * (rng.random((70, 12)) < np.linspace(0.05, 1, 12))
    demand[:30, 3] = 0
    promotion = (rng.random((70, 12)) < 0.3).astype(np.float32)
    return make_panel(
        demand * unit, ahead={"promotion": promotion}, static={"margin": floats(rng.random(12))}
    )


SCALED = ("scale", "spread", "demand", "regressors", "demand_rate", "initial", "max_order", "max_position")


@pytest.mark.parametrize("unit", UNITS)
def test_what_policies_see_has_no_unit(unit: float) -> None:
    one, other = (make_experiment(panel_in(u), *WORDS) for u in (1.0, unit))
    for part in ("train", "test"):
        np.testing.assert_allclose(
            held(other, part, "features"), held(one, part, "features"), rtol=1e-3, atol=1e-3
        )
        for name in SCALED:
            np.testing.assert_allclose(
                held(other, part, name) / unit, held(one, part, name), rtol=1e-4, atol=1e-5
            )


RULES = ("capped_base_stock", "projected_level", "s_S", "constant", "clairvoyant")


@cache
def measured(rule: str, unit: float) -> dict[str, np.ndarray]:
    return measures_of(rule, panel_in(unit))


def measures_of(rule: str, panel: Panel, *words: str) -> dict[str, np.ndarray]:
    experiment = make_experiment(panel, *WORDS, *words)
    if rule != "ds":
        numbers = results.fit_baseline(experiment, rule, prices(experiment.config.objective))
        return results.score_baseline(experiment, rule, numbers, ("test",))["test"]
    loop = trainer.train(experiment, trainer.start(experiment), lambda *_: None)
    rule_learned = learned(experiment.policy)
    return results.score_policy(experiment, rule_learned, loop.best, ("test",))["test"]


@pytest.mark.parametrize("unit", [1e-6, pytest.param(1e9, marks=pytest.mark.slow)])
@pytest.mark.parametrize("rule", RULES)
def test_incumbents_do_the_same_in_every_unit(rule: str, unit: float) -> None:
    same(measured(rule, 1.0), measured(rule, unit))


@pytest.mark.parametrize("unit", [1e-6, pytest.param(1e9, marks=pytest.mark.slow)])
def test_ds_learns_the_same_in_every_unit(unit: float) -> None:
    same(measured("ds", 1.0), measured("ds", unit))


def same(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> None:
    for name in ("stockout_rate", "turnover_time", "fill_rate"):
        np.testing.assert_allclose(other[name], one[name], rtol=1e-2, atol=1e-3, err_msg=name)


def test_a_pair_that_nobody_buys_moves_no_other() -> None:
    panel = panel_in(1.0)
    dead = make_panel(
        np.concatenate([panel.demand, np.zeros((70, 1))], 1),
        ahead={"promotion": np.concatenate([panel.ahead["promotion"], np.ones((70, 1), np.float32)], 1)},
        static={"margin": np.append(panel.static["margin"], np.float32(9))},
    )
    one, two = (make_experiment(p, *WORDS, "supply.lead_time=2") for p in (panel, dead))
    for name in ("features", *SCALED):
        np.testing.assert_array_equal(held(one, "test", name), held(two, "test", name)[:12])


@pytest.mark.parametrize("rule", ["capped_base_stock", "ds"])
def test_pairs_in_another_order_do_the_same(rule: str) -> None:
    panel = replace(panel_in(1.0), lead_time=np.arange(12) % 4)
    order = np.random.default_rng(3).permutation(12)
    one, other = (measures_of(rule, p) for p in (panel, panel.take(order)))
    same({name: values[order] for name, values in one.items()}, other)


def test_a_pair_listed_of_late_is_not_held_to_its_first_sales() -> None:
    """It sells like the others, from the last training day on or later: so are its caps."""
    demand = np.random.default_rng(0).poisson(3.0, (90, 8))
    demand[:59, 0], demand[59, 0], demand[:60, 1] = 0, 1, 0
    experiment = make_experiment(make_panel(demand))  # 60 training days
    mean, spread = experiment.scale("test")
    np.testing.assert_allclose(mean[:2], 3, rtol=0.1)
    np.testing.assert_allclose(spread[:2], 3**0.5, rtol=0.15)
    assert experiment.untrained == ["S1@W"]


def test_the_unit_a_network_thinks_in_moves_no_incumbent() -> None:
    one, two = (
        measures_of("capped_base_stock", panel_in(1.0), f"features.level={level}", "baseline.forecast=shrunk")
        for level in ("shrunk", "mean")
    )
    for name, values in one.items():
        np.testing.assert_array_equal(values, two[name], err_msg=name)
