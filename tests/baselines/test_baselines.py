"""Incumbents: their rules by hand, known optima, and the bound that none may cross."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
from builders import floats, make_episode, make_experiment, make_panel, observation, poisson_panel, some_pairs

from invrl import registry
from invrl.baselines import search
from invrl.baselines.capped_base_stock import CAPPED_BASE_STOCK
from invrl.baselines.clairvoyant import CRUMB
from invrl.baselines.constant import CONSTANT
from invrl.baselines.contract import Baseline
from invrl.baselines.forecast_base_stock import INCUMBENT
from invrl.baselines.forecasts import FORECASTS, QUANTILES, with_forecasts
from invrl.baselines.levels import DISTRIBUTIONS
from invrl.baselines.s_S import S_S
from invrl.baselines.search import Outlook
from invrl.demand.smoothing import VARIANTS
from invrl.experiment import Experiment
from invrl.metrics import prices
from invrl.scoring import results
from invrl.scoring.rules import classical, make_simulate
from invrl.simulator import Observation

# ---- by hand ------------------------------------------------------------------------------

SEEN = observation(
    inventory=[[4.0, 30.0], [3.0, 0.0], [0.0, 0.0]], regressors=[[1.0, 1.0], [2.0, 2.0], [3.0, 3.0], [6.0,
    6.0]],
    demand_rate=[9.0, 9.0], scale=[5.0, 5.0], spread=[2.0, 2.0], lead_time=[1.0, 1.0], review_period=3,
    features=np.ones((QUANTILES, 2)),
)  # fmt: skip
# lead time 1 + review period 3 = 4 days of protection, sqrt(4) = 2; positions 7 and 30
DEMAND = floats([5.0, 5.0])
NORMAL = list(DISTRIBUTIONS).index("normal")


def numbers(*values: float) -> np.ndarray:
    return np.repeat(floats(values)[:, None], 2, axis=1)


@pytest.mark.parametrize(
    ("rule", "own", "orders"),
    [
        # 5 * 4 + 1 * 2 * 2 = 24, less 7 = 17; 30 is above
        (INCUMBENT, numbers(1.0, NORMAL), [17, 0]),
        # s = 24, S = 24 + 2 * 5 * 3 = 54: 7 <= 24 orders 47; 30 > 24 orders nothing
        (S_S, numbers(1.0, 2.0, NORMAL), [47, 0]),
        # as the incumbent, but at most 0.5 * 5 * 3 = 7.5
        (CAPPED_BASE_STOCK, numbers(1.0, 0.5, NORMAL), [7.5, 0]),
        (CONSTANT, numbers(0.8), [12, 12]),  # 0.8 * 5 * 3
    ],
)
def test_orders_by_hand(rule: Any, own: np.ndarray, orders: list[float]) -> None:
    np.testing.assert_allclose(rule.order(own, DEMAND, SEEN), orders, rtol=1e-6)


@pytest.mark.parametrize(
    ("forecast", "demand"),
    [("short", 1.0), ("long", 2.0), ("mean", 5.0), ("forecast", (3 * 1 + 6 * 3) / 4), ("shrunk", 9.0)],
)
def test_expected_demand_by_hand(forecast: str, demand: float) -> None:
    seen = np.concatenate([np.asarray(SEEN.regressors), floats([[9.0, 9.0]])])
    episode = make_episode(
        np.zeros((1, 3, 2)), lead_time=1, initial=[[0.0] * 2] * 2, regressors=seen[None, :4],
        demand_rate=seen[4:], scale=SEEN.scale,
        features=np.ones((1, len(VARIANTS) + QUANTILES, 2), np.float32),
    )  # fmt: skip
    features = with_forecasts(episode, "lost").features[0]
    np.testing.assert_allclose(features[FORECASTS.index(forecast)], [demand, demand])


# ---- every registered incumbent -----------------------------------------------------------


@pytest.fixture(params=sorted(registry.BASELINES))
def baseline(request: Any) -> Baseline:
    return registry.get("baseline", request.param)


def drawn_numbers(baseline: Baseline, pairs: int, seed: int = 0) -> np.ndarray:
    """[k, N] points of the search grid, another one for each pair, with any distribution and forecast."""
    rng = np.random.default_rng(seed)
    columns = [rng.choice(np.linspace(*axis), pairs) for axis in baseline.axes]
    if baseline.has_safety_factor:
        columns += [rng.integers(0, len(names), pairs) for names in (DISTRIBUTIONS, FORECASTS)]
    return np.array(columns, np.float32).reshape(len(columns), pairs)


def random_observation(baseline: Baseline, pairs: int) -> Observation:
    rng = np.random.default_rng(1)
    demand = rng.gamma(2, 3, (7, pairs))
    features = rng.gamma(2, 3, (len(FORECASTS) + QUANTILES, pairs))
    return observation(
        inventory=rng.normal(5, 20, (4, pairs)), regressors=demand[:4], demand_rate=demand[4],
        scale=demand[5],
        spread=demand[6], features=features, lead_time=rng.integers(0, 4, pairs), review_period=2,
    )  # fmt: skip


def test_axes_are_searchable(baseline: Any) -> None:
    for low, high, steps in baseline.axes:
        assert low < high and steps >= 2
    assert np.prod([steps for *_, steps in baseline.axes]) < 1000


@pytest.mark.usefixtures("strict_ranks")
def test_orders_are_finite_not_negative_and_pair_by_pair(baseline: Any) -> None:
    seen, own = random_observation(baseline, 64), drawn_numbers(baseline, 64)
    order = np.asarray(baseline.decide(own, seen))
    assert order.shape == (64,) and np.isfinite(order).all() and (order >= 0).all() and (order > 0).any()
    cut = some_pairs(seen, slice(5, 9))
    np.testing.assert_array_equal(baseline.decide(own[:, 5:9], cut), order[5:9])


@pytest.mark.usefixtures("strict_ranks")
@pytest.mark.parametrize("distribution", ["normal", "empirical"])
def test_orders_scale_with_the_unit(baseline: Any, distribution: str) -> None:
    """Negative binomial and Poisson levels count single units, and do not."""
    seen, own = random_observation(baseline, 64), drawn_numbers(baseline, 64)
    if baseline.has_safety_factor:
        own[-2] = list(DISTRIBUTIONS).index(distribution)
    names = ("inventory", "position", "features", "regressors", "demand_rate", "scale", "spread")
    tenfold = seen._replace(**{name: 10 * getattr(seen, name) for name in names})
    one, ten = (baseline.decide(own, s) for s in (seen, tenfold))
    np.testing.assert_allclose(ten, 10 * np.asarray(one), rtol=1e-4, atol=1e-3)


# ---- the clairvoyant ----------------------------------------------------------------------


def cost_of(name: str, experiment: Experiment, part: str = "train") -> np.ndarray:
    """[N'] cost under random numbers of the grid."""
    baseline, dataset = registry.get("baseline", name), getattr(experiment.incumbents, part)
    simulate = make_simulate(classical(baseline, experiment.config), experiment.config)
    return simulate(None, dataset, drawn_numbers(baseline, dataset.pairs.size))["cost"]


@pytest.fixture(scope="module")
def seasonal() -> Experiment:
    """200 pairs; those with an odd number start without stock."""
    panel = poisson_panel(80, 200, seed=3)
    stock = np.where(np.arange(200) % 2, 0, 6 * panel.demand.mean(0)).astype(np.float32)
    return make_experiment(
        replace(panel, initial_stock=stock), "objective.kind=cost", "features.groups=[]",
        "supply.lead_time=1,5",
        "supply.review_period=2", "supply.first_review=spread",
    )  # fmt: skip


@pytest.fixture(scope="module")
def bound(seasonal: Experiment) -> np.ndarray:
    return cost_of("clairvoyant", seasonal)


@pytest.mark.parametrize("name", sorted(registry.BASELINES))
def test_the_clairvoyant_is_never_beaten(name: str, seasonal: Experiment, bound: np.ndarray) -> None:
    crumb = 0.1 * CRUMB  # that much stock it keeps, at 0.1 a unit and day
    excess = cost_of(name, seasonal) - bound + crumb
    assert excess.min() >= -1e-4  # those that start without stock, too


# ---- tuning -------------------------------------------------------------------------------

STATIONARY = (
    "objective.kind=cost", "objective.per=unit", "objective.penalty=9", "objective.holding=1",
    "features.groups=[]",
    "baseline.forecast=mean", "baseline.distribution=normal", "supply.lead_time=2",
    "supply.review_period=1", "split.history_days=0",
    "split.warmup_days=0", "split.validation_days=2", "split.test_days=2",
)  # fmt: skip
MEAN = Outlook("mean")
"""Lead time 2, penalty 9, holding 1; with Poisson(5) demand the optima are published."""


@cache
def stationary(unmet: str) -> Experiment:
    demand = np.random.default_rng(0).poisson(5, (500, 64))
    return make_experiment(make_panel(demand), *STATIONARY, f"supply.unmet={unmet}")


def mean_with(z: float, pairs: int) -> np.ndarray:
    """[3, pairs] the safety factor, with the mean of the training days as the forecast."""
    return np.repeat(floats([z, *MEAN.numbers])[:, None], pairs, axis=1)


def tuned(name: str, experiment: Experiment) -> tuple[np.ndarray, float]:
    """The best numbers and their mean cost on the training days."""
    baseline, dataset = registry.get("baseline", name), experiment.incumbents.train
    weight = experiment.weight[dataset.pairs]
    own = search.fit(
        baseline, dataset, weight, prices(experiment.config.objective), experiment.config, MEAN
    ).numbers
    assert own.shape == (baseline.size, 1)
    simulate = make_simulate(classical(baseline, experiment.config), experiment.config)
    found = simulate(None, dataset, np.broadcast_to(own, (len(own), dataset.pairs.size)))
    return own[:, 0], float(found["cost"].mean())


def test_search_finds_the_newsvendor_level() -> None:
    own, cost = tuned("incumbent", stationary("backlog"))
    # optimal S = 20 and cost 7.123 for demand of 3 days: mean 15, sd sqrt(15)
    assert 15 + own[0] * np.sqrt(15) == pytest.approx(20, abs=0.6)
    assert cost == pytest.approx(7.123, rel=0.02)


@pytest.mark.parametrize(
    ("name", "cost"), [("incumbent", 6.31626), ("capped_base_stock", 6.11909)], ids=["base-stock", "capped"]
)
def test_search_finds_the_published_lost_sales_costs(name: str, cost: float) -> None:
    assert tuned(name, stationary("lost"))[1] == pytest.approx(cost, rel=0.02)


def test_search_returns_the_best_of_its_grid() -> None:
    """Against `make_simulate`, candidate by candidate; the finer grid may only improve."""
    experiment = stationary("backlog")
    (axis,) = INCUMBENT.axes
    simulate = make_simulate(classical(INCUMBENT, experiment.config), experiment.config)
    costs = [
        simulate(None, experiment.incumbents.train, mean_with(z, 64))["objective"].mean()
        for z in np.linspace(*axis)[8:16]
    ]
    own, cost = tuned("incumbent", experiment)
    assert cost <= min(costs) + 1e-4
    step = (axis[1] - axis[0]) / (axis[2] - 1)
    assert abs(own[0] - np.linspace(*axis)[8 + int(np.argmin(costs))]) <= step + 1e-6


def test_pair_by_pair_numbers_differ_and_cost_less() -> None:
    rng = np.random.default_rng(1)
    demand = np.stack([rng.poisson(5, 300), rng.geometric(1 / 6, 300) - 1, np.full(300, 4.0)], 1)
    experiment = make_experiment(
        make_panel(demand), *STATIONARY, "supply.unmet=backlog", "baseline.per_pair=true"
    )
    price = prices(experiment.config.objective)
    own = search.fit(
        INCUMBENT, experiment.incumbents.train, np.ones(3), price, experiment.config, MEAN
    ).numbers
    assert own.shape == (3, 3) and len(set(own[0])) > 1
    simulate = make_simulate(classical(INCUMBENT, experiment.config), experiment.config)
    each = simulate(None, experiment.incumbents.train, own)["cost"]
    for z in np.linspace(*INCUMBENT.axes[0]):
        assert (each <= simulate(None, experiment.incumbents.train, mean_with(z, 3))["cost"] + 1e-3).all()


def test_weights_steer_the_search() -> None:
    """Two pairs that want different safety factors: the one that counts gets its own."""
    # 0 and 10 in turn: three days need 10 or 20, never more, so 15 + z * 5 * sqrt(3) = 20 at z = 0.58
    demand = np.stack([np.random.default_rng(2).poisson(5, 302), 10 * (np.arange(302) % 2)], 1)
    experiment = make_experiment(make_panel(demand), *STATIONARY, "supply.unmet=backlog")
    price, data = prices(experiment.config.objective), experiment.incumbents.train
    poisson, regular = (
        search.fit(INCUMBENT, data, weight, price, experiment.config, MEAN).numbers[0, 0]
        for weight in np.eye(2)
    )
    assert regular == pytest.approx(0.58, abs=0.05)
    assert poisson > regular + 0.4


def test_nothing_to_tune() -> None:
    experiment = stationary("lost")
    price, clairvoyant = prices(experiment.config.objective), registry.get("baseline", "clairvoyant")
    assert search.fit(
        clairvoyant, experiment.incumbents.train, np.ones(64), price, experiment.config, MEAN
    ).numbers.shape == (0, 1)


def test_the_forecast_is_searched_and_each_rule_gets_it() -> None:
    """Demand without a season that now and then bursts: the long-run mean beats any trailing mean."""
    rng = np.random.default_rng(5)
    demand = rng.poisson(30, (120, 40)) * (rng.random((120, 40)) < 0.05)
    experiment = make_experiment(make_panel(demand), "split.validation_days=30", "split.test_days=20")
    price = prices(experiment.config.objective)
    chosen = results.best_outlook(experiment, price)
    assert chosen.forecast in ("mean", "shrunk", "ses 0.005", "ses 0.02", "tsb 0.02")  # long memories
    for name in ("incumbent", "capped_base_stock"):
        own = results.fit_baseline(experiment, name, price)
        assert (own[-2:, 0] == chosen.numbers).all() and (own == own[:, :1]).all()
    assert len(results.fit_baseline(experiment, "constant", price)) == 1


@pytest.mark.parametrize("distribution", DISTRIBUTIONS)
def test_a_search_costs_what_the_simulation_costs(distribution: str) -> None:
    """The search works out one forecast and distribution only, the simulation all of them."""
    experiment = make_experiment(poisson_panel(80, 20, seed=1), "supply.lead_time=1,4")
    price, data = prices(experiment.config.objective), experiment.incumbents.train
    for name in ("incumbent", "capped_base_stock", "projected_level", "s_S"):
        rule = registry.get("baseline", name)
        found = search.fit(
            rule, data, np.ones(20), price, experiment.config, Outlook("sba 0.1", distribution)
        )
        simulate = make_simulate(classical(rule, experiment.config), experiment.config)
        values = simulate(None, data, np.repeat(found.numbers, 20, axis=1))
        assert values["objective"].mean() == pytest.approx(found.cost, rel=1e-4)
