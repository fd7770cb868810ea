"""Training that runs away goes back; training that goes on is left alone."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
import pytest
from builders import make_experiment, poisson_panel

from invrl.algorithms import refuge
from invrl.metrics import Prices
from invrl.training import trainer

PRICES = Prices(30.0, 1.0, 0.9, 0.1, 0.1)


def chunk(old: refuge.Refuge, params: float, losses: list[float], prices: Prices = PRICES):
    """(parameters, moment, refuge) after a chunk from `params` to `params` + 1."""
    return refuge.go_on(
        old, prices, jnp.array(params), jnp.array(params + 1), jnp.ones(()), jnp.array(losses)
    )


def test_a_chunk_that_learns_is_kept() -> None:
    params, moment, found = chunk(refuge.start(jnp.array(0.0)), 0.0, [10.0, 8.0, 6.0])
    assert (params, moment, found.params, found.lowest, found.caution) == (1.0, 1.0, 0.0, 8.0, 1.0)
    params, moment, found = chunk(found, 1.0, [9.0, 15.0, 12.0])  # worse, but no run away
    assert (params, moment, found.params, found.lowest, found.caution) == (2.0, 1.0, 0.0, 8.0, 1.0)


@pytest.mark.parametrize("losses", [[10.0, 1e6, 1e9], [10.0, np.nan, np.nan], [np.inf, 9.0, 9.0]])
def test_a_chunk_that_runs_away_is_undone(losses: list[float]) -> None:
    _, _, found = chunk(refuge.start(jnp.array(0.0)), 0.0, [10.0, 9.0, 8.0])
    _, _, found = chunk(found, 1.0, [7.0, 6.0, 5.0])
    params, moment, found = chunk(found, 2.0, losses)
    assert (params, moment, found.params, found.lowest, found.caution) == (1.0, 0.0, 1.0, 6.0, 0.5)


def test_the_very_first_chunk_is_undone_too() -> None:
    params, _, found = chunk(refuge.start(jnp.array(0.0)), 0.0, [10.0, 90.0, 90.0])
    assert (params, found.lowest, found.caution) == (0.0, 10.0, 0.5)


def test_other_prices_begin_anew() -> None:
    """A stockout price that rises to meet a target makes losses higher, and no policy worse."""
    _, _, found = chunk(refuge.start(jnp.array(0.0)), 0.0, [10.0, 9.0, 8.0])
    params, _, found = chunk(found, 5.0, [30.0, 30.0, 30.0], PRICES._replace(stockout=90.0))
    assert (params, found.params, found.lowest, found.caution) == (6.0, 5.0, 30.0, 1.0)


@pytest.mark.parametrize("rate", ["0.1", "3.0"])
def test_any_learning_rate_ends_no_worse_than_it_began(rate: str) -> None:
    experiment = make_experiment(
        poisson_panel(60, 5), "split.warmup_days=7", "split.validation_days=10", "split.test_days=10",
        "split.history_days=7", f"ds.learning_rate={rate}", "train.updates=60", "train.evaluate_every=5",
        "network.hidden=[32,32]",
    )  # fmt: skip
    logged: list[dict[str, float]] = []
    trainer.train(experiment, trainer.start(experiment), lambda loop, numbers: logged.append(numbers))
    assert logged[-1]["loss"] < 1.1 * logged[0]["loss"]
