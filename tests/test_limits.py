"""Orders that may be placed: packs, minima, caps, whole units; in training, evaluation and incumbents."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from builders import make_config, make_episode, make_experiment, make_panel, poisson_panel

from invrl import registry
from invrl.algorithms.ds import episode_cost
from invrl.baselines import search
from invrl.config.limits import contradiction, least_order
from invrl.config.schema import Supply
from invrl.demand.supply import with_units, within_limits
from invrl.errors import InvrlError
from invrl.experiment import Experiment
from invrl.metrics import is_stockout, prices, soft_stockout
from invrl.scoring.rules import classical, learned, make_simulate
from invrl.scoring.trace import trace
from invrl.simulator import Action, Day, in_packs, rounded

WANTED = [0.0, 0.4, 5.9, 6.0, 17.9, 18.0, 30.0, 42.0, 100.0]


@pytest.mark.parametrize(
    ("pack", "minimum", "maximum", "placed"),
    [
        (0, 0, np.inf, WANTED),
        (12, 0, np.inf, [0, 0, 0, 12, 12, 24, 36, 48, 96]),  # half a pack rounds up, every time
        (12, 20, np.inf, [0, 0, 0, 0, 0, 24, 36, 48, 96]),
        (12, 0, 40, [0, 0, 0, 12, 12, 24, 36, 36, 36]),
        (0, 10, 20, [0, 0, 0, 0, 17.9, 18, 20, 20, 20]),
        (1, 0, 6.5, [0, 0, 6, 6, 6, 6, 6, 6, 6]),
    ],
)
def test_orders_are_rounded_by_hand(pack: float, minimum: float, maximum: float, placed: list) -> None:
    wide = [jnp.full(len(WANTED), x, jnp.float32) for x in (pack, minimum, maximum)]
    np.testing.assert_allclose(rounded(jnp.array(WANTED), *wide), placed, rtol=1e-6)


def test_a_rounded_order_is_the_nearest_that_the_limits_allow() -> None:
    rng = np.random.default_rng(0)
    pack, wanted = rng.choice([0.3, 1, 2.5, 12], 5000), rng.gamma(1, 20, 5000)
    minimum, most = rng.choice([0, 5, 20], 5000), rng.gamma(2, 30, 5000)
    found = np.asarray(rounded(*(jnp.asarray(x, jnp.float32) for x in (wanted, pack, minimum, most))))
    np.testing.assert_allclose(found / pack, np.rint(found / pack), atol=1e-3)
    assert (found <= most * 1.00001).all() and ((found == 0) | (found >= minimum * 0.99999)).all()
    free = (found > 0) & (wanted < most - pack)
    assert (np.abs(found - wanted)[free] <= pack[free] / 2 * 1.001).all() and free.sum() > 1000


def test_gradients_pass_straight_through() -> None:
    slope = jax.grad(lambda x: rounded(x, jnp.array([12.0]), jnp.array([20.0]), jnp.array([50.0])).sum())
    assert [float(slope(jnp.array([x]))[0]) for x in (3.0, 17.0, 44.0)] == [1, 1, 1]


def test_packs_are_written_as_people_write_them() -> None:
    found = in_packs(np.float32([17.400002, 0.90000004, 5.1]), np.float32([0.3, 0.3, 0]))
    assert [str(x) for x in found] == [
        "17.4", "0.9", "5.1"
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("limits", "text"),
    [
        ((12, 0, 6), "the least order is 12"),
        ((12, 20, 10), "the least order is 24"),
        ((12, 20, 23), "the least order is 24"),
        ((0, 20, 10), "the least order is 20"),
        ((12, 20, 24), ""),
        ((12, 20, 0), ""),  # 0 is no limit
        ((0.3, 0.9, 0.9), ""),
    ],
)
def test_limits_that_contradict_each_other(limits: tuple[float, float, float], text: str) -> None:
    assert text in contradiction(*limits) and bool(text) == bool(contradiction(*limits))
    words = [
        f"supply.{n}={x}" for n, x in zip(("pack_size", "min_order", "max_order_units"), limits, strict=True)
    ]
    if text:
        with pytest.raises(InvrlError, match=text):
            make_config(*words)
    else:
        make_config(*words)


def test_caps_in_days_never_forbid_the_least_order() -> None:
    """One unit in two hundred days, in packs of six: sixty days of demand are less than a pack."""
    episode = make_episode(np.zeros((2, 1, 1)), 1, np.zeros((2, 1)), scale=np.float32([0.005]))
    found = within_limits(episode, Supply(units="whole"), 6.0, 8.0, np.inf)
    assert least_order(6, 8) == 12 and float(found.max_order[0]) == 12 and float(found.max_position[0]) == 24
    assert (
        within_limits(episode, Supply(max_order=0, max_position=0), 0.0, 0.0, np.inf).max_order[0] == np.inf
    )


# ---- whole units --------------------------------------------------------------------------


def test_units_are_found_in_the_training_days() -> None:
    demand = np.random.default_rng(0).poisson(2, (20, 3)).astype(np.float32)
    panel, days = make_panel(demand, counted=True), slice(0, 15)
    assert with_units(panel, days, Supply()).units == "whole"
    assert (
        with_units(make_panel(demand), days, Supply()).units == "continuous"
    )  # nobody says that it is counted
    demand[16, 1] = 0.5  # a later day
    assert with_units(make_panel(demand, counted=True), days, Supply()).units == "whole"
    demand[14, 1] = 0.5
    assert with_units(make_panel(demand, counted=True), days, Supply()).units == "continuous"
    with pytest.raises(InvrlError, match="whole units"):
        with_units(panel, days, Supply(units="whole", pack_size=2.5))


def test_less_than_a_unit_is_no_stock_where_units_are_whole() -> None:
    day = Day(*(jnp.array([1.4, 1.0, 2.0]) for _ in Day._fields))._replace(
        inventory=jnp.array([0.4, 0.0, 1.0])
    )
    one = jnp.ones(3)
    assert is_stockout(day, one, True).tolist() == [1, 1, 0] and is_stockout(day, one).tolist() == [0, 1, 0]


def test_the_smooth_stockout_agrees_at_whole_units() -> None:
    net = jnp.array([-3.0, 0.0, 1.0, 4.0])
    day = Day(*(jnp.zeros(4) for _ in Day._fields))._replace(on_hand=net, inventory=jnp.maximum(net, 0))
    for scale in (0.01, 1.0, 2.5):  # slow movers: exact
        exact = is_stockout(day, jnp.full(4, scale), True)
        np.testing.assert_array_equal(soft_stockout(day, jnp.maximum(0.1 * scale, 0.25), True), exact)


@pytest.fixture(scope="module")
def slow() -> Experiment:
    """Forty pairs that sell from a unit in thirty days to three a day."""
    rng = np.random.default_rng(1)
    mean = np.exp(rng.uniform(np.log(0.03), np.log(3), 40))
    panel = make_panel(rng.poisson(mean, (140, 40)), counted=True)
    return make_experiment(
        panel, "supply.lead_time=1,4", "supply.review_period=2", "split.validation_days=20",
        "split.test_days=40", "network.hidden=[8]",
    )  # fmt: skip


def test_stock_and_orders_are_whole_under_every_policy(slow: Experiment) -> None:
    params = slow.policy.init(jax.random.key(0))
    days = trace(slow, learned(slow.policy), params, None, "test")
    for name in ("order", "on_hand", "inventory", "sales", "unmet"):
        np.testing.assert_array_equal(days[name], np.rint(days[name]))
    found = make_simulate(learned(slow.policy), slow.config)(params, slow.test)
    measured = days["measured"]
    rate = (days["inventory"][measured] < 1).mean()
    assert rate == pytest.approx(found["stockout_rate"].mean(), abs=0.02) and (days["order"] > 0).any()


@pytest.mark.parametrize(
    "words", [(), ("supply.units=whole", "supply.min_order=20", "supply.max_order_units=48")]
)
def test_incumbents_are_tuned_with_the_limits_they_are_judged_with(words: tuple[str, ...]) -> None:
    """The cost that the search saw of its best numbers is the one that evaluation measures."""
    experiment = make_experiment(poisson_panel(60, 30), "supply.pack_size=12", *words)
    config, data, weight = experiment.config, experiment.train, np.ones(30)
    baseline, price = registry.get("baseline", "constant"), prices(experiment.config.objective)
    found = search.fit(baseline, data, weight, price, config, search.Outlook("mean"))
    judged = make_simulate(classical(baseline, config), config)(None, data, np.repeat(found.numbers, 30, 1))
    assert found.cost == pytest.approx(judged["objective"].mean(), rel=1e-5)


def test_training_sees_the_average_of_rounding_a_level_up_and_down() -> None:
    """A level of 2.3 costs seven tenths of level 2 and three tenths of level 3."""
    demand = np.random.default_rng(2).poisson(0.8, (60, 1, 5)).astype(np.float32)
    one = np.ones(5, np.float32)
    episode = make_episode(demand, 0, np.zeros((1, 5)), pack=one, whole=True)

    class Policy:
        act = staticmethod(
            lambda level, seen: Action(jnp.maximum(level - seen.position, 0.0), seen.position[None])
        )

    config = make_config("supply.units=whole", "ds.gradient_bound=0")
    cost = [
        float(episode_cost(x, Policy, episode, prices(config.objective), config, True).mean())
        for x in (2.0, 2.3, 3.0)
    ]
    exact = [
        float(episode_cost(x, Policy, episode, prices(config.objective), config, False).mean())
        for x in (2.0, 3.0)
    ]
    assert cost[1] == pytest.approx(0.7 * cost[0] + 0.3 * cost[2], rel=1e-5)
    assert [cost[0], cost[2]] == pytest.approx(exact, rel=1e-5) and cost[0] != cost[2]
