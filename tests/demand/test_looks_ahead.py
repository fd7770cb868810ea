"""No source and no split lets a policy, a scale or an incumbent see demand that is still to come."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import Any

import jax
import numpy as np
import pytest
from builders import make_experiment, poisson_panel

from invrl.config.schema import Data
from invrl.demand.panel import Panel
from invrl.sources.contract import source_panel
from invrl.sources.paper import _regressors, ar1

SOURCES = {
    "retail": {"pairs": 30, "days": 60},
    "independent": {"test": 10},
    "ar1": {"test": 10},
    "iid": {"test": 10, "cycles": 12},
    "lost-sales": {"pairs": 30, "days": 60},
    "file": {},
}  # fmt: skip
PARTS = {
    "days": ("validation", "by=days validation_days=6 test_days=6 warmup_days=3 history_days=4"),
    "days, test": ("test", "by=days validation_days=6 test_days=6 warmup_days=0 history_days=0"),
    "pairs": ("validation", "by=pairs validation_pairs=5 test_pairs=5 history_days=4"),
    "pairs, test": ("test", "by=pairs validation_pairs=5 test_pairs=5 history_days=0"),
    "both": ("validation", "by=both validation_pairs=5 test_days=6 warmup_days=3 history_days=4"),
    "both, no history": ("validation", "by=both validation_pairs=5 test_days=6 history_days=0"),
    "both, test": ("test", "by=both validation_pairs=5 test_days=6 warmup_days=3 history_days=4"),
}
SEEN = ("features", "regressors", "demand_rate")
FIXED = ("scale", "spread", "initial", "max_order", "max_position")


@cache
def source(name: str) -> Panel:
    if name != "file":
        panel = source_panel(Data(source=name, options=SOURCES[name]))
        return replace(panel, lead_time=None, review_period=None, first_review=None)
    promotion = (np.random.default_rng(1).random((60, 24)) < 0.3).astype(np.float32)
    open_from = np.arange(60)[:, None] >= np.where(np.arange(24) % 4, 0, 20)  # some are listed late
    in_stock = (np.random.default_rng(2).random((60, 24)) < 0.8).astype(np.float32)
    return poisson_panel(60, 24, ahead={"promotion": promotion}, open=open_from, in_stock=in_stock)


def experiment_of(panel: Panel, words: str) -> Any:
    return make_experiment(
        panel, "supply.lead_time=0,1", "supply.review_period=2", *(f"split.{word}" for word in words.split())
    )


def seen(experiment: Any, part: str, day: int) -> list[np.ndarray]:
    """All that the part's episodes hold of reviews up to the day."""
    held, start = [], experiment.parts[part].start
    for group in getattr(experiment, part).groups:
        episode = jax.tree.map(np.asarray, group.episode)
        period = episode.demand.shape[2]
        first = np.asarray(experiment.panel.first_review)[experiment.parts[part].pairs[group.index]]
        review = (start - (start - first) % period)[:, None] + period * np.arange(episode.demand.shape[1])[
            :, None
        ]
        decided = (review <= day) & (group.index >= 0)[:, None]  # [blocks, C, B]
        held += [getattr(episode, name) for name in FIXED]
        for name in SEEN:
            value = np.asarray(getattr(episode, name))
            mask = decided[:, :, None] if value.ndim == 4 else decided
            held.append(np.where(mask, value, 0))
    return held


@pytest.mark.parametrize(("part", "words"), PARTS.values(), ids=PARTS)
@pytest.mark.parametrize("name", [*SOURCES, "file, to incumbents"])
def test_demand_to_come_moves_nothing_that_is_seen(name: str, part: str, words: str) -> None:
    panel, incumbents = source(name.partition(",")[0]), "incumbents" in name
    before = experiment_of(panel, words)
    window = before.parts[part]
    day = min(max(window.measure, 1) + 3, window.stop - 2)
    demand = panel.demand.copy()
    demand[day:, window.pairs] = 7 * demand[day:, window.pairs] + 5
    after = experiment_of(replace(panel, demand=demand), words)
    if incumbents:
        before, after = before.incumbents, after.incumbents
    for one, two in zip(seen(before, part, day), seen(after, part, day), strict=True):
        np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("name", SOURCES)
def test_no_column_known_ahead_is_demand(name: str) -> None:
    """A column that may be read before its day and is demand, whatever the lag, tells demand to come."""
    panel = source(name)
    demand = panel.demand - panel.demand.mean(0)
    for column in panel.ahead.values():
        moves = column - column.mean(0)
        for lag in range(3):
            one, two = moves[lag:].ravel(), demand[: panel.days - lag].ravel()
            size = np.sqrt((one**2).sum() * (two**2).sum())
            assert size == 0 or abs(one @ two) < 0.9 * size


def test_trailing_regressors_of_the_paper_know_no_day_to_come() -> None:
    demand = np.random.default_rng(0).gamma(2.0, 3.0, (4, 31))
    later = demand.copy()
    later[:, 12:] += 50
    one, two = (_regressors(d, np.random.default_rng(1)) for d in (demand, later))
    np.testing.assert_array_equal(one[:, :2, :13], two[:, :2, :13])
    np.testing.assert_array_equal(
        one[:, 2:, :11], two[:, 2:, :11]
    )  # the paper's forecasts hold one day ahead


def test_yesterday_is_the_papers_feature_of_ar1() -> None:
    experiment = make_experiment(
        ar1(), "split.by=pairs", "split.train_pairs=5", "split.validation_pairs=5", "split.test_pairs=100",
        "split.shuffle=false", "split.history_days=0", "features.groups=yesterday", "features.level=mean",
    )  # fmt: skip
    groups = experiment.test.groups
    (features,) = experiment.test.gather([np.moveaxis(np.asarray(g.episode.features), -1, 1) for g in groups])
    x = experiment.panel.after["x"][2::2, 10:].T / 7.5  # reviews of days 2, 4, ...
    np.testing.assert_allclose(features[:, 1:, 0], x, rtol=1e-5)
