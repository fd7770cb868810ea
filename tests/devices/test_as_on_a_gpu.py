"""What a GPU does differently, forced upon the CPU: one large block of pairs, 64 lanes, its own memory."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import jax
import numpy as np
import pytest
from builders import make_experiment, poisson_panel

from invrl.devices import placement
from invrl.experiment import Experiment
from invrl.metrics import prices
from invrl.scoring import results
from invrl.scoring.rules import learned, make_simulate
from invrl.training import trainer
from invrl.tuning import lanes

WORDS = (
    "split.history_days=0", "split.warmup_days=4", "split.validation_days=8", "split.test_days=8",
    "network.hidden=[8]", "train.updates=4", "train.evaluate_every=2", "ds.batch_pairs=4096",
    "ddpg.hidden=[8]", "ddpg.gradient_steps=2", "ddpg.minibatch=16", "ppo.hidden=[8]", "ppo.epochs=1",
    "baseline.forecast=mean", "baseline.distribution=normal",
)  # fmt: skip
PANEL = poisson_panel(30, 100)
SMALL = poisson_panel(30, 24)
ON_GPU, ON_CPU = 1 << 16, 32


def laid_out(monkeypatch: pytest.MonkeyPatch, block: int, *words: str) -> Experiment:
    """The experiment on one device, in blocks of at most so many pairs."""
    monkeypatch.setitem(placement.BLOCK, "cpu", block)
    monkeypatch.setattr(jax, "device_count", lambda: 1)
    experiment = make_experiment(PANEL, *WORDS, *words)
    for part in (experiment.train, experiment.validation, experiment.test):
        assert isinstance(part, type(experiment.train))  # in one piece
    return experiment


def losses(experiment: Experiment) -> list[dict[str, float]]:
    log: list[dict[str, float]] = []
    trainer.train(experiment, trainer.start(experiment), lambda _, metrics: log.append(metrics))
    return log


@pytest.mark.slow
def test_one_large_block_learns_what_many_small_ones_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """DS takes the same gradient, whichever way its pairs are cut."""
    small, large = (laid_out(monkeypatch, block, "algo=ds") for block in (ON_CPU, ON_GPU))
    assert [group.index.shape for group in small.train.groups] == [(4, 25)]
    assert [group.index.shape for group in large.train.groups] == [(1, 100)]
    for a, b in zip(losses(small), losses(large), strict=True):
        assert a["loss"] == pytest.approx(b["loss"], rel=1e-4)
        assert a["validation_objective"] == pytest.approx(b["validation_objective"], rel=1e-3)


@pytest.mark.parametrize("algo", [pytest.param("ddpg", marks=pytest.mark.slow), "ppo"])
def test_a_part_of_one_large_block_is_learned_from(algo: str, monkeypatch: pytest.MonkeyPatch) -> None:
    experiment = laid_out(monkeypatch, ON_GPU, f"algo={algo}", f"{algo}.batch_pairs=50")
    for line in losses(experiment):
        assert np.isfinite(list(line.values())).all()


@pytest.mark.slow
def test_measures_and_incumbents_do_not_depend_on_the_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[dict[str, Any]] = []
    for block in (ON_CPU, ON_GPU):
        experiment = laid_out(monkeypatch, block, "algo=ds")
        price = prices(experiment.config.objective)
        numbers = results.fit_baseline(experiment, "incumbent", price)
        simulate = make_simulate(learned(experiment.policy), experiment.config)
        values = simulate(experiment.policy.init(jax.random.key(1)), experiment.test)
        found.append({"numbers": numbers, **values})
    for name, values in found[0].items():
        np.testing.assert_allclose(values, found[1][name], rtol=1e-5, atol=1e-6, err_msg=name)


@pytest.mark.slow
@pytest.mark.parametrize("algo", ["ddpg", "ppo"])
def test_runs_mapped_over_one_device_are_runs_alone(algo: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """DS is in `test_tuning.py`. A lane without a run does no harm."""
    monkeypatch.setitem(placement.LANES, "cpu", 64)
    monkeypatch.setitem(placement.BLOCK, "cpu", ON_GPU)
    monkeypatch.setattr(jax, "device_count", lambda: 1)
    experiment = make_experiment(SMALL, *WORDS, f"algo={algo}")
    assert lanes.width_for(experiment, 64, 1) == 64
    job = lanes.Job(replace(experiment.config, seed=1))
    lanes.run(lanes.make_program(experiment, 3, 1), [job], 2, lambda job: None)
    alone = Experiment(replace(job.config, train=replace(job.config.train, updates=2)), SMALL)
    loop = trainer.train(alone, trainer.start(alone), lambda *_: None)
    assert job.score == pytest.approx(float(loop.best_score), rel=1e-2)


def test_memory_is_what_the_device_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """Episodes that do not fit a quarter of a GPU come in pieces; without its word, the machine's counts."""
    fake = SimpleNamespace(memory_stats=lambda: {"bytes_limit": 80 << 30})
    monkeypatch.setattr(jax, "local_devices", lambda: [fake])
    monkeypatch.setattr(jax, "local_device_count", lambda: 1)
    ask = placement.memory.__wrapped__  # the kept answer aside
    assert ask() == 80 << 30
    monkeypatch.setattr(placement, "memory", ask)
    assert placement.pieces(55_000, 150 * 40 * 4) == 1
    assert placement.pieces(10_000_000, 150 * 40 * 4) == 12
    silent = SimpleNamespace(memory_stats=lambda: None)
    monkeypatch.setattr(jax, "local_devices", lambda: [silent])
    assert ask() == placement.host_memory()


def test_settings_for_a_gpu_exist() -> None:
    """By the names that jax gives its backends."""
    assert {"cpu", "gpu"} <= set(placement.BLOCK) and set(placement.BLOCK) == set(placement.LANES)
