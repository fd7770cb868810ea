"""The search: spaces, many runs in one program, the study on disk, and what it says in the end."""

from __future__ import annotations

import json
import math
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import jax
import numpy as np
import pytest
from builders import make_config, poisson_panel

from invrl.cli import app
from invrl.config.schema import Config
from invrl.devices import placement
from invrl.errors import InvrlError
from invrl.experiment import Experiment
from invrl.runs import checkpoints, directory
from invrl.training import trainer
from invrl.tuning import curve, frontier, lanes, search, space, study
from invrl.tuning.lanes import Job

PANEL = poisson_panel(60, 30)
WORDS = (
    "network.hidden=[8]", "train.updates=8", "train.evaluate_every=2", "train.patience=0",
    "split.validation_days=8", "split.test_days=8", "split.warmup_days=6", "split.history_days=7",
    "ddpg.hidden=[8]", "ddpg.minibatch=32", "ddpg.gradient_steps=4", "ddpg.critic_warmup=4",
    "ppo.hidden=[8]", "ppo.minibatch=64", "evaluation.bootstrap=20",
)  # fmt: skip


def config(*words: str) -> Config:
    return make_config("algo=ds", "reg=base", *WORDS, *words)


# ---- the space -----------------------------------------------------------------------------


def test_values_of_a_range() -> None:
    log = space.parse("ds.learning_rate", "log 1e-4 1e-2")
    assert [log.at(u) for u in (0.0, 0.5)] == [1e-4, 1e-3]
    assert space.parse("ppo.gamma", "uniform 0.9 1").at(0.25) == 0.925
    hidden = space.parse("network.hidden", "choice 32,32 64,")
    assert [hidden.at(u) for u in (0.0, 0.49, 0.5, 0.99)] == [[32, 32], [32, 32], [64], [64]]
    assert space.parse("network.hidden", str(hidden)).values[0] == [32, 32]


@pytest.mark.parametrize(
    ("key", "line", "says"),
    [
        ("ds.learning_rat", "log 1 2", "no key `ds.learning_rat`"),
        ("ds.learning_rate", "loguniform 1 2", "no range"),
        ("ds.learning_rate", "log 0 2", "empty"),
        ("ds.learning_rate", "uniform 2 1", "empty"),
        ("ds.learning_rate", "uniform 1", "two numbers"),
    ],
)
def test_lines_that_make_no_sense(key: str, line: str, says: str) -> None:
    with pytest.raises(InvrlError, match=says):
        space.parse(key, line)


def test_later_lines_replace_and_drop_earlier_ones() -> None:
    found = space.space_of(
        {"ds.learning_rate": "log 1e-4 1", "ppo.gamma": "uniform 0 1"},
        ["ppo.gamma=", "ds.clip_norm=choice 1"],
    )
    assert [d.key for d in found] == ["ds.learning_rate", "ds.clip_norm"]


SPACE = space.space_of({"ds.learning_rate": "log 1e-4 1e-1", "ds.clip_norm": "choice 0.5 1 5"})


@pytest.mark.parametrize("name", ["random", "quasi", "tpe"])
def test_a_trial_depends_on_its_number_alone(name: str) -> None:
    pytest.importorskip("optuna") if name == "tpe" else None
    known = [(space.random(SPACE, t, 1, []), float(t)) for t in range(space.BATCH)]
    draw = space.SAMPLERS[name]
    proposals = [draw(SPACE, t, 0, known) for t in range(20)]
    assert (
        [draw(SPACE, t, 0, known) for t in range(20)]
        == proposals
        != [draw(SPACE, t, 1, known) for t in range(20)]
    )
    rates = np.log10([p["ds.learning_rate"] for p in proposals])
    assert len(set(rates)) > 10 and rates.min() >= -4 and rates.max() <= -1
    if name == "quasi":  # 16 points of a Sobol sequence: one in each sixteenth
        assert sorted(((rates[:16] + 4) / 3 * 16).astype(int)) == list(range(16))


def test_the_parzen_estimator_goes_where_scores_were_low() -> None:
    pytest.importorskip("optuna")
    known = [(space.random(SPACE, t, 1, []), 0.0) for t in range(30)]
    known = [(v, abs(math.log10(v["ds.learning_rate"]) + 2)) for v, _ in known]  # best at 1e-2
    rates = np.log10([space.tpe(SPACE, t, 0, known)["ds.learning_rate"] for t in range(30, 50)])
    assert (
        np.abs(rates + 2).mean()
        < 0.5
        < np.abs(np.log10([v["ds.learning_rate"] for v, _ in known]) + 2).mean()
    )


def test_a_grid_is_all_combinations() -> None:
    both = space.space_of({"ds.clip_norm": "choice 1 2", "ds.batch_pairs": "choice 3 4"})
    found = [tuple(space.grid(both, t, 0, []).values()) for t in range(int(space.most("grid", both)))]
    assert found == [(1, 3), (1, 4), (2, 3), (2, 4)]
    with pytest.raises(InvrlError, match="wants choices"):
        space.grid(SPACE, 0, 0, [])


# ---- many runs in one program --------------------------------------------------------------


def trained(jobs: list[Job], limit: int = 8, width: int = 1, devices: int = 2) -> list[Job]:
    experiment = Experiment(lanes.shape_of(jobs[0].config), PANEL, devices=1)
    program = lanes.make_program(experiment, width, devices)
    ended: list[Job] = []
    lanes.run(program, jobs, limit, ended.append)
    assert len(ended) == len(jobs)
    return jobs


def alone(config: Config) -> trainer.Loop:
    experiment = Experiment(config, PANEL, devices=1)
    return trainer.train(experiment, trainer.start(experiment), lambda loop, metrics: None)


@pytest.mark.parametrize("algo", ["ds", pytest.param("ddpg", marks=pytest.mark.slow)])
def test_a_run_in_a_lane_is_the_run_alone(algo: str) -> None:
    """Three runs on two lanes, with numbers and seeds of their own."""
    rate = "ddpg.actor_learning_rate" if algo == "ddpg" else f"{algo}.learning_rate"
    configs = [
        replace(config(f"algo={algo}", f"{rate}={r}"), seed=s) for r, s in [(1e-3, 0), (1e-2, 0), (1e-3, 5)]
    ]
    jobs = trained([Job(c) for c in configs])
    for job, c in zip(jobs, configs, strict=True):
        loop = alone(c)
        assert int(job.loop.update) == 8
        assert float(job.loop.best_score) == pytest.approx(float(loop.best_score), rel=1e-4)
        for a, b in zip(jax.tree.leaves(job.loop.best), jax.tree.leaves(loop.best), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-4)
    assert len({float(job.loop.best_score) for job in jobs}) == 3


def test_lanes_do_not_care_about_their_neighbours() -> None:
    """A run that diverges leaves the others bit for bit as they are without it."""
    good = [replace(config("algo=ppo"), seed=s) for s in range(3)]
    bad = config("algo=ppo", "ppo.learning_rate=1e30")
    without = trained([Job(c) for c in good])
    between = trained([Job(c) for c in [good[0], bad, good[1], good[2]]])
    assert "update" in between[1].diverged and between[1].score == math.inf
    for a, b in zip(without, [between[0], *between[2:]], strict=True):
        assert a.log and [{k: v for k, v in line.items() if "seconds" not in k} for line in a.log] == [
            {k: v for k, v in line.items() if "seconds" not in k} for line in b.log
        ]


def test_lanes_side_by_side_on_one_device() -> None:
    """vmapped, as on a GPU."""
    configs = [replace(config(), seed=s) for s in range(3)]
    for job, c in zip(trained([Job(c) for c in configs], width=3, devices=1), configs, strict=True):
        assert float(job.loop.best_score) == pytest.approx(float(alone(c).best_score), rel=1e-4)


def test_lanes_fit_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a GPU: 64 runs, or as many as a quarter of its memory holds twice (a step's old and new state)."""
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    monkeypatch.setattr(jax, "device_count", lambda: 1)
    ddpg = config("algo=ddpg", "ddpg.replay=10_000")
    experiment = Experiment(lanes.shape_of(ddpg), PANEL, devices=1)
    buffer = 10_000 * 4 * 2 * experiment.policy.inputs  # a state and the next one per row, float32
    monkeypatch.setattr(placement, "memory", lambda: 10 * buffer * 8)
    assert 5 <= lanes.width_for(experiment, 1_000, 1) <= 10
    monkeypatch.setattr(placement, "memory", lambda: buffer)
    assert lanes.width_for(experiment, 1_000, 1) == 1
    monkeypatch.setattr(placement, "memory", lambda: 10_000 * buffer)
    assert lanes.width_for(experiment, 1_000, 1) == 64
    assert lanes.width_for(experiment, 3, 1) == 3


@pytest.mark.slow
def test_a_run_may_pause_at_a_limit() -> None:
    paused = trained([Job(config())], limit=4)[0]
    assert int(paused.loop.update) == 4 and not paused.ended
    whole, paused = trained([Job(config())])[0], trained([paused])[0]
    assert [line["loss"] for line in paused.log] == [line["loss"] for line in whole.log]


def test_runs_that_stop_early_make_room() -> None:
    """Patience 1 and no improvement: each run ends after its second look."""
    stubborn = config("train.patience=1", "train.min_improvement=0.9", "ds.learning_rate=0")
    jobs = trained([Job(replace(stubborn, seed=s)) for s in range(4)])
    assert [int(job.loop.update) for job in jobs] == [4] * 4


def test_shapes() -> None:
    same = [
        config(),
        config("ds.learning_rate=1"),
        config("objective.stockout_weight=5"),
        replace(config(), seed=3),
    ]
    other = [config("network.hidden=[9]"), config("reg=none"), config("train.updates=9"), config("algo=ppo")]
    assert len({repr(lanes.shape_of(c)) for c in same}) == 1
    assert len({repr(lanes.shape_of(c)) for c in same + other}) == 5


# ---- the study on disk ---------------------------------------------------------------------


def make_study(path: Path, sampler: str = "random", halving: int = 0, *words: str) -> study.Study:
    plan = study.Plan(config(*words), SPACE, sampler, halving, PANEL.fingerprint())
    return study.open_study(path, plan)


def conduct(found: study.Study, trials: int, seeds: int = 2) -> list[directory.Run]:
    search.search(found, trials, seeds, search.here(PANEL), lambda job: None)
    return search.finish(found, PANEL)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> study.Study:
    """Three trials of two seeds, undisturbed."""
    found = make_study(tmp_path_factory.mktemp("studies") / "whole")
    conduct(found, 3)
    return found


def lines(found: study.Study, name: str = "trials.jsonl") -> list[dict]:
    """What must not depend on how a study went."""
    kept = [{k: v for k, v in r.items() if k != "seconds"} for r in found.records(name)]
    return sorted(kept, key=lambda r: (r["trial"], r["seed"]))


def test_a_study_goes_on_where_it_was(tmp_path: Path, whole: study.Study) -> None:
    parts = make_study(tmp_path / "parts")
    conduct(parts, 2)
    log = parts.path / "trials.jsonl"
    first = log.read_bytes()
    log.write_bytes(first[:-9])  # killed while it wrote a line
    best = conduct(parts, 3)
    assert lines(parts) == lines(whole) and lines(parts, "test.jsonl") == lines(whole, "test.jsonl")
    assert log.read_bytes().startswith(first[: first.rstrip().rfind(b"\n")])  # append-only
    assert [run.name for run in best] == ["best-0", "best-1"]
    chosen = min(study.trials_of(whole), key=lambda t: t.score)
    tests = [r["test"]["objective"] for r in lines(whole, "test.jsonl") if r["trial"] == chosen.number]
    for run, test in zip(best, tests, strict=True):
        content = run.read("results.json")
        assert content["splits"]["test"]["policies"]["ds/base"]["objective"][0] == pytest.approx(
            test, rel=1e-5
        )
        assert run.read("manifest.json")["trials"] == 3
    assert (parts.path / "best.toml").read_text() == (best[0].path / "config.toml").read_text()


def test_another_plan_is_refused(tmp_path: Path) -> None:
    make_study(tmp_path / "one")
    with pytest.raises(InvrlError, match=r"one is another study: config\.train\.updates was 8, is 9"):
        make_study(tmp_path / "one", "random", 0, "train.updates=9")
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "mine.txt").write_text("precious")
    with pytest.raises(InvrlError, match="is no study"):
        make_study(tmp_path / "notes")


@pytest.mark.slow
def test_halving_prunes_the_worse_half(tmp_path: Path) -> None:
    found = make_study(tmp_path / "study", halving=2)
    conduct(found, 4)
    trials = study.trials_of(found)
    assert sorted(t.status for t in trials) == ["done", "pruned", "pruned", "pruned"]
    updates = {r["trial"]: r["updates"] for r in found.records()}
    assert sorted(updates.values()) == [2, 2, 4, 8]
    (winner,) = [t for t in trials if t.status == "done"]
    first = {t.number: json.loads(found.curve(t.number, 0).read_text().splitlines()[0]) for t in trials}
    second = {t.number: json.loads(found.curve(t.number, 1).read_text().splitlines()[0]) for t in trials}
    mean = {n: first[n]["validation_objective"] + second[n]["validation_objective"] for n in first}
    assert winner.number in sorted(mean, key=mean.get)[:2]


def test_a_study_where_all_diverge(tmp_path: Path) -> None:
    wild = space.space_of({"ppo.learning_rate": "log 1e29 1e30"})
    plain = config("algo=ppo")
    found = study.open_study(tmp_path / "s", study.Plan(plain, wild, "random", 0, PANEL.fingerprint()))
    with pytest.raises(InvrlError, match="every configuration diverged") as caught:
        conduct(found, 2, 1)
    assert caught.value.exit_code == 3
    assert {r["status"] for r in found.records()} == {"diverged"}


@pytest.mark.slow
def test_a_killed_study_ends_like_an_undisturbed_one(tmp_path: Path) -> None:
    """kill -9 after the first run has ended, then the same command again."""
    words = ["tune", "--config", "quickstart", "--algo", "ds", "--reg", "base", "--trials", "3", "--quiet",
             "--only", "--space", "ds.learning_rate=log 1e-4 1e-1", "data.options.pairs=40",
             "train.updates=40", "network.hidden=[8]", "evaluation.bootstrap=20"]  # fmt: skip
    command = [sys.executable, "-m", "invrl", *words, "--out"]
    log = tmp_path / "killed" / "tune-ds-base" / "trials.jsonl"
    process = subprocess.Popen(
        [*command, str(tmp_path / "killed")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    patience = time.monotonic() + 120
    while not (log.exists() and log.read_bytes()) and process.poll() is None and time.monotonic() < patience:
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert len(log.read_text().splitlines()) > 0
    subprocess.run([*command, str(tmp_path / "killed")], check=True, capture_output=True)
    subprocess.run([*command, str(tmp_path / "whole")], check=True, capture_output=True)
    killed, whole = (study.read_study(tmp_path / n / "tune-ds-base") for n in ("killed", "whole"))
    assert lines(killed) == lines(whole) and lines(killed, "test.jsonl") == lines(whole, "test.jsonl")
    assert len(killed.records()) == 3


# ---- what it says --------------------------------------------------------------------------


def test_the_expected_best_by_hand() -> None:
    """Three trials; of two drawn, the best is the first with chance 2/3, else the second."""
    validation, score = np.array([3.0, 1.0, 2.0]), np.array([30.0, 10.0, 20.0])
    assert curve.best_of(validation, score) == pytest.approx([20, 10 * 2 / 3 + 20 / 3, 10])
    misled = curve.best_of(validation, np.array([10.0, 30.0, 20.0]))  # validation picks what tests worst
    assert misled == pytest.approx([20, 30 * 2 / 3 + 20 / 3, 30])


def test_the_band_holds_the_luck_of_order_and_seeds() -> None:
    rng = np.random.default_rng(0)
    score = rng.normal(10, 1, (40, 1)) + rng.normal(0, 0.2, (40, 3))
    found = curve.curve(curve.Trials("ds", "base", score, score, np.full(40, 2.0)))
    assert (found.low <= found.expected).all() and (np.diff(found.expected) <= 1e-12).all()
    assert found.seconds[9] == 20
    assert found.high[0] - found.low[0] == pytest.approx(2 * 1.645, rel=0.25)  # one draw of N(10, 1)
    assert (
        found.low[-1] == found.high[-1] or found.high[-1] - found.low[-1] < 0.6
    )  # all 40: only seeds differ


def test_curves_of_a_study(whole: study.Study) -> None:
    trials = curve.trials_in(whole)
    tests = {(r["trial"], r["seed"]): r["test"]["objective"] for r in whole.records("test.jsonl")}
    np.testing.assert_allclose(trials.score, [[tests[t, s] for s in range(2)] for t in range(3)])
    last = curve.rows([trials])[-1]
    assert last["configurations"] == 3
    chosen = [trials.validation[:, s].argmin() for s in range(2)]  # each seed's user takes another
    assert last["expected"] == pytest.approx(np.mean([tests[chosen[s], s] for s in range(2)]))


def test_frontiers_at_equal_stockout_are_paired() -> None:
    """The second needs a day less on every pair: no resample can doubt it, though each alone is unsure."""
    rng = np.random.default_rng(0)
    pairs = 40
    sample = {"weight": np.ones(pairs), "cluster": np.arange(pairs) // 2}
    luck = rng.normal(0, 1, pairs)

    def cell(name: str, days: list[float]) -> frontier.Frontier:
        found = [
            {"stockout_rate": np.full(pairs, rate), "turnover_time": day + luck}
            for rate, day in zip((0.02, 0.10, 0.06), days, strict=True)
        ]
        return frontier.drawn(name, ["a", "b", "c"], found, sample, 200)

    cells = [cell("ds/none", [8, 2, 4]), cell("ds/both", [7, 1, 3])]
    assert cells[0].labels == ("b", "c", "a")  # by falling stockout rate
    between = 4 + 4 * math.log(0.06 / 0.04) / math.log(0.06 / 0.02)
    assert frontier.at_stockout(cells[0], np.array([0.04]))[0, 0] - luck.mean() == pytest.approx(between)
    rates = frontier.common_rates(cells)
    assert 0.02 < rates.min() < rates.max() < 0.10 and np.diff(np.log(rates)) == pytest.approx(
        -0.268, abs=1e-3
    )
    for one in frontier.at_equal_stockout(cells, "ds/none", rates):
        assert one.turnover_time.high - one.turnover_time.low > 0.3
        if one.cell == "ds/both":
            assert one.delta == pytest.approx((-1, -1, -1))
    rows = frontier.equal_rows(frontier.at_equal_stockout(cells, "ds/none", rates))
    assert all(row["ds/both"].startswith("-1.00±0.00") for row in rows)
    twice = frontier.merged([cells[0], cells[1], cells[0]])
    assert [cell.name for cell in twice] == ["ds/none", "ds/both"] and twice[0].labels == tuple("bbccaa")
    with pytest.raises(InvrlError, match="no cell `ppo/none`"):
        frontier.at_equal_stockout(cells, "ppo/none", rates)


def test_a_study_keeps_the_pairs_behind_its_frontier(whole: study.Study, tmp_path: Path) -> None:
    found = frontier.frontier(whole, resamples=50)
    tests = study.tests_of(whole)
    for measure, drawn in (("stockout_rate", found.stockout_rate), ("turnover_time", found.turnover_time)):
        means = sorted(test[measure] for test in tests.values())
        assert sorted(drawn[0]) == pytest.approx(means, rel=1e-5), measure
        assert drawn.shape == (51, 3) and drawn[1:].std(0).min() > 0
    old = study.read_study(Path(shutil.copytree(whole.path, tmp_path / "old")))
    next(old.path.glob("pairs/*.npz")).unlink()
    with pytest.raises(InvrlError, match="no pairs of its trials"):
        frontier.frontier(old)
    (old.path / "best-0" / "results.json").unlink()
    with pytest.raises(InvrlError, match="has not ended"):
        frontier.frontier(old)
    search.finish(old, PANEL)  # a rerun makes up for both
    assert study.tests_of(old) == tests
    np.testing.assert_array_equal(frontier.frontier(old, resamples=50).turnover_time, found.turnover_time)


# ---- the commands --------------------------------------------------------------------------


@pytest.mark.slow
def test_commands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)

    def call(*words: str) -> str:
        monkeypatch.setattr(sys, "argv", ["invrl", *words])
        app(standalone_mode=False)
        return capsys.readouterr().out

    grid = ("--sampler", "grid", "--only", "--space", "objective.stockout_weight=choice 5 100", "--quiet")
    small = ("data.options.pairs=40", "train.updates=40", "network.hidden=[8]", "evaluation.bootstrap=20")
    payload = json.loads(
        call("tune", "--algo", "ds", "--reg", "base", *grid, "--name", "front", *small, "--json")
    )
    assert payload["trials"] == 2 and Path(payload["runs"][0]).exists()
    assert payload["frontier"] and payload["best"] is None and not Path("runs/front/best.toml").exists()
    assert "none best" in call("tune", "--algo", "ds", "--reg", "base", *grid, "--name", "front", *small)
    with pytest.raises(InvrlError, match="none of them is best"):
        call("studies", "curve", "runs/front")
    rates = ("--sampler", "grid", "--only", "--space", "ds.learning_rate=choice 1e-3 3e-3", "--quiet")
    call("tune", "--algo", "ds", "--reg", "both", *rates, "--name", "rates", *small, "--json")
    assert Path("runs/rates/best.toml").exists()
    found = json.loads(call("studies", "frontier", "runs/front", "--json"))
    rows = [row for row in found["policies"] if row["cell"] == "ds/base"]
    assert [row["moved"] for row in rows] == ["stockout_weight 5", "stockout_weight 100"]
    assert rows[0]["stockout_rate"] > rows[1]["stockout_rate"]
    assert rows[0]["turnover_time"] < rows[1]["turnover_time"]
    deltas = [one for one in found["equal_stockout"] if one["cell"] == "ds/base"]
    assert found["reference"] == "incumbent" and len(deltas) == 5
    assert all(
        low <= one["turnover_time_delta"] <= high
        for one in deltas
        for low, high in [one["turnover_time_delta_ci"]]
    )
    alone = json.loads(call("studies", "frontier", "runs/front", "--no-incumbent", "--json"))
    assert alone["reference"] == "ds/base" and alone["equal_stockout"][0]["turnover_time_delta"] is None
    assert "front" in call("studies", "ls") and "5" in call("studies", "show", "runs/front")
    curves = json.loads(call("studies", "curve", "--json", "--level", "optimum=1"))
    assert {"incumbent", "optimum"} <= set(curves["levels"]) and len(curves["curves"]) == 2
    assert call("studies", "sensitivity", "--format", "csv").startswith("cell,")
    for name, what in (("c.png", "curve"), ("s.svg", "sensitivity"), ("f.svg", "frontier")):
        call("studies", what, "--out", name)
        assert (tmp_path / name).stat().st_size > 1000
    cells = json.loads(call("compare", "runs/rates", "--json"))["cells"]
    assert {c["algo"]: c["trials"] for c in cells}["ds"] == 2
    with pytest.raises(InvrlError, match="different objectives: stockout_weight"):
        call("compare", "--json")
    cells = json.loads(call("compare", "--objective", "stockout_weight=30", "--json"))["cells"]
    assert {c["reg"] for c in cells if c["algo"] == "ds"} == {"base", "both"}


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--sampler", "sobol"), "no sampler `sobol`"),
        (("--executor", "slurm"), "no executor `slurm`"),
        (("--space", "ds.rate=log 1 2"), "no key `ds.rate`"),
        (("--halving", "1"), "must be at least 2"),
        (("--halving", "2", "--space", "objective.penalty=log 1 9"), "compares scores"),
    ],
)
def test_bad_words(words: tuple, says: str, invrl) -> None:
    code, _, err = invrl("tune", "--algo", "ds", *words)
    assert code == 2 and says in err


def kill_one_worker() -> None:
    """kill -9 the first worker process seen at work."""
    patience = time.monotonic() + 60
    while time.monotonic() < patience:
        for place in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                at_work = place.read_bytes().startswith(b"ray::_work")
            except OSError:
                continue
            if at_work:
                os.kill(int(place.parent.name), signal.SIGKILL)
                return
        time.sleep(0.01)
    raise AssertionError("no worker was seen")


def test_on_a_ray_cluster(tmp_path: Path, whole: study.Study) -> None:
    """Two workers, one of them killed: the same study as on one device of this machine."""
    ray = pytest.importorskip("ray")
    from invrl.tuning.cluster import on_ray

    there, here = make_study(tmp_path / "there"), make_study(tmp_path / "here")
    search.search(here, 3, 2, search.here(PANEL, devices=1), lambda job: None)
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    killer = threading.Thread(target=kill_one_worker)
    killer.start()
    try:
        search.search(there, 3, 2, on_ray(PANEL), lambda job: None)
    finally:
        killer.join()
        ray.shutdown()
    assert lines(there) == lines(here)
    for a, b in zip(lines(there), lines(whole), strict=True):  # side by side on two devices: other rounding
        assert a["score"] == pytest.approx(b["score"], rel=1e-5) and a["values"] == b["values"]


def test_policies_of_a_study_are_those_it_tested(whole: study.Study) -> None:
    run = directory.Run(whole.path / "best-1")
    experiment = Experiment(run.config, PANEL)
    like = trainer.start(experiment).best
    trial = run.read("manifest.json")["trial"]
    a, b = checkpoints.load(run.best, like), checkpoints.load(whole.policy(trial, 1), like)
    assert jax.tree.all(jax.tree.map(np.array_equal, a, b))
