"""From a split panel to episodes: which day and which pair ends up where."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
import pytest
from builders import floats, make_experiment, make_panel, one_device, poisson_panel
from reference import Pair, measured_days, reviews

from invrl.demand.episodes import Dataset, make_dataset
from invrl.demand.panel import Panel
from invrl.demand.scale import scale_of
from invrl.devices import placement
from invrl.errors import InvrlError
from invrl.scoring import rules
from invrl.training import trainer

DAYS, PAIRS = 40, 9
WORDS = (
    "split.history_days=5", "split.warmup_days=4", "split.train_days=20", "split.validation_days=10",
    "split.test_days=10", "features.groups=[]",
)  # fmt: skip
PERIODS = np.array([1, 1, 3, 3, 3, 3, 7, 7, 7])
FIRST = np.array([0, 9, 0, 1, 2, 13, 0, 6, 10])
LEAD_TIME = np.random.default_rng(2).integers(0, 5, (DAYS, PAIRS))


def coded_panel(**changes: Any) -> Panel:
    """Demand on day t of pair i is 100 i + t + 1: a number tells where it comes from."""
    fields: dict[str, Any] = {
        "demand": 100 * np.arange(PAIRS) + np.arange(DAYS)[:, None] + 1,
        "lead_time": LEAD_TIME,
        "review_period": PERIODS,
        "first_review": FIRST,
        "initial_stock": np.arange(PAIRS, dtype=np.float32),
    }
    return make_panel(**{**fields, **changes})


@pytest.fixture(scope="module")
def experiment() -> Any:
    return make_experiment(coded_panel(), *WORDS)


def calendar(dataset: Dataset, panel: Panel, i: int, field: str) -> dict[int, Any]:
    """Day of the panel -> value, for one pair of a dataset; demand tells the day."""
    for group in dataset.groups:
        for b, k in np.argwhere(group.index == i):
            demand, value = (
                np.asarray(getattr(group.episode, name)[b])[..., k] for name in ("demand", field)
            )
            if value.ndim < demand.ndim:  # a value of the review day, which is the cycle's first
                demand = demand[:, 0]
            code = int(100 * dataset.pairs[i] + 1)
            return {int(d) - code: v for d, v in zip(demand.ravel(), value.ravel(), strict=True) if d > 0}
    raise AssertionError(f"pair {i} is in no group")


@pytest.mark.parametrize("part", ["train", "test"])
def test_days_of_every_pair_are_those_of_the_part(experiment: Any, part: str) -> None:
    dataset, window = getattr(experiment, part), experiment.parts[part]
    for i in range(PAIRS):
        assert sorted(calendar(dataset, experiment.panel, i, "demand")) == list(
            range(window.start, window.stop)
        )
    total = sum(float(group.episode.demand.sum()) for group in dataset.groups)
    assert total == experiment.panel.demand[window.start : window.stop].sum()  # nothing twice, nothing else


@pytest.mark.parametrize("part", ["train", "test"])
def test_measured_days_and_reviews_are_those_of_the_ledger(experiment: Any, part: str) -> None:
    dataset, window = getattr(experiment, part), experiment.parts[part]
    for i in range(PAIRS):
        pair = Pair(
            [], LEAD_TIME[:, i].tolist(), int(PERIODS[i]), int(FIRST[i]), window.start, window.stop, initial=0
        )
        measured = calendar(dataset, experiment.panel, i, "measured")
        assert [day for day, counts in measured.items() if counts] == measured_days(pair, window.measure)
        active = calendar(dataset, experiment.panel, i, "active")
        expected = [day for day in range(window.start, window.stop) if reviews(pair, day)]
        assert [day for day, may_order in active.items() if may_order] == expected


def test_lead_time_is_that_of_the_order_day(experiment: Any) -> None:
    for i in range(PAIRS):
        for day, lead_time in calendar(experiment.train, experiment.panel, i, "lead_time").items():
            assert lead_time == LEAD_TIME[day, i]


def test_no_order_after_the_last_day(experiment: Any) -> None:
    """Nothing that is ordered after the window could be measured, or learned from."""
    for group in experiment.test.groups:
        inside = np.asarray(group.episode.demand[..., 0, :] > 0)
        assert not (np.asarray(group.episode.active) & ~inside).any()


def test_initial_stock_is_on_hand_and_nothing_on_the_way(experiment: Any) -> None:
    initial = experiment.train.gather(
        [np.moveaxis(g.episode.initial[:, :1], 1, 2) for g in experiment.train.groups]
    )[0]
    assert initial[:, 0].tolist() == list(range(PAIRS))
    assert all(not np.asarray(group.episode.initial[:, 1:]).any() for group in experiment.train.groups)


def test_initial_stock_by_rule_is_the_protection_interval_of_demand() -> None:
    sold = 10.0 * (1 + np.arange(PAIRS))
    panel = coded_panel(demand=np.tile(sold, (DAYS, 1)), initial_stock=None, lead_time=np.full(PAIRS, 3))
    dataset = make_experiment(panel, *WORDS, "supply.initial_days=0.5").train
    (stock,) = dataset.gather([group.episode.initial[:, 0] for group in dataset.groups])
    np.testing.assert_allclose(stock, 0.5 * (3 + PERIODS) * sold, rtol=1e-4)  # half of 3 + P days


def test_what_a_policy_is_shown_moves_no_stock_at_the_start() -> None:
    """The world is the same for all: only the unit a policy thinks in is another."""
    panel = poisson_panel(40, 12)
    found = []
    for word in ("features.level=mean", "features.level=trailing", "features.long=3", "features.groups=[]"):
        episodes = make_experiment(panel, *WORDS, "supply.lead_time=2", word).test.episodes
        found.append([(np.asarray(e.initial), np.asarray(e.demand_rate)) for e in episodes])
    for other in found[1:]:
        for (stock, _), (same, _) in zip(found[0], other, strict=True):
            np.testing.assert_array_equal(stock, same)
    assert (found[0][0][1] != found[1][0][1]).any()


@pytest.mark.parametrize("history_days", [0, 14])
def test_initial_stock_does_not_come_from_before_the_panel(history_days: int) -> None:
    """Reviews every 30 days: the first cycle of most pairs begins before the panel does."""
    panel = make_panel(np.full((60, 4), 10.0), first_review=np.array([0, 13, 14, 29]))
    dataset = make_experiment(
        panel,
        "supply.review_period=30",
        "supply.lead_time=2",
        "features.groups=[]",
        f"split.history_days={history_days}",
        "split.validation_days=1",
        "split.test_days=1",
    ).train
    (stock,) = dataset.gather([group.episode.initial[:, 0] for group in dataset.groups])
    # 2 + 30 days of 10 units a day, whatever the day of the first review
    np.testing.assert_allclose(stock, 320, rtol=1e-4)


def test_caps_are_days_of_mean_demand_or_units() -> None:
    dataset = make_experiment(
        coded_panel(), *WORDS, "supply.max_order=2", "supply.max_position=7", "supply.max_order_units=300"
    ).train
    order, position = dataset.gather([(g.episode.max_order, g.episode.max_position) for g in dataset.groups])
    mean = 100 * np.arange(PAIRS) + 10.5
    np.testing.assert_allclose(order, np.minimum(2 * mean, 300), rtol=1e-6)
    np.testing.assert_allclose(position, 7 * mean, rtol=1e-6)


def test_scale_of_a_pair_that_never_sold() -> None:
    panel = make_panel(np.array([[0.0, 1, 9], [0, 3, 9], [0, 0, 99]]))
    scale, spread = scale_of(panel, slice(0, 2))
    assert scale.tolist() == [5.5, 2, 9]  # the first: the one in the middle of those that sold
    # certain demand: a hundredth of it; the first varies like the pair in the middle
    np.testing.assert_allclose(spread, [5.5 * (0.5 + 0.01) / 2, 1, 0.09], rtol=1e-6)


def test_scale_counts_from_the_first_sale_and_knows_no_unit() -> None:
    """40 days: one sells 3 a day from day 10 on; one sold once, yesterday: it is the first's 27 days more."""
    demand = np.zeros((40, 2))
    demand[10:, 0], demand[39, 1] = 3, 7
    scale, spread = scale_of(make_panel(demand), slice(0, 40))
    mean, square = (7 + 27 * 3) / 28, (49 + 27 * (9 + 0.03**2)) / 28
    np.testing.assert_allclose(scale, [3, mean], rtol=1e-6)
    np.testing.assert_allclose(spread, [0.03, np.sqrt(square - mean**2)], rtol=1e-5)
    for unit in (1e-6, 1e9):
        found = scale_of(make_panel(demand * unit), slice(0, 40))
        np.testing.assert_allclose(found, [scale * unit, spread * unit], rtol=1e-5)


# ---- blocks -------------------------------------------------------------------------------


def dataset_of(experiment: Any, pairs: np.ndarray, block: int | None) -> Dataset:
    return make_dataset(
        experiment.panel, experiment.parts["train"]._replace(pairs=pairs), experiment.scale("train"),
        experiment.normaliser, experiment.config.supply, experiment.config.features, experiment.weight,
        block=block,
    )  # fmt: skip


@pytest.fixture(scope="module")
def wide() -> Any:
    rng = np.random.default_rng(0)
    panel = poisson_panel(
        40, 150, weight=rng.random(150).astype(np.float32), review_period=np.where(np.arange(150) % 10, 2, 3)
    )
    return make_experiment(panel, *WORDS, "supply.lead_time=1", "evaluation.weights=panel")


@pytest.mark.parametrize("block", [None, 16])
def test_gather_undoes_blocks_groups_and_padding(wide: Any, block: int | None) -> None:
    pairs = np.random.default_rng(1).permutation(150)[:140]
    dataset = dataset_of(wide, pairs, block)
    (scale,) = dataset.gather([group.episode.scale for group in dataset.groups])
    assert np.array_equal(scale, scale_of(wide.panel, wide.training_days)[0][pairs])
    assert np.array_equal(scale, dataset.scale)
    assert np.array_equal(dataset.pairs, pairs)
    everyone = np.concatenate([group.index.ravel() for group in dataset.groups])
    assert sorted(everyone[everyone >= 0]) == list(range(140))  # each pair once


@pytest.mark.parametrize("block", [None, 16])
def test_padding_weighs_nothing_and_real_pairs_keep_their_weight(wide: Any, block: int | None) -> None:
    dataset = dataset_of(wide, np.arange(150), block)
    (weight,) = dataset.gather([group.episode.weight for group in dataset.groups])
    assert np.array_equal(weight, wide.weight)
    padding = [np.asarray(group.episode.weight)[group.index < 0] for group in dataset.groups]
    assert sum(map(len, padding)) > 0 or block is None
    assert all(not rows.any() for rows in padding)


def test_own_numbers_reach_their_pairs(wide: Any) -> None:
    dataset = dataset_of(wide, np.arange(150)[::-1], 16)
    own = np.stack([np.arange(150), 7.0 + np.arange(150)])
    cut = [rules.own_blocks(group, own) for group in dataset.groups]
    first, second = dataset.gather([(np.asarray(x)[:, 0], np.asarray(x)[:, 1]) for x in cut])
    assert np.array_equal(first, np.arange(150)) and np.array_equal(second, 7 + np.arange(150))


@pytest.mark.parametrize(
    ("pairs", "limit", "expected"),
    [
        (64, None, (64, 1, 1)),  # too few to share
        (65, None, (33, 2, 2)),
        (1024, 512, (512, 2, 2)),
        (1025, 512, (257, 4, 2)),  # two rounds on each device, evenly
    ],
)
def test_plan_is_even(pairs: int, limit: int | None, expected: tuple[int, int, int]) -> None:
    assert placement.plan(pairs, limit) == expected


def test_blocks_and_devices_change_no_measure(wide: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    params = wide.policy.init(jax.random.key(0))
    simulate = rules.make_simulate(rules.learned(wide.policy), wide.config)
    sharded = simulate(params, dataset_of(wide, np.arange(1, 141), 16))
    one_device(monkeypatch)
    single = simulate(params, dataset_of(wide, np.arange(1, 141), None))
    for name, values in sharded.items():
        np.testing.assert_allclose(values, single[name], rtol=1e-4, atol=1e-5)


# ---- shapes that must not matter ----------------------------------------------------------


def test_groups_and_parts_of_any_size_train_together() -> None:
    """All groups of a part live on as many devices: two for 120 pairs, one for the 20 to validate."""
    panel = poisson_panel(40, 140, review_period=np.repeat([1, 2, 1], [100, 20, 20]))
    experiment = make_experiment(
        panel, *WORDS, "split.by=both", "split.validation_pairs=20", "split.shuffle=false",
        "network.hidden=[4]", "train.updates=1", "train.evaluate_every=1",
    )  # fmt: skip
    assert [group.devices for group in experiment.train.groups] == [2, 2]
    assert [group.devices for group in experiment.validation.groups] == [1]
    reports: list[dict[str, float]] = []
    trainer.train(experiment, trainer.start(experiment), lambda loop, metrics: reports.append(metrics))
    assert np.isfinite(reports[0]["validation_objective"])


@pytest.mark.parametrize(
    ("lead_time", "review_period"),
    [([1, 1, 3, 3], [1, 1, 1, 1]), ([1, 3, 2, 2], [1, 2, 1, 2])],
    ids=["longer among the validation pairs", "longer in one group"],
)
def test_lead_times_of_a_group_do_not_change_the_network(
    lead_time: list[int], review_period: list[int]
) -> None:
    panel = poisson_panel(40, 4, lead_time=np.array(lead_time), review_period=np.array(review_period))
    experiment = make_experiment(
        panel,
        *WORDS,
        "split.by=both",
        "split.validation_pairs=2",
        "split.shuffle=false",
        "network.hidden=[4]",
    )
    params = experiment.policy.init(jax.random.key(0))
    simulate = rules.make_simulate(rules.learned(experiment.policy), experiment.config)
    for part in (experiment.train, experiment.validation):
        assert np.isfinite(simulate(params, part)["objective"]).all()


def test_a_part_that_no_order_can_influence_is_refused() -> None:
    """A lead time of 12 days in a test of 10 days: nothing would be measured, and all would look perfect."""
    experiment = make_experiment(poisson_panel(40, 3), *WORDS, "split.warmup_days=0", "supply.lead_time=12")
    with pytest.raises(InvrlError):
        experiment.dataset("test")


@pytest.mark.parametrize("weights", ["equal", "sales", "value", "panel"])
def test_weights(weights: str) -> None:
    demand = np.tile([1.0, 3.0], (40, 1))
    panel = make_panel(demand, price=floats([5, 1]), weight=floats([0, 4]))
    expected: dict[str, Any] = {
        "equal": [1, 1],
        "sales": [0.5, 1.5],
        "value": [1.25, 0.75],
        "panel": [0, 2],
    }  # mean 1
    weight = make_experiment(panel, *WORDS, f"evaluation.weights={weights}").weight
    np.testing.assert_allclose(weight, expected[weights], rtol=1e-6)


@pytest.mark.parametrize("weights", ["value", "panel"])
def test_weights_that_the_panel_lacks(weights: str) -> None:
    experiment = make_experiment(make_panel(np.ones((40, 2))), *WORDS, f"evaluation.weights={weights}")
    with pytest.raises(InvrlError, match=f"evaluation.weights = {weights}"):
        _ = experiment.weight
