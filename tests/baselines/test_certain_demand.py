"""Demand that never changes: every day could end with exactly nothing, and float noise decides nothing."""

import numpy as np
import pytest
from builders import make_experiment, make_panel

from invrl import registry
from invrl.baselines.search import Outlook
from invrl.experiment import Experiment
from invrl.scoring.rules import classical, make_simulate
from invrl.scoring.trace import trace

DEMAND = np.array([0.1, 0.7, 1, 1.1, 7, 33.3, 1e-6, 1e9])


@pytest.fixture(scope="module")
def certain() -> Experiment:
    words = ("split.validation_days=14", "split.test_days=15", "split.warmup_days=10")
    return make_experiment(make_panel(np.tile(DEMAND, (90, 1))), *words)


def numbers(factor: float) -> np.ndarray:
    own = factor, *Outlook("mean").numbers
    return np.repeat(np.float32(own)[:, None], DEMAND.size, axis=1)


def test_every_unit_of_demand_has_one_answer(certain: Experiment) -> None:
    rule = classical(registry.get("baseline", "incumbent"), certain.config)
    simulate = make_simulate(rule, certain.config)
    rates = []
    for factor in (-1, 0, 0.5):
        found = simulate(None, certain.incumbents.test, numbers(factor))
        assert np.ptp(found["stockout_rate"]) == 0
        np.testing.assert_allclose(found["turnover_time"], found["turnover_time"][0], rtol=1e-3)
        rates.append(found["stockout_rate"][0])
    assert rates[0] == rates[1] > 0 == rates[2], "a safety factor of a half keeps a little in stock"
    days = trace(certain.incumbents, rule, None, numbers(0), "test")
    out = days["inventory"][days["measured"]] <= 0
    assert out.mean() == pytest.approx(rates[1]), "what is shown is what is counted"
