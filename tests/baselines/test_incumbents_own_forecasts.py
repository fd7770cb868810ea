"""Incumbents that order by a planner's own forecasts: chosen where they are good, a quantile as the level."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from builders import make_config, poisson_panel

from invrl import registry
from invrl.baselines.forecasts import FORECASTS
from invrl.baselines.search import Outlook
from invrl.demand.panel import Panel
from invrl.errors import InvrlError
from invrl.experiment import Experiment
from invrl.metrics import prices
from invrl.scoring import results
from invrl.scoring.rules import classical
from invrl.simulator import rollout

DAYS, LASTS = 60, 5
WORDS = (
    "supply.lead_time=3", "supply.review_period=2", "split.history_days=14", "split.validation_days=10",
    "split.test_days=10", "split.warmup_days=4",
)  # fmt: skip


def panel_of() -> Panel:
    """Demand that jumps every few days, which only `oracle` sees coming; `useless` is noise."""
    rng = np.random.default_rng(0)
    panel = poisson_panel(DAYS, 12)
    lively = panel.demand * np.repeat(rng.choice([0.2, 3.0], (DAYS // 4, 12)), 4, axis=0)
    coming = np.stack([lively[t : t + LASTS].mean(0) for t in range(DAYS)])
    own = {"useless": rng.permuted(coming, axis=1), "oracle": coming, "oracle_q0.9": 1.3 * coming + 0.5}
    return replace(
        panel, demand=lively.astype(np.float32), forecasts={k: v.astype(np.float32) for k, v in own.items()}
    )


PANEL = panel_of()


def fitted(*words: str) -> tuple[Experiment, np.ndarray]:
    experiment = Experiment(make_config(*WORDS, *words), PANEL)
    price = prices(experiment.config.objective)
    return experiment, results.fit_baseline(experiment, "incumbent", price)


def test_the_search_finds_the_good_one(monkeypatch):
    monkeypatch.setattr(results, "METHODS", ("forecast",))
    experiment, numbers = fitted("baseline.distribution=normal")
    (outlook,) = experiment.outlooks.values()
    assert outlook.forecast in ("oracle", "oracle_q0.9")
    assert (numbers[-1] == len(FORECASTS) + list(PANEL.forecasts).index(outlook.forecast)).all()
    scores = {}
    for name in ("oracle", "useless", "forecast"):
        experiment, numbers = fitted(f"baseline.forecast={name}", "baseline.distribution=normal")
        scores[name] = results.score_baseline(experiment, "incumbent", numbers, ["test"])["test"][
            "objective"
        ].mean()
    assert scores["oracle"] < 0.9 * scores["forecast"] and scores["oracle"] < 0.9 * scores["useless"]


@pytest.mark.parametrize("name", ["oracle", "oracle_q0.9"])
def test_orders_by_hand(name):
    experiment, numbers = fitted(f"baseline.forecast={name}", "baseline.distribution=normal")
    if name == "oracle_q0.9":
        assert (numbers[0] == 0).all()  # the quantile is the level, without a safety factor
    rule = classical(registry.get("baseline", "incumbent"), experiment.config)
    group = experiment.incumbents.test.groups[0]
    episode = rule.prepare(jax_first(group.episode))
    act = lambda seen, _: rule.act(None, numbers[:, :1].repeat(episode.scale.shape[0], 1), seen)
    _, (positions, orders, caps) = rollout(
        act,
        episode,
        lambda day: day.sales,
        record=lambda seen, action, day: (seen.position, action.order, seen.spread),
    )
    pairs = experiment.incumbents.test.pairs[group.index[0]]
    first = experiment.parts["test"].start
    for cycle in range(3):
        expected = PANEL.forecasts[name][first + 2 * cycle, pairs] * LASTS
        level = expected + numbers[0, 0] * caps[cycle] * np.sqrt(LASTS)
        np.testing.assert_allclose(
            orders[cycle], np.maximum(level - positions[cycle], 0), rtol=1e-4, atol=1e-3
        )


def jax_first(episode):
    """The first block."""
    import jax

    return jax.tree.map(lambda x: x[0], episode)


def test_names_that_are_none_are_refused():
    with pytest.raises(InvrlError, match=r"baseline\.forecast: no choice 'orcle'") as error:
        Experiment(make_config(*WORDS, "baseline.forecast=orcle"), PANEL)
    assert "`oracle`" in error.value.hint
    with pytest.raises(InvrlError, match="has the name of one that invrl makes"):
        Experiment(make_config(*WORDS), replace(PANEL, forecasts={"mean": PANEL.forecasts["oracle"]}))


def test_quantiles_are_levels():
    own = tuple(PANEL.forecasts)
    assert [Outlook(name, own=own).is_level for name in own] == [False, False, True]
    assert Outlook("oracle_q0.9", own=own).numbers[1] == len(FORECASTS) + 2
