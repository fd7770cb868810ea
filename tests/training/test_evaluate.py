"""A finished run on its own data, on data that changed, and on other data; as typed."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from builders import SMALL

from invrl.cli import app
from invrl.config import reading
from invrl.errors import InvrlError
from invrl.runs.directory import Run
from invrl.training import session

pytest.importorskip("pyarrow")


def write_sales(path: Path, pairs: int, factor: int = 1) -> Path:
    rng = np.random.default_rng(pairs)
    days = np.datetime64("2024-01-01") + np.arange(70)
    rows = [f"{day},S{s},W,{factor * rng.poisson(3)}" for day in days for s in range(pairs)]
    path.write_text("\n".join(["date,sku,warehouse,demand", *rows]) + "\n", encoding="utf-8")
    return path


def incumbent(folder: Path, data: Path, *words: str) -> Run:
    """An incumbent tuned on a file, another beside it."""
    plain = [word for word in SMALL if not word.startswith("data.")]
    beside = "baseline.beside=['capped_base_stock']"
    config = reading.load(
        None, [*plain, "data.source=file", f"data.path={data}", beside, *words], algo="incumbent"
    )
    experiment = session.load_experiment(config)
    run = session.begin(experiment, folder, "run")
    session.train(experiment, run, lambda loop, metrics: None)
    return run


def typed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: Any) -> Any:
    monkeypatch.setattr(sys, "argv", ["invrl", *map(str, words), "--json"])
    app(standalone_mode=False)
    return json.loads(capsys.readouterr().out)


@pytest.mark.slow
def test_evaluate_as_typed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Own data; other data; two runs in one command; data that changed."""
    monkeypatch.chdir(tmp_path)
    data, other = write_sales(tmp_path / "a.csv", 6), write_sales(tmp_path / "b.csv", 9)
    first = incumbent(tmp_path / "runs", data)
    second = incumbent(tmp_path / "runs", data, "objective.turnover_weight=0")

    def evaluate(*words: Any) -> Any:
        return typed(monkeypatch, capsys, "evaluate", *words)

    (own,) = evaluate(first.path)
    stored = first.read("results.json")["splits"]["test"]["policies"]["incumbent"]["objective"][0]
    assert own["objective"] == pytest.approx(stored, rel=1e-5)
    there, beside = evaluate(first.path, "--data", other)
    assert there["n"] == beside["n"] == 9 and beside["run"] == "capped_base_stock"
    difference = there["turnover time (days)"] - beside["turnover time (days)"]
    assert float(beside["vs it TT"].partition("±")[0]) == pytest.approx(difference, abs=0.006)
    rows = evaluate(first.path, second.path, first.path, "--trace", "t.csv")  # the same run twice is one
    assert len(rows) == 2 and sorted(p.name for p in tmp_path.glob("t*")) == sorted(
        f"t-{run.name}.csv" for run in (first, second)
    )
    with pytest.raises(InvrlError, match="exists already"):
        evaluate(first.path, second.path, "--trace", "t.csv")
    write_sales(data, 6, factor=10)
    with pytest.raises(InvrlError, match="changed since it ended"):
        evaluate(first.path)
    assert evaluate(first.path, "--data", data)[0]["n"] == 6


def test_an_incumbent_tuned_pair_by_pair_stays_at_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As many other pairs: its numbers would fit by shape alone."""
    run = incumbent(tmp_path, write_sales(tmp_path / "a.csv", 6), "baseline.per_pair=true")
    other = write_sales(tmp_path / "b.csv", 6, factor=3)
    with pytest.raises(InvrlError, match="pair by pair"):
        typed(monkeypatch, capsys, "evaluate", run.path, "--data", other)
