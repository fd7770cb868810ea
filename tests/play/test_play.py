"""Playing forward: the simulator's own numbers, the same orders whatever comes later, clear refusals."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from invrl import play
from invrl.cli import console, main
from invrl.config import reading
from invrl.errors import InvrlError
from invrl.recommend.recorded import recorded
from invrl.runs.directory import Run
from invrl.training import evaluation, session

pytest.importorskip("pyarrow")

PAIRS, WEEKS, LATER = 5, 40, 6
WORDS = (
    "supply.lead_time=2", "supply.review_period=1", "supply.pack_size=1", "split.history_days=8",
    "split.warmup_days=4", "split.validation_days=8", "split.test_days=8", "objective.kind=cost",
    "objective.per=unit", "objective.penalty=1", "objective.holding=0.2", "evaluation.bootstrap=20",
    "baseline.forecast=mean", "baseline.distribution=normal", "baseline.beside=[]", "data.source=file",
)  # fmt: skip
DEMAND = np.random.default_rng(3).poisson(4, (WEEKS + LATER, PAIRS))
START = np.datetime64("2024-01-01")


def write_weeks(path: Path, weeks: slice, pairs: range = range(PAIRS)) -> Path:
    rows = [
        f"{START + 7 * t},S{i},{DEMAND[t, i]}" for t in range(WEEKS + LATER)[weeks] for i in reversed(pairs)
    ]
    path.write_text("\n".join(["date,sku,demand", *rows]) + "\n")
    return path


def write_state(path: Path, rows: list[str]) -> Path:
    path.write_text("\n".join(["sku,on_hand,due_in_1,due_in_2", *rows]) + "\n")
    return path


@pytest.fixture(scope="module")
def shop(tmp_path_factory: Any) -> tuple[Path, Run]:
    folder = tmp_path_factory.mktemp("play")
    data = write_weeks(folder / "weeks.csv", slice(0, WEEKS))
    config = reading.load(None, [*WORDS, f"data.path={data}"], algo="incumbent")
    experiment = session.load_experiment(config)
    run = session.begin(experiment, folder, "run")
    session.train(experiment, run, lambda loop, metrics: None)
    write_weeks(folder / "later.csv", slice(WEEKS, None))
    write_state(folder / "state.csv", [f"S{i},{3 + i},{i},{2 * i}" for i in range(PAIRS)])
    return folder, run


def by_hand(orders: np.ndarray, last: int) -> tuple[np.ndarray, float]:
    """Cost of the weeks that an order can reach, of orders [T, N] placed in weeks 1..last."""
    i = np.arange(PAIRS)
    on_hand, due, costs = 3 + i + i, [2 * i], []
    for t in range(LATER):
        due.append(orders[t])
        demand = DEMAND[WEEKS + t]
        sold = np.minimum(on_hand, demand)
        costs.append(0.2 * (on_hand - sold) + 1.0 * (demand - sold))
        on_hand = on_hand - sold + due.pop(0)
    return np.array(costs), float(np.sum(costs[2:]))


def test_the_game_is_the_simulator_recomputed_by_hand(shop: Any) -> None:
    folder, run = shop
    request = play.Request(folder / "later.csv", folder / "state.csv", orders=(1, 4))
    played = play.play([run], request)
    rows = played.rows[run.name]
    orders = rows["order"].reshape(PAIRS, -1).T
    assert (orders == np.round(orders)).all() and orders[:4].sum() > 0 and orders[4:].sum() == 0
    costs, total = by_hand(orders, 4)
    assert played.total(run.name) == pytest.approx(total, rel=1e-5)
    assert np.allclose(played.by_period(run.name)[2:-1], costs[2:].sum(1), rtol=1e-5)
    assert played.counted.tolist() == [False, False, True, True, True, True, False]
    assert str(played.dates[-1]) == str(START + 7 * (WEEKS + LATER))


def test_orders_do_not_change_when_more_weeks_are_known(shop: Any) -> None:
    folder, run = shop
    known = []
    for weeks in (1, 3, LATER):
        sales = write_weeks(folder / f"later{weeks}.csv", slice(WEEKS, WEEKS + weeks))
        played = play.play([run], play.Request(sales, folder / "state.csv"))
        known.append(played.rows[run.name]["order"].reshape(PAIRS, -1))
    now = play.play([run], play.Request(None, folder / "state.csv")).rows[run.name]["order"]
    for few, weeks in ((now.reshape(PAIRS, 1), 0), (known[0], 1), (known[1], 3)):
        assert np.array_equal(few, known[2][:, : weeks + 1])


@pytest.mark.parametrize(
    ("weeks", "pairs", "words"),
    [
        (slice(WEEKS + 2, None), range(PAIRS), "the data ends on"),
        (slice(0, WEEKS), range(PAIRS), "the data ends on"),
        (slice(WEEKS, None), range(PAIRS - 1), "has no row for `S4@main`"),
    ],
)
def test_sales_that_do_not_go_on_with_the_data(shop: Any, weeks: slice, pairs: range, words: str) -> None:
    folder, run = shop
    sales = write_weeks(folder / "wrong.csv", weeks, pairs)
    with pytest.raises(InvrlError, match=words):
        play.play([run], play.Request(sales, folder / "state.csv"))


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (["S0,1,0,0"], "only 1 of|no row for `S1@main` and 3 more"),
        ([f"S{i},1,0,0" for i in range(PAIRS)] + ["S9,1,0,0"], "`S9@main` is not in the data"),
        ([f"S{i},-1,0,0" for i in range(PAIRS)], "less than nothing"),
        ([f"S{i},1,0,-2" for i in range(PAIRS)], "due_in_2"),
        ([f"S{i},1,0,0" for i in range(PAIRS)] + ["S0,1,0,0"], "are both S0@main"),
    ],
)
def test_states_that_do_not_fit(shop: Any, rows: list[str], words: str) -> None:
    folder, run = shop
    state = write_state(folder / "wrong_state.csv", rows)
    with pytest.raises(InvrlError, match=words):
        play.play([run], play.Request(folder / "later.csv", state))


def test_a_part_of_the_data_begins_with_recorded_stock(shop: Any) -> None:
    """The same stock at the same week: evaluated on the last weeks, or played on them as later sales."""
    folder, run = shop
    whole = write_weeks(folder / "whole.csv", slice(0, None))
    config = evaluation.elsewhere(
        run.config,
        [
            f"data.path={whole}",
            f"split.test_days={LATER}",
            f"split.train_days={WEEKS - 16}",
            "split.validation_days=16",
        ],
    )
    header, *rows = (folder / "state.csv").read_text().split()
    dated = [f"date,{header}", *(f"{START + 7 * WEEKS},{row}" for row in rows)]  # of the part's first week
    (folder / "dated.csv").write_text("\n".join(dated) + "\n")
    stock = partial(recorded, folder / "dated.csv", {})
    (row, *_) = evaluation.evaluate(run, "test", None, None, config, True, stock)
    played = play.play([run], play.Request(folder / "later.csv", folder / "state.csv"))
    measured = PAIRS * (LATER - 2)
    assert row["objective"] == pytest.approx(played.total(run.name) / measured, rel=1e-5)


def test_a_comparison_speaks_of_weeks(shop: Any, monkeypatch: Any, capsys: Any) -> None:
    _, run = shop
    monkeypatch.setattr("sys.argv", ["invrl", "compare", str(run.path), "--bootstrap", "20"])
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr(console, "_STEP", ["day"])
    with pytest.raises(SystemExit) as stop:
        main()
    shown = capsys.readouterr().out
    assert not stop.value.code and "turnover w" in shown and "turnover d" not in shown
