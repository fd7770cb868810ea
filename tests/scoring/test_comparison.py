"""Figures side by side share one objective; a cell is picked by the rule that kept its checkpoint."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from builders import SMALL

from invrl.config import reading
from invrl.config.schema import Objective
from invrl.config.toml import to_toml
from invrl.errors import InvrlError
from invrl.metrics import Totals, measures, repriced
from invrl.runs import directory, strict
from invrl.runs.directory import Run
from invrl.scoring import comparison, objectives
from invrl.scoring.intervals import interval, seeds_resampled

OBJECTIVES = [
    Objective(),
    Objective(stockout_weight=3.0, turnover_weight=0.0),
    Objective(kind="cost", penalty=2.0, holding=0.5),
    Objective(kind="cost", per="unit"),
]


def some_measures(objective: Objective, seed: int = 0, pairs: int = 20) -> tuple[dict, np.ndarray]:
    rng = np.random.default_rng(seed)
    sums = Totals(np.full(pairs, 30.0), *rng.uniform(1, 30, (9, pairs)))
    scale = np.random.default_rng(9).uniform(0.5, 20, pairs)
    return measures(sums, scale, objective, 365), scale


@pytest.mark.parametrize("there", OBJECTIVES)
@pytest.mark.parametrize("here", OBJECTIVES)
def test_measures_scored_again_are_those_scored_so_at_first(here: Objective, there: Objective) -> None:
    found, scale = some_measures(here)
    expected, _ = some_measures(there)
    again = repriced(found, scale, there)
    assert all(np.array_equal(again[m], expected[m]) for m in expected)


def make_run(
    path: Path, *words: str, measured: int = 0, price: float = 30.0, kept: bool = True, beside: int = 5
) -> Run:
    """A finished run, its measures drawn by `measured`; an incumbent beside it drawn by `beside`."""
    config = reading.load(None, [*SMALL, *words], algo="ds", reg="base")
    run = Run(path)
    path.mkdir(parents=True)
    (path / "config.toml").write_text(to_toml(config), encoding="utf-8")
    run.write("manifest.json", {"data_fingerprint": "x"})
    objective = objectives.priced_for(config, price)
    splits = {}
    for split in ("validation", "test"):
        policies = {
            name: some_measures(objective, s) for name, s in (("ds/base", measured), ("incumbent", beside))
        }
        means = {
            n: {m: [float(v.mean())] * 3 for m, v in values.items()} for n, (values, _) in policies.items()
        }
        splits[split] = {"pairs": 20, "demand": "known", "policies": means}
        arrays = {f"{n}:{m}": np.float32(v) for n, (values, _) in policies.items() for m, v in values.items()}
        scale = {"scale": policies["ds/base"][1]} if kept else {}
        same = {"pair": np.arange(20), "weight": np.ones(20, np.float32), "cluster": np.arange(20)}
        run.save_pairs(split, same | scale | arrays)
    run.write(
        "results.json",
        {
            "algo": "ds", "reg": "base", "seed": config.seed, "data_fingerprint": "x", "policy": "ds/base",
            "stockout_price": price, "splits": splits,
        },
    )  # fmt: skip
    return run


def cell(result: comparison.Comparison, name: str) -> comparison.Cell:
    return next(one for one in result.cells if one.name == name)


@pytest.mark.parametrize(
    "word", ["objective.stockout_weight=80", "objective.kind=cost", "objective.target_stockout=0.1"]
)
def test_runs_of_different_objectives_are_refused(tmp_path: Path, word: str) -> None:
    runs = [make_run(tmp_path / "a"), make_run(tmp_path / "b", word)]
    with pytest.raises(InvrlError, match="different objectives") as caught:
        comparison.compare(runs, None, "test", 0)
    assert (
        caught.value.hint
        and f"--objective {word.removeprefix('objective.').partition('=')[0]}=" in caught.value.hint
    )


@pytest.mark.parametrize("kept", [True, False])
def test_runs_are_scored_again_under_the_objective_that_is_asked_for(tmp_path: Path, kept: bool) -> None:
    """Neither the order of the runs nor what they were trained for decides."""
    weights = (1.0, 80.0)
    runs = [
        make_run(tmp_path / f"{k}", f"objective.stockout_weight={w}", measured=k, kept=kept, beside=7 + k)
        for k, w in enumerate(weights)
    ]
    asked = Objective(stockout_weight=50.0)
    scores = [some_measures(asked, k)[0]["objective"].mean() for k in range(2)]
    beside = [some_measures(asked, 7 + k)[0]["objective"].mean() for k in range(2)]
    for found in (runs, runs[::-1]):
        result = comparison.compare(found, None, "test", 20, ["stockout_weight=50"])
        assert cell(result, "ds/base").means["objective"].mean == pytest.approx(min(scores), rel=1e-5)
        assert cell(result, "incumbent").means["objective"].mean == pytest.approx(min(beside), rel=1e-5)
        assert cell(result, "incumbent").trials == 2  # tuned at two prices
        assert "50 x stockout rate" in objectives.said(result.objective)
        payload = json.loads(strict.text(comparison.payload(result)))
        assert payload["objective"]["stockout_weight"] == 50


def test_a_word_that_is_no_price_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvrlError, match="no key `stokout_weight`"):
        comparison.compare([make_run(tmp_path / "a")], None, "test", 0, ["stokout_weight=3"])


def test_with_a_target_the_pick_is_by_turnover_subject_to_it(tmp_path: Path) -> None:
    words = ("objective.target_stockout=0.5",)
    runs = [make_run(tmp_path / f"{k}", *words, f"ds.learning_rate={k + 1}e-4", measured=k) for k in range(6)]
    result = comparison.compare(runs, None, "test", 0)

    def score(seed: int) -> float:
        values, _ = some_measures(Objective(), seed)
        return values["turnover_time"].mean() + 1000 * max(values["stockout_rate"].mean() - 0.5, 0)

    assert cell(result, "ds/base").runs == (str(min(range(6), key=score)),)
    assert "at most 50.00%" in objectives.said(result.objective)


def test_with_a_target_all_are_priced_alike(tmp_path: Path) -> None:
    """Training came to 10, 20 and 90: the figures are at 20, whatever the config's price."""
    words = ("objective.target_stockout=0.5", "objective.stockout_weight=7")
    runs = [make_run(tmp_path / f"{p}", *words, f"seed={p}", price=p) for p in (10, 20, 90)]
    found = cell(comparison.compare(runs, None, "test", 0), "ds/base")
    expected = some_measures(Objective(stockout_weight=20.0))[0]["objective"].mean()
    assert found.means["objective"].mean == pytest.approx(expected, rel=1e-5)


def test_a_run_named_twice_counts_once(tmp_path: Path) -> None:
    run = make_run(tmp_path / "a")
    again = directory.Run(tmp_path / "." / "b" / ".." / "a")
    (tmp_path / "b").mkdir()
    assert cell(comparison.compare([run, again, run], None, "test", 0), "ds/base").runs == ("a",)


def test_without_prices_or_resamples_nothing_breaks(tmp_path: Path) -> None:
    words = ("objective.turnover_weight=0", "objective.stockout_weight=0")
    runs = [make_run(tmp_path / f"{k}", *words, measured=k) for k in range(2)]
    result = comparison.compare(runs, "incumbent", "test", 0)
    texts = repr([comparison.absolute_rows(result), comparison.grid_rows(result)])
    assert "*" not in texts and "nan" not in texts


def test_several_seeds_widen_the_interval() -> None:
    """Two seeds 1 apart on constant pairs: all the doubt is between seeds."""
    values = np.repeat([[0.0], [1.0]], 30, axis=1)
    args = (np.ones(30), np.arange(30), 400, "ds/base")
    whole = interval(seeds_resampled(values, *args))
    assert (whole.mean, whole.low, whole.high) == pytest.approx((0.5, 0.0, 1.0))
    alone = interval(seeds_resampled(values[:1], *args))
    assert alone.low == alone.high == 0.0


def test_copies_of_a_directory_are_two_runs(tmp_path: Path) -> None:
    """Only the same directory is the same run."""
    run = make_run(tmp_path / "a")
    shutil.copytree(run.path, tmp_path / "b")
    assert len(cell(comparison.compare([run, Run(tmp_path / "b")], None, "test", 0), "ds/base").runs) == 2
