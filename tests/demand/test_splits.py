"""Parts that do not overlap, splits that are refused, and the rules of supply."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from builders import make_config, make_panel

from invrl.config.schema import Split
from invrl.demand.splits import PARTS, Part, split
from invrl.demand.supply import MAX_LEAD_TIME, draw, with_supply
from invrl.errors import InvrlError

BY_DAYS = Split(by="days", validation_days=15, test_days=20, history_days=14, warmup_days=21)
BY_PAIRS = Split(by="pairs", validation_pairs=20, test_pairs=30, history_days=3)
BOTH = Split(by="both", validation_pairs=20, test_days=25, history_days=14, warmup_days=10)


def measured(part: Part) -> set[tuple[int, int]]:
    """(pair, day) that count in the part's measures."""
    return {(int(i), day) for i in part.pairs for day in range(part.measure, part.stop)}


@pytest.mark.parametrize("config", [BY_DAYS, BY_PAIRS, BOTH], ids=["days", "pairs", "both"])
def test_no_measured_day_of_a_pair_is_in_two_parts(config: Split) -> None:
    parts = split(100, 100, config)
    assert tuple(parts) == PARTS
    for one, two in itertools.combinations(parts.values(), 2):
        assert not measured(one) & measured(two)
    for part in parts.values():
        assert len(set(part.pairs)) == part.pairs.size
        assert config.history_days <= part.start <= part.measure < part.stop <= 100


def test_by_days() -> None:
    parts = split(3, 100, BY_DAYS)
    # 100 - 15 - 20 = 65 training days; the later parts run in for 21 days
    assert [part[1:4] for part in parts.values()] == [(14, 14, 65), (44, 65, 80), (59, 80, 100)]
    assert all(part.pairs.tolist() == [0, 1, 2] for part in parts.values())


def test_by_days_with_days_to_spare() -> None:
    parts = split(1, 100, Split(train_days=40, validation_days=10, test_days=10, warmup_days=60))
    # run-in days never reach into the history
    assert [part[1:4] for part in parts.values()] == [(14, 14, 40), (14, 40, 50), (14, 50, 60)]


def test_by_pairs() -> None:
    parts = split(100, 31, BY_PAIRS)
    assert [part.pairs.size for part in parts.values()] == [50, 20, 30]
    assert all(part[1:4] == (3, 3, 31) for part in parts.values())
    assert set(np.concatenate([part.pairs for part in parts.values()])) == set(range(100))


def test_by_pairs_in_the_panel_s_order() -> None:
    parts = split(10, 31, Split(by="pairs", train_pairs=2, validation_pairs=3, test_pairs=4, shuffle=False))
    assert [part.pairs.tolist() for part in parts.values()] == [[0, 1], [2, 3, 4], [5, 6, 7, 8]]


def test_both_is_tmall_s() -> None:
    parts = split(100, 100, BOTH)
    train, validation, test = parts.values()
    assert train[1:4] == validation[1:4] == (14, 14, 75)
    assert test[1:4] == (65, 75, 100)
    assert (train.pairs.size, validation.pairs.size) == (80, 20)
    assert sorted(test.pairs) == list(range(100))


def test_the_draw_follows_the_seed() -> None:
    draws = [split(100, 31, Split(by="pairs", validation_pairs=20, test_pairs=30, seed=s)) for s in (0, 0, 1)]
    assert np.array_equal(draws[0]["train"].pairs, draws[1]["train"].pairs)
    assert not np.array_equal(draws[0]["train"].pairs, draws[2]["train"].pairs)


@pytest.mark.parametrize(
    ("pairs", "days", "config", "what"),
    [
        (5, 30, Split(), "train"),  # 30 - 15 - 15 leaves no training day
        (5, 40, Split(), "train has 5 pairs, days 14 to 10"),  # all 10 training days are history
        (5, 60, Split(train_days=50), "the panel has 60"),
        (5, 60, Split(validation_days=0), "validation"),
        (5, 60, Split(validation_days=-3), "validation -3"),
        (5, 60, Split(by="pairs", validation_pairs=1), "test has 0 pairs"),
        (5, 60, Split(by="pairs", validation_pairs=3, test_pairs=2), "which leaves none to train on"),
        (5, 60, Split(by="pairs", train_pairs=9, validation_pairs=1, test_pairs=1), "the panel has 5"),
        (5, 60, Split(by="both", validation_pairs=0), "validation has 0 pairs"),
        (5, 60, Split(by="both", validation_pairs=2, test_days=60), "test 60"),
    ],
)
def test_impossible_splits_are_refused(pairs: int, days: int, config: Split, what: str) -> None:
    with pytest.raises(InvrlError, match=what) as error:
        split(pairs, days, config)
    assert error.value.hint


@pytest.mark.parametrize(
    ("pairs", "words", "hint"),
    [
        (60, "validation_pairs=500", "split.validation_pairs=30"),
        (60, "validation_pairs=100 test_pairs=200", "split.validation_pairs=10 split.test_pairs=20"),
        (60, "train_pairs=80", "split.train_pairs=0"),
    ],
)
def test_a_panel_too_small_for_its_split_is_told_one_that_fits(pairs: int, words: str, hint: str) -> None:
    config = make_config("split.by=pairs", *(f"split.{word}" for word in words.split())).split
    with pytest.raises(InvrlError, match=f"the panel has {pairs} pairs, the split wants") as error:
        split(pairs, 90, config)
    assert hint in error.value.hint and "-" not in error.value.message


@pytest.mark.parametrize("field", ["history_days", "warmup_days"])
def test_negative_days_are_refused(field: str) -> None:
    with pytest.raises(InvrlError):
        split(5, 90, make_config(f"split.{field}=-3").split)


# ---- supply -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rule", "values"),
    [("3", {3}), ("0", {0}), ("1-4", {1, 2, 3, 4}), ("2,7", {2, 7}), ("5,5,5", {5}), (" 2 - 3 ", {2, 3})],
)
def test_rules(rule: str, values: set[int]) -> None:
    assert set(draw("lead_time", rule, 200, np.random.default_rng(0), 0).tolist()) == values


@pytest.mark.parametrize("rule", ["", "x", "4-1", "1-2-3", "1,,2", "-1", "1.5", "1-x"])
def test_broken_rules_are_refused(rule: str) -> None:
    with pytest.raises(InvrlError, match=r"supply\.lead_time"):
        draw("lead_time", rule, 5, np.random.default_rng(0), 0)


def test_a_review_period_of_zero_days_is_refused() -> None:
    with pytest.raises(InvrlError, match=r"supply\.review_period"):
        with_supply(make_panel(np.ones((9, 2))), make_config("supply.review_period=0").supply)


def test_the_panel_s_own_columns_win() -> None:
    panel = make_panel(np.ones((9, 2)), lead_time=np.array([4, 0]), first_review=np.array([1, 0]))
    filled: Any = with_supply(panel, make_config("supply.lead_time=9", "supply.review_period=5").supply)
    assert filled.lead_time.tolist() == [4, 0]
    assert filled.review_period.tolist() == [5, 5]
    assert filled.first_review.tolist() == [1, 0]


def test_spread_reviews_fall_within_the_period() -> None:
    filled: Any = with_supply(
        make_panel(np.ones((9, 300))),
        make_config("supply.review_period=2,5", "supply.first_review=spread").supply,
    )
    assert (filled.first_review < filled.review_period).all()
    assert set(filled.first_review[filled.review_period == 5].tolist()) == {0, 1, 2, 3, 4}


def test_the_longest_lead_time_fits_the_pipeline() -> None:
    panel = make_panel(np.ones((9, 1)), lead_time=np.array([MAX_LEAD_TIME + 1]))
    with pytest.raises(InvrlError, match="lead time of 121 days"):
        with_supply(panel, make_config().supply)


def test_without_test_days_the_validation_part_stands_in() -> None:
    parts = split(9, 100, Split(test_days=0))
    assert parts["test"] is parts["validation"] and parts["test"].stop == 100
