"""The benchmark: what it times is what runs, and its arithmetic is right."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
from builders import make_config

from invrl import registry
from invrl.algorithms.contract import Problem
from invrl.algorithms.ds import DS
from invrl.bench import benchmark, machine, workloads
from invrl.bench.benchmark import Case, Preset
from invrl.bench.machine import Limits
from invrl.bench.workloads import Work
from invrl.config.schema import Network
from invrl.demand.episodes import Dataset
from invrl.devices import placement
from invrl.errors import InvrlError
from invrl.scoring.rules import Rule, make_simulate
from invrl.simulator import Action

LIMIT = Limits(copy=1e9, matmul=1e9)
EASY = ("--what", "base_stock", "--pairs", "40", "--days", "8", "--review-period", "1", "--repeats", "1")


# ---- the episodes -------------------------------------------------------------------------


def test_episodes_hold_the_days_and_pairs_asked_for() -> None:
    dataset = workloads.random_dataset(pairs=130, days=10, period=7)
    (group,) = dataset.groups
    # two devices of one block each: 2 x 65 pairs; 10 days take two cycles of 7
    assert group.episode.demand.shape == (2, 2, 7, 65)
    assert group.episode.initial.shape == (2, 8, 65)
    assert int(group.episode.measured.sum()) == 130 * 10
    assert float(group.episode.demand[:, 1, 3:].sum()) == 0.0
    assert float(group.episode.weight.sum()) == 130


def test_padding_counts_for_nothing() -> None:
    (group,) = workloads.random_dataset(pairs=101, days=3, period=1).groups
    assert group.index.size == 102
    assert (group.index >= 0).sum() == float(group.episode.weight.sum()) == 101


def test_blocks_are_as_large_as_asked() -> None:
    assert workloads.random_dataset(400, 4, 2, block=50).groups[0].index.shape == (8, 50)


def test_data_bytes_is_what_the_episodes_take() -> None:
    (group,) = workloads.random_dataset(pairs=128, days=14, period=2).groups
    held = sum(leaf.nbytes for leaf in jax.tree.leaves(group.episode))
    assert workloads.data_bytes(128, 14, 2) == held


def test_the_timed_policy_lives_with_stock_and_with_stockouts() -> None:
    """Demand, lead times and stock are such that nothing in the rollout is degenerate."""
    on_device = workloads.random_dataset(pairs=200, days=60, period=2)
    scale = np.asarray(on_device.groups[0].episode.scale).ravel()
    dataset = Dataset(on_device.groups, on_device.pairs, scale, on_device.days)
    config = make_config()

    def up_to(_: Any, own: Any, seen: Any) -> Action:
        order = seen.demand_rate * seen.protection + seen.spread * seen.protection**0.5 - seen.position
        return Action(order, order[None])

    measured = make_simulate(Rule(up_to), config)(None, dataset)
    assert 0.02 < measured["stockout_rate"].mean() < 0.5
    assert 1 < measured["turnover_time"].mean() < 30
    assert 0.5 < measured["fill_rate"].mean() < 1


LONG = ("ddpg", "ppo")
"""Works that compile for long."""

# ---- what is timed ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "what", [pytest.param(w, marks=[pytest.mark.slow] * (w in LONG)) for w in workloads.WORKS]
)
def test_every_work_runs(what: str) -> None:
    row = benchmark.measure(Case(what, 70, 6, 2), make_config("network.hidden=[8]"), LIMIT, repeats=1)
    assert row["sku_days_per_second"] == pytest.approx(70 * 6 / row["seconds"])
    assert 0 < row["fastest"] <= row["seconds"] <= row["slowest"]
    assert row["limit_share"] > 0 and row["peak_memory"] > 50e6
    assert row["limit"] == ("copy" if what == "base_stock" else "matmul")


def test_a_training_run_is_one_update_of_the_algorithm_on_all_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    problems: list[Problem] = []

    def spy(problem: Problem) -> Any:
        problems.append(problem)
        return DS.update(problem)

    monkeypatch.setitem(registry.ALGORITHMS, "ds", DS._replace(update=spy))
    dataset = workloads.random_dataset(pairs=130, days=4, period=2)
    run = workloads.ds(dataset, make_config("network.hidden=[8]", "ds.batch_pairs=64")).run
    first, metrics = run()
    second, _ = run()
    assert (int(first.step), int(second.step)) == (1, 2)
    assert not np.array_equal(*(jax.tree.leaves(state.params)[0] for state in (first, second)))
    assert np.isfinite(float(metrics["loss"]))
    (problem,) = problems
    assert problem.train is dataset and problem.config.ds.batch_pairs == 130


def test_an_algorithm_of_a_plugin_is_timed_like_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry.ALGORITHMS, "mine", DS._replace(section="ds"))
    dataset, config = workloads.random_dataset(100, 4, 2), make_config("network.hidden=[8]")
    work = workloads.work_of("mine")(dataset, config)
    assert work.flops == workloads.ds(dataset, config).flops
    _, metrics = work.run()
    assert np.isfinite(float(metrics["loss"]))
    with pytest.raises(InvrlError, match="no benchmark `theirs`"):
        workloads.work_of("theirs")


def test_flops_and_bytes_by_hand() -> None:
    dataset = workloads.random_dataset(pairs=100, days=4, period=2)
    config = make_config("reg=both", "network.hidden=[64, 32]")
    # 16 inputs (8 features, 8 slots), 5 outputs; 100 pairs x 2 reviews
    weights = 16 * 64 + 64 * 32 + 32 * 5
    assert workloads.network(dataset, config).flops == 2 * weights * 200
    assert workloads.ds(dataset, config).flops == 4 * 2 * weights * 200
    # a day: 4 bytes of demand, 1 measured; a review: 1 active, 1 lead time, and 8 features of 4
    assert workloads.base_stock(dataset, config).bytes == 100 * (4 * 5 + 2 * 2)
    assert workloads.network(dataset, config).bytes == 100 * (4 * 5 + 2 * (2 + 32))
    relu = workloads.WORKS["network_relu"](dataset, config)
    assert relu.flops == 2 * (16 * 64 + 64 * 64 + 64) * 200


def test_the_binding_limit_is_the_slower_one(monkeypatch: pytest.MonkeyPatch) -> None:
    work = Work(lambda: placement.put(np.ones(2), 2), flops=2e9, bytes=1e9)
    monkeypatch.setitem(workloads.WORKS, "mine", lambda dataset, config: work)
    case, config = Case("mine", 10, 10, 1), make_config()
    row = benchmark.measure(case, config, Limits(copy=1e9, matmul=1e9), 1)
    assert (row["limit"], row["limit_share"]) == ("matmul", pytest.approx(2 / row["seconds"]))
    row = benchmark.measure(case, config, Limits(copy=1e9, matmul=4e9), 1)
    assert (row["limit"], row["limit_share"]) == ("copy", pytest.approx(1 / row["seconds"]))


def test_network_of_the_config_is_timed() -> None:
    dataset = workloads.random_dataset(pairs=100, days=4, period=2)
    flops = [
        workloads.network(dataset, make_config(f"network.hidden=[{width}]", "reg=none")).flops
        for width in (8, 16)
    ]
    assert flops[1] == 2 * flops[0]


# ---- cases and tables ---------------------------------------------------------------------


def test_cases_cross_sizes_and_add_days_at_the_middle_size() -> None:
    cases = benchmark.cases(["ds"], Preset((10, 20, 30), (90, 365), (1, 7)))
    assert cases == [
        Case("ds", 10, 90, 1), Case("ds", 10, 90, 7), Case("ds", 20, 90, 1), Case("ds", 20, 90, 7),
        Case("ds", 30, 90, 1), Case("ds", 30, 90, 7), Case("ds", 20, 365, 1),
    ]  # fmt: skip


def test_cases_refuse_unknown_names_and_what_cannot_fit() -> None:
    with pytest.raises(InvrlError, match="no benchmark `netwrk`") as error:
        benchmark.cases(["netwrk"], benchmark.PRESETS["laptop"])
    assert "network" in error.value.hint
    with pytest.raises(InvrlError, match=r"the episodes alone need \d+"):
        benchmark.cases(["ds"], Preset((10**10,), (90,), (1,)))


def row(what: str, pairs: int, speed: float, days: int = 90, period: int = 1) -> dict[str, Any]:
    return Case(what, pairs, days, period)._asdict() | {"sku_days_per_second": speed}


def test_growth_is_relative_to_the_largest_of_its_kind() -> None:
    rows = [row("ds", 10, 50.0), row("ds", 20, 100.0), row("network", 10, 7.0), row("ds", 20, 80.0, period=2)]
    assert [r["growth"] for r in benchmark.with_growth(rows)] == [2.0, 1.0, 1.0, 1.0]


def test_compare_marks_what_fell_by_more_than_the_tolerance() -> None:
    old = [row("ds", 10, 100.0), row("ds", 20, 100.0), row("ds", 30, 100.0)]
    new = [row("ds", 20, 79.0), row("ds", 10, 81.0), row("ds", 40, 1.0)]
    compared = benchmark.compare(new, old, tolerance=0.2)
    assert [(r["pairs"], r["ratio"], r["verdict"]) for r in compared] == [
        (20, 0.79, "slower"),
        (10, 0.81, "ok"),
    ]
    with pytest.raises(InvrlError, match="no case in common"):
        benchmark.compare([row("network", 10, 1.0)], old, 0.2)


# ---- the machine --------------------------------------------------------------------------


def test_clock_keeps_the_first_call_apart() -> None:
    calls: list[int] = []
    first, later = machine.clock(lambda: calls.append(1), repeats=3)
    assert first >= 0 and 3 <= len(later) == len(calls) - 1 <= machine.MOST_REPEATS


@pytest.mark.skipif(not os.access("/proc/self/clear_refs", os.W_OK), reason="the peak cannot start anew here")
def test_peak_memory_sees_an_allocation() -> None:
    machine.forget_peak()
    before = machine.peak_memory()
    assert np.ones(30_000_000).sum() == 30_000_000
    assert machine.peak_memory() - before > 200e6


def test_rates_count_what_is_moved_and_multiplied(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "clock", lambda run, repeats: (run().shape[0], [0.5]))
    # two devices, 128 MiB each, read and written, in half a second
    assert machine._copy_rate(1 << 20) == 2 * 2 * (1 << 27) / 0.5
    # two matrices on each of two devices
    assert machine._matmul_rate(16) == 2 * 16**3 * 4 / 0.5


# ---- the command --------------------------------------------------------------------------


@pytest.fixture
def bench(invrl: Callable, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[int, str, str]]:
    """Runs `invrl bench` in an empty folder: exit code, stdout, stderr."""
    monkeypatch.setattr(machine, "limits", lambda: LIMIT)
    return partial(invrl, "bench")


def test_json_starts_with_the_machine_and_the_parameters(bench) -> None:
    code, out, err = bench(*EASY, "--json", "--out", "mine.json")
    assert code == 0
    record = json.loads(out)
    assert list(record)[:5] == ["date", "invrl", "machine", "versions", "parameters"]
    assert record == json.loads(Path("mine.json").read_text())
    assert record["versions"]["jax"] == jax.__version__
    assert record["parameters"]["pairs"] == [40] and record["parameters"]["repeats"] == 1
    (result,) = record["results"]
    assert (result["what"], result["pairs"], result["growth"]) == ("base_stock", 40, 1.0)
    assert err.index("pairs [40]") < err.index("base_stock, 40 pairs x 8 days, review period 1:")


def test_an_old_record_decides_the_exit_code(bench) -> None:
    bench(*EASY, "--out", "old.json")
    record = json.loads(Path("old.json").read_text())
    for factor, expected in [(1e-3, 0), (1e3, 1)]:
        changed = [r | {"sku_days_per_second": factor * r["sku_days_per_second"]} for r in record["results"]]
        Path("then.json").write_text(json.dumps(record | {"results": changed}))
        code, out, err = bench(*EASY, "--compare", "then.json", "--format", "csv")
        assert code == expected
        assert ("slower" in out) == (expected == 1)
        assert ("slower by more than 20%: base_stock, 40 pairs" in err) == (expected == 1)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--preset", "labtop"), "no preset `labtop`"),
        (("--pairs", "10,x"), "--pairs 10,x: whole numbers from 1 wanted"),
        (("--review-period", "0"), "--review-period 0: whole numbers from 1 wanted"),
        (("--what", "speed"), "no benchmark `speed`"),
        (("--compare", "none.json"), "no file none.json"),
        (("--compare", "bad.json"), "bad.json is no record of `invrl bench`"),
        (("--out", "bad.json"), "bad.json exists already"),
    ],
)
def test_mistakes_are_told_before_anything_is_timed(bench, words: tuple[str, ...], message: str) -> None:
    Path("bad.json").write_text("{}")
    code, out, err = bench(*words)
    assert (code, out) == (2, "")
    assert err.startswith(f"error: {message}") and "hint: " in err


def test_relu_works_ignore_the_config_network() -> None:
    dataset = workloads.random_dataset(pairs=100, days=4, period=2)
    seen: list[Network] = []

    def spy(_: Any, config: Any) -> Work:
        seen.append(config.network)
        return Work(lambda: None, 0.0, 0.0)

    workloads.with_relu(spy)(dataset, make_config("network.hidden=[7]"))
    assert seen == [Network((64, 64), "relu")]
