"""Bootstrap intervals: coverage, clusters, pairing."""

from __future__ import annotations

import numpy as np
import pytest

from invrl.scoring.intervals import Estimate, estimate, percent, signed


def one(
    values: np.ndarray, clusters: np.ndarray | None = None, weight: np.ndarray | None = None, **more: int
) -> Estimate:
    weight = np.ones(len(values)) if weight is None else weight
    clusters = np.arange(len(values)) if clusters is None else clusters
    return estimate({"x": values}, weight, clusters, **{"resamples": 400, "seed": 0, **more})["x"]


def test_weighted_mean_by_hand() -> None:
    # (1 * 2 + 3 * 4) / (1 + 3) = 3.5
    assert one(np.array([2.0, 4.0]), weight=np.array([1.0, 3.0])).mean == pytest.approx(3.5)


def test_coverage_of_the_mean_of_skewed_data() -> None:
    """95 % intervals of 80 gamma draws cover the mean in 95 % of 400 panels, give or take."""
    rng = np.random.default_rng(1)
    covered = [
        low <= 2.0 <= high
        for seed in range(400)
        for _, low, high in [one(rng.gamma(2.0, 1.0, 80), resamples=300, seed=seed)]
    ]
    assert 0.90 <= np.mean(covered) <= 0.98  # sd of the share: 0.011


def clustered(rng: np.random.Generator, skus: int = 60, warehouses: int = 8) -> tuple[np.ndarray, np.ndarray]:
    """Values that the warehouses of a SKU share for the most part: sd 1 between SKUs, 0.5 within."""
    sku = np.repeat(np.arange(skus), warehouses)
    return rng.normal(size=skus)[sku] + 0.5 * rng.normal(size=sku.size), sku


def test_coverage_with_clusters_and_without() -> None:
    rng = np.random.default_rng(2)
    hits = np.zeros(2)
    for seed in range(300):
        values, sku = clustered(rng)
        for k, labels in enumerate((sku, None)):
            _, low, high = one(values, labels, resamples=200, seed=seed)
            hits[k] += low <= 0 <= high
    assert 0.89 <= hits[0] / 300 <= 0.98
    # sd of the mean: sqrt(1 / 60 + 0.25 / 480) = 0.131; taken for independent: sqrt(1.25 / 480) = 0.051
    assert hits[1] / 300 < 0.65


def test_clustered_is_wider() -> None:
    values, sku = clustered(np.random.default_rng(3))
    whole, apart = one(values, sku), one(values)
    assert whole.mean == pytest.approx(apart.mean)
    assert (whole.high - whole.low) / (apart.high - apart.low) == pytest.approx(0.131 / 0.051, rel=0.3)


def test_every_pair_its_own_cluster_has_the_textbook_width() -> None:
    values = np.random.default_rng(4).normal(size=400)
    found = one(values, resamples=4000)
    assert found.high - found.low == pytest.approx(2 * 1.96 * values.std() / 20, rel=0.06)
    assert found.low < found.mean < found.high


def test_paired_difference_of_a_policy_with_itself_is_zero() -> None:
    values, sku = clustered(np.random.default_rng(5))
    assert one(values - values, sku) == (0, 0, 0)
    assert not one(values - values, sku).significant


def test_pairing_finds_a_small_difference_that_unpaired_means_hide() -> None:
    rng = np.random.default_rng(6)
    first = rng.gamma(2.0, 5.0, 300)
    second = first + 0.1 + 0.05 * rng.normal(size=300)
    paired = one(second - first)
    assert paired.significant and paired.low == pytest.approx(0.1, abs=0.02)
    assert one(first).high > one(second).low  # the intervals of the two means overlap


def test_labels_order_and_names_do_not_matter() -> None:
    values, sku = clustered(np.random.default_rng(7))
    names = np.array([f"S{k:02d}" for k in sku])
    assert one(values, names) == one(values, sku)
    both = estimate({"a": values, "b": 2 * values}, np.ones(len(values)), sku, 100, 0)
    assert both["b"] == pytest.approx(tuple(2 * x for x in both["a"]))


def test_same_seed_same_interval_also_in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    values, sku = clustered(np.random.default_rng(8))
    whole = one(values, sku)
    assert one(values, sku) == whole != one(values, sku, seed=1)
    monkeypatch.setattr("invrl.scoring.intervals.CHUNK", 60 * 7)  # 7 resamples at a time
    assert one(values, sku) == pytest.approx(whole)


def test_weight_zero_is_left_out() -> None:
    values, weight = np.array([1.0, 1.0, 1.0, 1e6]), np.array([1.0, 1.0, 1.0, 0.0])
    assert one(values, weight=weight, resamples=50) == (1, 1, 1)


def test_no_resamples_is_no_evidence() -> None:
    found = one(np.array([1.0, 2.0]), resamples=0)
    assert (found.mean, found.low, found.high) == (1.5, 1.5, 1.5)
    assert not found.significant


def test_one_cluster_is_no_evidence() -> None:
    """Nothing can be said about other SKUs from one."""
    assert not one(np.array([1.0, 2.0, 3.0]), np.zeros(3)).significant


def test_a_sample_that_cannot_be_weighed_is_left_out() -> None:
    """A quarter of the samples of two SKUs draw the one of weight 0 alone: that is no mean of 0."""
    found = one(np.array([5.0, 7.0]), weight=np.array([1.0, 0.0]))
    assert found == (5, 5, 5)


@pytest.mark.parametrize("found", [Estimate(2.0, 2.0, 2.0), Estimate(-1.0, -1.0, -1.0)])
def test_an_interval_of_no_width_has_no_star_in_any_text(found: Estimate) -> None:
    assert "*" not in signed(found) + percent(found, 3.0) + found.star


@pytest.mark.parametrize("base", [0.0, 1e-320, float("nan")])
def test_a_share_of_nothing_is_a_dash(base: float) -> None:
    assert percent(Estimate(1.0, 0.5, 1.5), base) == "-"


def test_stars_have_one_maker() -> None:
    assert signed(Estimate(1.0, 0.5, 1.5)) == "+1.00±0.50*"
    assert percent(Estimate(1.0, 0.5, 1.5), 4.0) == "+25.0±12.5*"
    assert signed(Estimate(1.0, -0.5, 2.5)) == "+1.00±1.50"
