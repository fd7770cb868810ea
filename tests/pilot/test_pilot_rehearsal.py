"""Pilots inside the inventory simulator: their truth is what the simulator itself would record."""

from __future__ import annotations

import numpy as np
import pytest

from invrl.config import reading
from invrl.errors import InvrlError
from invrl.experiment import Experiment
from invrl.pilot import rehearsal
from invrl.pilot.simulation import Design, simulate
from invrl.pilot.table import NEVER
from invrl.scoring.trace import trace
from invrl.training.session import load_experiment

DESIGN = Design(pairs=60, before=28, after=21)
DAYS = DESIGN.before + DESIGN.after


@pytest.fixture(scope="module")
def experiment() -> Experiment:
    """600 generated pairs, reviewed every third day; the test days are those of the pilot."""
    words = [*rehearsal.panel_words(DESIGN, seed=1), f"split.test_days={DAYS}", "split.validation_days=7"]
    words += [f"split.warmup_days={rehearsal.WARMUP}"]
    return load_experiment(reading.load("quickstart", [*words, "supply.review_period=3"]))


@pytest.fixture(scope="module")
def old(experiment: Experiment) -> rehearsal.Policy:
    return rehearsal.incumbent(experiment)


def recorded(experiment: Experiment, policy: rehearsal.Policy) -> dict[str, np.ndarray]:
    """[T, N] of the measured days, as `invrl evaluate --trace` writes them, in the order of the panel."""
    *rule, _ = policy
    rows = trace(experiment.incumbents, *rule, "test")
    days = np.datetime64(experiment.panel.start) + experiment.panel.days - DAYS
    found = {}
    order = np.lexsort((experiment.panel.warehouse, experiment.panel.sku))
    for name in ("inventory", "sales"):
        found[name] = np.empty((DAYS, experiment.panel.pairs))
        found[name][:, order] = rows[name][rows["date"] >= days].reshape(-1, DAYS).T
    return found


def test_truth_is_what_the_treated_would_have_done_without(experiment: Experiment, old: rehearsal.Policy):
    new = rehearsal.incumbent(experiment, 1.5)
    table, truth = rehearsal.rehearsal(experiment, old, new, DESIGN)(np.random.default_rng(2))
    chosen = np.random.default_rng(2).choice(experiment.panel.pairs, DESIGN.pairs, replace=False)
    without = {name: values[:, chosen] for name, values in recorded(experiment, old).items()}
    inventory, sales = (x.reshape(DAYS, -1) for x in (table.inventory, table.sales))  # type: ignore[union-attr]
    treated = table.start != NEVER
    assert treated.sum() == 30
    np.testing.assert_allclose(
        inventory[:, ~treated], without["inventory"][:, ~treated], rtol=1e-5, atol=1e-4
    )
    np.testing.assert_allclose(sales[:28], without["sales"][:28], rtol=1e-5, atol=1e-4)
    after, before = inventory[28:, treated], without["inventory"][28:, treated]
    gain = 100 * ((after <= 0).mean(0) - (before <= 0).mean(0)).mean()
    assert truth["stockout"] == pytest.approx(gain, abs=1e-3) and gain < -3
    rates = [x[28:, treated].mean(0) for x in (sales, without["sales"])]
    turned = [
        np.where(s > 0, np.minimum(i.mean(0) / np.maximum(s, 1e-9), 365), np.where(i.mean(0) > 0, 365, 0))
        for i, s in zip((after, before), rates, strict=True)
    ]
    assert truth["turnover"] == pytest.approx((turned[0] - turned[1]).mean(), abs=1e-2)


def test_a_policy_against_itself_has_no_effect(experiment: Experiment, old: rehearsal.Policy):
    _, truth = rehearsal.rehearsal(experiment, old, old, DESIGN)(np.random.default_rng(0))
    assert truth == {"stockout": 0.0, "turnover": 0.0}


def test_waves_switch_on_their_own_days(experiment: Experiment, old: rehearsal.Policy):
    design = DESIGN._replace(waves=2)
    new = rehearsal.incumbent(experiment, 1.5)
    table, _ = rehearsal.rehearsal(experiment, old, new, design)(np.random.default_rng(3))
    assert np.unique(table.start - table.day.min()).tolist()[:2] == [28, 42]
    chosen = np.random.default_rng(3).choice(experiment.panel.pairs, DESIGN.pairs, replace=False)
    same = np.isclose(
        table.inventory.reshape(DAYS, -1),  # type: ignore[union-attr]
        recorded(experiment, old)["inventory"][:, chosen],
        atol=1e-3,
    )
    late = table.start - table.day.min() == 42
    assert same[:42, late].all() and not same[42:, late].all()
    first = table.start - table.day.min() == 28
    assert same[:28, first].all() and not same[28:42, first].all()


def test_the_estimator_finds_the_effect(experiment: Experiment, old: rehearsal.Policy):
    make = rehearsal.rehearsal(experiment, old, rehearsal.incumbent(experiment, 1.5), DESIGN)
    for row in simulate(make, 120, seed=1):
        assert abs(row["bias"]) < 4 * row["bias_error"]
        assert row["coverage"] >= 88 and row["placebo_rejects"] <= 12


def test_hand_picked_pairs_improve_by_themselves(experiment: Experiment, old: rehearsal.Policy):
    """Regression to the mean: a policy against itself seems to lower the stockouts of the worst pairs."""
    design = DESIGN._replace(pairs=200, share=0.1, picked="worst")
    (stockout, _) = simulate(rehearsal.rehearsal(experiment, old, old, design), 40)
    assert stockout["true"] == 0 and stockout["bias"] < -5 * stockout["bias_error"]


def test_refusals(experiment: Experiment, old: rehearsal.Policy):
    for change, words in (
        ({"after": 200}, "needs"),
        ({"pairs": 4000}, "600 pairs"),
        ({"picked": "best"}, "best"),
        ({"share": 0.0}, "0 treated"),
    ):
        with pytest.raises(InvrlError, match=words):
            rehearsal.rehearsal(experiment, old, old, DESIGN._replace(**change))
