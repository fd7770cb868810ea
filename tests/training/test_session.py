"""Whole runs: train, kill, resume, evaluate, trace, compare."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from builders import SMALL

from invrl.config import reading
from invrl.errors import InvrlError
from invrl.runs import directory
from invrl.scoring import comparison
from invrl.training import evaluation, session


def begin(tmp_path: Path, *words: str, **cell: str) -> tuple:
    loaded = reading.load(None, [*SMALL, *words], **cell)
    experiment = session.load_experiment(loaded)
    return experiment, session.begin(experiment, tmp_path, "run")


def ignore(loop, metrics) -> None: ...


def stop_at(update: int):
    def watch(loop, metrics) -> None:
        if int(loop.update) == update:
            raise KeyboardInterrupt

    return watch


def without_seconds(run: directory.Run) -> list[dict]:
    return [{k: v for k, v in record.items() if "seconds" not in k} for record in run.metrics()]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> directory.Run:
    experiment, run = begin(tmp_path_factory.mktemp("runs"))
    session.train(experiment, run, ignore)
    return run


@pytest.mark.parametrize("algo", ["ds", "ddpg", "ppo"])
def test_a_resumed_run_equals_one_never_interrupted(tmp_path: Path, algo: str) -> None:
    experiment, whole = begin(tmp_path, algo=algo)
    expected = session.train(experiment, whole, ignore)
    experiment, broken = begin(tmp_path, algo=algo)
    with pytest.raises(KeyboardInterrupt):
        session.train(experiment, broken, stop_at(15))
    found = session.resume(broken, session.resumed_config(broken, []), ignore)
    assert without_seconds(broken) == without_seconds(whole)
    assert found["splits"] == expected["splits"]
    for name in ("last", "best"):
        with np.load(getattr(whole, name)) as a, np.load(getattr(broken, name)) as b:
            assert all(np.array_equal(a[key], b[key]) for key in a.files)


def test_a_log_line_written_after_the_checkpoint_is_not_doubled(tmp_path: Path) -> None:
    experiment, run = begin(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        session.train(experiment, run, stop_at(10))
    run.log({"update": 15, "loss": 0.0})  # killed between the log and the checkpoint
    session.resume(run, session.resumed_config(run, []), ignore)
    assert [record["update"] for record in run.metrics()] == [5, 10, 15, 20, 25, 30]


def test_a_finished_run_is_lengthened_only_when_asked(finished: directory.Run, tmp_path: Path) -> None:
    copy = directory.Run(Path(shutil.copytree(finished.path, tmp_path / "copy")))
    with pytest.raises(InvrlError, match="is done"):
        session.resume(copy, session.resumed_config(copy, []), ignore)
    session.resume(copy, session.resumed_config(copy, ["train.updates=+10"]), ignore)
    assert copy.metrics()[-1]["update"] == 40


def test_a_lengthened_run_that_is_killed_is_not_done(
    finished: directory.Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed while it is scored: its old results are of fewer updates, and `resume` alone ends it."""
    copy = directory.Run(Path(shutil.copytree(finished.path, tmp_path / "copy")))
    done = finished.read("results.json")["updates"]

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(session, "score_learned", killed)
        session.resume(copy, session.resumed_config(copy, ["train.updates=+10"]), ignore)
    assert directory.status(copy) == "stopped"
    found = session.resume(copy, session.resumed_config(copy, []), ignore)
    assert found["updates"] == done + 10
    again = session.resume(copy, session.resumed_config(copy, ["train.updates=+10"]), ignore)
    assert again["updates"] == done + 20


def test_only_a_few_keys_may_change_on_resume(finished: directory.Run) -> None:
    with pytest.raises(InvrlError, match=r"ds\.learning_rate"):
        session.resumed_config(finished, ["ds.learning_rate=1"])


def test_evaluation_repeats_the_number_of_training_time(finished: directory.Run) -> None:
    results = finished.read("results.json")["splits"]["test"]["policies"]["ds/both"]
    (row,) = evaluation.evaluate(finished, "test", None, None)
    assert row["stockout rate (%)"] == pytest.approx(100 * results["stockout_rate"][0], rel=1e-6)
    assert row["turnover time (days)"] == pytest.approx(results["turnover_time"][0], rel=1e-6)


def test_evaluation_on_other_data(finished: directory.Run) -> None:
    config = evaluation.elsewhere(finished.config, ["data.options.pairs=30", "evaluation.bootstrap=9"])
    row, incumbent = evaluation.evaluate(finished, "test", None, None, config)
    assert row["n"] == incumbent["n"] == 30
    assert incumbent["run"] == "incumbent" and "±" in incumbent["vs it (%)"]
    difference = row["turnover time (days)"] - incumbent["turnover time (days)"]
    assert float(incumbent["vs it TT"].partition("±")[0]) == pytest.approx(difference, abs=0.006)
    with pytest.raises(InvrlError, match=r"network\.hidden"):
        evaluation.elsewhere(finished.config, ["network.hidden=[9]"])


def test_a_stranger_can_recompute_the_measures_from_the_trace(
    finished: directory.Run, tmp_path: Path
) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    file = tmp_path / "days.parquet"
    (row,) = evaluation.evaluate(finished, "test", None, file)
    table = parquet.read_table(file)
    days = {name: table[name].to_numpy() for name in table.column_names}
    measured = days["measured"]
    pair = np.unique(
        np.char.add(days["sku"].astype(str), days["warehouse"].astype(str)), return_inverse=True
    )[1]
    count = np.bincount(pair[measured])
    rate = np.bincount(pair[measured], days["inventory"][measured] <= 0) / count
    assert 100 * rate.mean() == pytest.approx(row["stockout rate (%)"], rel=1e-6)
    stock = np.bincount(pair[measured], days["inventory"][measured])
    sold = np.bincount(pair[measured], days["sales"][measured])
    with np.errstate(divide="ignore", invalid="ignore"):
        turnover = np.where(sold > 0, stock / sold, np.where(stock > 0, np.inf, 0))
    assert np.minimum(turnover, 365).mean() == pytest.approx(row["turnover time (days)"], rel=1e-4)
    # the books balance: what was there, plus what was ordered, less what was sold
    same = pair[1:] == pair[:-1]
    position = days["inventory_position"] + days["order"] - days["sales"]
    np.testing.assert_allclose(
        position[:-1][same], days["inventory_position"][1:][same], rtol=1e-4, atol=1e-3
    )


def test_compare_is_paired_and_its_reference_is_zero(finished: directory.Run, tmp_path: Path) -> None:
    folder = tmp_path / "study"
    shutil.copytree(finished.path, folder / finished.name)
    for reg in ("base", "none"):
        experiment, run = begin(folder, reg=reg)
        session.train(experiment, run, ignore)
    result = comparison.compare(directory.below(folder), "ds/base", "test", 100)
    payload = json.loads(json.dumps(comparison.payload(result)))
    cells = {(c["algo"], c["reg"]): c for c in payload["cells"]}
    assert set(cells) == {("ds", "none"), ("ds", "base"), ("ds", "both"), ("incumbent", None)}
    assert cells["ds", "base"]["stockout_rate_delta"] is None
    both, base = cells["ds", "both"], cells["ds", "base"]
    assert both["turnover_time_delta"] == pytest.approx(both["turnover_time"] - base["turnover_time"])
    low, high = both["turnover_time_delta_ci"]
    assert low <= both["turnover_time_delta"] <= high


@pytest.mark.slow
def test_runs_on_other_data_are_not_compared(finished: directory.Run, tmp_path: Path) -> None:
    experiment, other = begin(tmp_path, "data.options.seed=4")
    session.train(experiment, other, ignore)
    with pytest.raises(InvrlError, match="not run on the same data"):
        comparison.compare([finished, other], None, "test", 10)


def test_an_incumbent_is_trained_like_any_policy(tmp_path: Path) -> None:
    experiment, run = begin(tmp_path, algo="s_S")
    session.train(experiment, run, ignore)
    (row,) = evaluation.evaluate(run, "test", None, None)
    stored = run.read("results.json")["splits"]["test"]["policies"]["s_S"]["stockout_rate"][0]
    assert row["stockout rate (%)"] == pytest.approx(100 * stored, rel=1e-6)


@pytest.mark.parametrize("by", ["pairs", "both"])
def test_numbers_per_pair_need_pairs_that_train(by: str) -> None:
    words = [*SMALL, "baseline.per_pair=true", f"split.by={by}"]
    with pytest.raises(InvrlError, match=f"with split.by={by} other pairs train than test"):
        session.load_experiment(reading.load(None, words))


def test_a_checkpoint_of_another_form_is_refused(finished: directory.Run, tmp_path: Path) -> None:
    _, run = begin(tmp_path, reg="none")
    shutil.copy(finished.best, run.best)
    with pytest.raises(InvrlError, match="does not match this configuration"):
        evaluation.evaluate(run, "test", None, None)


def test_divergence_ends_with_code_3_and_the_last_checkpoint_whole(tmp_path: Path) -> None:
    experiment, run = begin(tmp_path, "algo=ppo", "ppo.learning_rate=1e30")
    with pytest.raises(InvrlError, match="diverged") as caught:
        session.train(experiment, run, ignore)
    assert caught.value.exit_code == 3
    assert not (run.path / "results.json").exists()
