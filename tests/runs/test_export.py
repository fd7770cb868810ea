"""Runs as one Parquet file: every pair of every run once, all curves in the same columns."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pyarrow import parquet

from invrl.config import reading
from invrl.errors import InvrlError
from invrl.runs import directory
from invrl.runs.directory import Run
from invrl.runs.export import export


def made(folder: Path, algo: str, seed: int, log: dict[str, float]) -> Run:
    config = reading.load(None, [f"seed={seed}"], algo=algo, reg="both")
    run = directory.create(folder, algo, config, {})
    for update in (20, 40):
        run.log({"update": update, **log})
    own = f"{algo}/both"
    numbers = np.arange(3, dtype=np.float32) + seed
    arrays = {"pair": np.arange(3), "weight": np.ones(3), "cluster": np.zeros(3, int), "scale": np.ones(3)}
    run.save_pairs("test", arrays | {f"{own}:objective": numbers, "incumbent:objective": numbers + 10})
    run.write("results.json", {"reg": "both", "policy": own})
    return run


@pytest.fixture
def found(tmp_path: Path) -> list[Run]:
    return [made(tmp_path, "ds", 0, {"loss": 1.0}), made(tmp_path, "ppo", 1, {"kl": 0.5})]


def test_every_pair_of_every_run_once(found: list[Run], tmp_path: Path) -> None:
    assert export(found, "pairs", "test", False, tmp_path / "pairs.parquet") == 6
    table = parquet.read_table(tmp_path / "pairs.parquet").to_pydict()
    assert table["run"] == [run.name for run in found for _ in range(3)]
    assert table["policy"] == ["ds/both"] * 3 + ["ppo/both"] * 3
    assert table["objective"] == [0, 1, 2, 1, 2, 3]


def test_incumbents_come_with_them_when_asked(found: list[Run], tmp_path: Path) -> None:
    assert export(found, "pairs", "test", True, tmp_path / "pairs.parquet") == 12


def test_curves_of_two_algorithms_share_columns(found: list[Run], tmp_path: Path) -> None:
    assert export(found, "log", "test", False, tmp_path / "log.parquet") == 4
    table = parquet.read_table(tmp_path / "log.parquet").to_pydict()
    assert table["update"] == [20, 40, 20, 40]
    assert table["loss"][:2] == [1, 1]
    assert np.isnan(table["loss"][2:]).all()


def test_runs_without_results_leave_no_file(found: list[Run], tmp_path: Path) -> None:
    with pytest.raises(InvrlError, match="no run has anything"):
        export([], "pairs", "test", False, tmp_path / "none.parquet")
    assert not (tmp_path / "none.parquet").exists()


def test_a_config_is_read_once(found: list[Run], monkeypatch: pytest.MonkeyPatch) -> None:
    """`compare` asks for it five times a run; of a thousand runs it took most of the time."""
    run = Run(found[0].path)
    first = run.config
    monkeypatch.setattr(reading, "read", lambda path: pytest.fail("read again"))
    assert run.config is first
