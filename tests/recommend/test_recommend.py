"""Orders of the day: those of the simulator in the same state, limits, new pairs, files."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("pyarrow")

import pyarrow as pa
import shop
from shop import COMING, DAYS, NOW, TODAY

from invrl import recommend
from invrl.demand.scale import scale_of
from invrl.errors import InvrlError
from invrl.recommend import Request, daily, orders
from invrl.sources.files import write_panel
from invrl.tables import chunks


@pytest.fixture(scope="module")
def setting(tmp_path_factory):
    """(folder, run, experiment, today's states): two review periods, orders up to a level by coefficients."""
    folder = tmp_path_factory.mktemp("shop")
    run, experiment = shop.make_run(folder, "reg=both", "supply.review_period=2,3")
    return folder, run, experiment, shop.states(run, experiment)


DESKS: dict[Path, orders.Desk] = {}


def prepared(run, path: Path, **fields) -> daily.Job:
    """A job; those of a run share one desk, so that its functions compile once."""
    job = recommend.prepare(run, Request(path, **{"date": str(TODAY), **fields}))
    return job._replace(desk=DESKS.setdefault(run.path, job.desk))


def order(run, path: Path, out: Path, **fields) -> dict[str, np.ndarray]:
    """The written orders."""
    recommend.recommend(prepared(run, path, **fields), out)
    return shop.read(out)


def check_orders(run, experiment, folder: Path, suffix: str) -> dict[str, np.ndarray]:
    now = shop.states(run, experiment)
    assert 3 < len(now["sku"]) < experiment.panel.pairs  # some pairs are not reviewed that day
    assert (now["order"] > 0).any()
    found = order(run, shop.write(folder / f"state{suffix}", now), folder / f"orders{suffix}")
    np.testing.assert_allclose(found["order"], now["order"], rtol=1e-4, atol=1e-4)
    assert list(found["sku"]) == list(now["sku"])
    return found


def test_orders_are_those_of_the_simulator(setting, tmp_path):
    _, run, experiment, _ = setting
    check_orders(run, experiment, tmp_path, ".parquet")


@pytest.mark.parametrize(
    "words",
    [
        ("reg=base", "features.level=mean", "supply.max_order=2"),
        ("reg=coeff", "supply.pack_size=3", "supply.min_order=5", "features.groups="),
        ("reg=pil",),
        ("reg=pil_coeff", "features.level=mean"),
        ("reg=none", "supply.max_position=12", "supply.unmet=backlog", "supply.initial_days=0"),
    ],
)
def test_orders_of_other_forms_are_those_of_the_simulator(tmp_path, words):
    check_orders(*shop.make_run(tmp_path, *words), tmp_path, ".parquet")


@pytest.mark.parametrize(
    ("name", "per_pair", "has_level"),
    [("incumbent", "true", True), ("projected_level", "true", True), ("capped_base_stock", "false", False)],
)
def test_orders_of_incumbents_are_those_of_the_simulator(tmp_path, name, per_pair, has_level):
    run, experiment = shop.make_run(tmp_path, f"algo={name}", f"baseline.per_pair={per_pair}")
    found = check_orders(run, experiment, tmp_path, ".csv")
    assert ("level" in found) == has_level


def test_history_in_the_state_gives_the_same_orders_as_the_panel(setting, tmp_path):
    _, run, experiment, now = setting
    for k in range(1, 29):
        now = now | {f"demand_{k}": experiment.panel.demand[NOW - k, now["pair"]]}
    found = order(run, shop.write(tmp_path / "state.csv", now), tmp_path / "orders.parquet")
    np.testing.assert_allclose(found["order"], now["order"], rtol=1e-4, atol=1e-4)


def test_coming_days_from_files_give_the_same_orders_as_the_panel(setting, tmp_path):
    """The panel ends yesterday; a calendar, a promotion plan and the moments of the run say the rest."""
    _, run, experiment, now = setting
    panel, pairs = experiment.panel, now["pair"]
    write_panel(cut_after_yesterday(shop.shop_panel()), tmp_path / "until-yesterday.parquet")
    coming = panel.dates[NOW : NOW + COMING]
    calendar = {"date": coming, "holiday": panel.ahead["holiday"][NOW : NOW + COMING, 0]}
    plan = {
        "date": np.tile(coming, len(pairs)),
        "promo": panel.ahead["promo"][NOW:, pairs][:COMING].T.ravel(),
    }
    plan |= {name: np.repeat(getattr(panel, name)[pairs], COMING) for name in ("sku", "warehouse")}
    scale, spread = scale_of(panel, experiment.training_days)
    own = {"mean_demand": scale[pairs], "sd_demand": spread[pairs], "lead_time": panel.lead_time[pairs]}
    own |= {"review_period": panel.review_period[pairs]}
    path = shop.write(tmp_path / "state.parquet", now | own)
    fields = {
        "data": lambda data: replace(data, path=str(tmp_path / "until-yesterday.parquet")),
        "ahead": [
            shop.write(tmp_path / "calendar.csv", calendar),
            shop.write(tmp_path / "plan.parquet", plan),
        ],
    }
    found = order(run, path, tmp_path / "orders.parquet", **fields)
    np.testing.assert_allclose(found["order"], now["order"], rtol=1e-4, atol=1e-4)
    assert set(found["flags"]) == {""}
    bare = order(run, path, tmp_path / "bare.parquet", **{**fields, "ahead": ()})
    assert all("missing_ahead" in flags for flags in bare["flags"])
    assert np.abs(bare["order"] - now["order"]).max() > 0.1
    wide = {f"{name}_{k}": panel.ahead[name][NOW + k, pairs] for name in panel.ahead for k in range(COMING)}
    path = shop.write(tmp_path / "wide.parquet", now | own | wide)
    found = order(run, path, tmp_path / "again.parquet", **{**fields, "ahead": ()})
    np.testing.assert_allclose(found["order"], now["order"], rtol=1e-4, atol=1e-4)


def cut_after_yesterday(panel):
    ahead = {name: column[:NOW] for name, column in panel.ahead.items()}
    return replace(panel, demand=panel.demand[:NOW], ahead=ahead)


def test_data_that_brings_its_own_features(tmp_path):
    panel = shop.shop_panel()
    regressors = np.random.default_rng(0).uniform(1, 9, (DAYS, 4, panel.pairs)).astype(np.float32)
    run, experiment = shop.make_run(tmp_path, panel=replace(panel, regressors=regressors))
    now = shop.states(run, experiment)
    path = shop.write(tmp_path / "state.parquet", now)
    found = order(run, path, tmp_path / "orders.parquet")
    np.testing.assert_allclose(found["order"], now["order"], rtol=1e-4, atol=1e-4)
    tomorrow = str(panel.start + DAYS)
    with pytest.raises(InvrlError, match="brings its own demand features"):
        order(run, path, tmp_path / "none.parquet", date=tomorrow)
    own = {f"regressor_{k + 1}": regressors[NOW, k, now["pair"]] for k in range(4)}
    order(
        run, shop.write(tmp_path / "own.parquet", now | own), tmp_path / "own-orders.parquet", date=tomorrow
    )


def test_a_row_of_numbers_says_what_is_behind_the_order(setting, tmp_path):
    _, run, experiment, now = setting
    found = order(run, shop.write(tmp_path / "state.parquet", now), tmp_path / "orders.parquet")
    position = now["on_hand"] + sum(now[f"due_{k}"] for k in range(1, 6))
    np.testing.assert_allclose(found["inventory_position"], position, rtol=1e-5)
    np.testing.assert_allclose(found["order"], np.maximum(found["level"] - position, 0), rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(
        found["days_of_cover"], (position + found["order"]) / found["expected_demand"], rtol=1e-5
    )
    ahead = experiment.panel.lead_time[now["pair"]] + experiment.panel.review_period[now["pair"]]
    row = int(np.argmax((ahead >= 4) & (ahead <= 7)))
    pair = now["pair"][row]
    last = [experiment.panel.demand[NOW - 7 * k : NOW + 8 - 7 * k, pair] for k in range(1, 5)]
    days = ahead[row]
    assert 4 <= days <= 7  # its expected demand is the mean of the same weekdays of the last four weeks
    assert found["expected_demand"][row] == pytest.approx(
        np.mean([week[:days].mean() for week in last]), rel=1e-5
    )
    assert [name for name in found if name.startswith("coef_")] == [f"coef_{k}" for k in range(1, 6)]


def test_limits_of_each_row(setting, tmp_path):
    _, run, _, now = setting
    now = {name: np.repeat(column[:1], 7) for name, column in now.items()}
    now |= {"sku": np.array([f"N{i}" for i in range(7)]), "on_hand": np.zeros(7, np.float32)}
    now |= {f"due_{k}": np.zeros(7, np.float32) for k in range(1, 6)}
    demand = {f"demand_{k}": np.full(7, 10.0) for k in range(1, 29)}
    limits = {
        "pack_size": pa.array([None, 4.0, 15.0, None, 4.0, None, None]),
        "min_order": pa.array([None, None, None, 500.0, None, None, None]),
        "max_order": pa.array([None, None, None, None, 10.0, None, None]),
        "do_not_order": pa.array([None, None, None, None, None, True, False]),
        "review": [1, 1, 1, 1, 1, 1, 0],
        "lead_time": [1] * 7,
        "review_period": [2] * 7,
    }
    found = order(run, shop.write(tmp_path / "state.parquet", now | demand | limits), tmp_path / "orders.csv")
    free = found["order"][0]
    assert 10 < free < 100
    expected = [free, 4 * np.round(free / 4), 15 * np.round(free / 15), 0, 8, 0, 0]
    np.testing.assert_allclose(found["order"], expected, rtol=1e-5)
    flags = [set(words.split()) - {"new_pair", "missing_ahead", "missing_static"} for words in found["flags"]]
    fours, fifteens = ({"rounded"} if abs(x - free) > 0.5 else set() for x in expected[1:3])
    assert {"rounded"} in (fours, fifteens) and expected[2] > 0
    assert flags == [
        set(),
        fours,
        fifteens,
        {"below_minimum"},
        fours | {"capped"},
        {"do_not_order"},
        {"not_review_day"},
    ]


def test_new_pairs_get_what_stands_in_for_their_demand(setting, tmp_path):
    """S0 elsewhere: the mean of S0; a new SKU in the north: the north's median; else the panel's median."""
    _, run, experiment, _ = setting
    rows = {
        "sku": ["S0", "new", "new", "told", "S1"],
        "warehouse": ["west", "north", "west", "west", "north"],
        "on_hand": [0.0] * 5,
        "mean_demand": pa.array([None, None, None, 7.0, None]),
    }
    job = prepared(run, shop.write(tmp_path / "state.parquet", rows))
    state, facts, answer = next(job.answers())
    scale, _ = scale_of(experiment.panel, experiment.training_days)
    guesses = [scale[:2].mean(), np.median(scale[::2]), np.median(scale), 7.0, scale[2]]
    np.testing.assert_allclose(facts.scale, guesses, rtol=1e-5)
    np.testing.assert_allclose(facts.demand[:, :4], np.broadcast_to(facts.scale[:4], (28, 4)))
    np.testing.assert_allclose(answer.expected[:4], guesses[:4], rtol=1e-5)
    assert (answer.order > 0).all()
    flags = [set(words.split()) for words in daily.flag_words(orders.flags_of(facts, state, answer))]
    assert flags[0] == {"cold_start", "new_pair", "assumed_supply", "missing_ahead", "missing_static"}
    assert flags[4] == set()


def test_a_short_history_is_completed_by_its_own_mean(setting, tmp_path):
    _, run, _, _ = setting
    rows = {"sku": ["new"], "warehouse": ["west"], "on_hand": [0.0], "lead_time": [1], "review_period": [2]}
    rows |= {
        f"demand_{k}": pa.array([6.0 if k == 1 else 2.0 if k < 4 else None], pa.float32())
        for k in range(1, 29)
    }
    job = prepared(run, shop.write(tmp_path / "state.parquet", rows))
    state, facts, answer = next(job.answers())
    assert facts.scale[0] == pytest.approx(10 / 3)
    assert facts.spread[0] == pytest.approx(np.std([6, 2, 2]), rel=1e-5)
    np.testing.assert_allclose(facts.demand[:, 0], [10 / 3] * 25 + [2, 2, 6], rtol=1e-5)
    assert "short_history" in daily.flag_words(orders.flags_of(facts, state, answer))[0]


def test_chunks_and_steps_change_nothing(setting, tmp_path, monkeypatch):
    _, run, _, now = setting
    path = shop.write(tmp_path / "state.csv", now)
    whole = order(run, path, tmp_path / "whole.parquet")
    monkeypatch.setattr(daily, "CHUNK", 5)
    monkeypatch.setattr(chunks, "CSV_BLOCK", 256)
    monkeypatch.setattr(orders, "STEP", 2)
    monkeypatch.setattr(f"{__name__}.DESKS", {})
    pieces = order(run, path, tmp_path / "pieces.parquet")
    assert list(pieces) == list(whole)
    for name in whole:
        if whole[name].dtype.kind == "f":
            np.testing.assert_allclose(pieces[name], whole[name], rtol=1e-5, atol=1e-5)
        else:
            assert list(pieces[name]) == list(whole[name])


def test_an_error_in_a_late_chunk_names_its_line_and_leaves_no_file(setting, tmp_path, monkeypatch):
    _, run, _, now = setting
    monkeypatch.setattr(daily, "CHUNK", 3)
    monkeypatch.setattr(chunks, "CSV_BLOCK", 256)
    path = shop.write(tmp_path / "state.csv", now)
    lines = path.read_text().splitlines()
    cells = lines[8].split(",")
    lines[8] = ",".join([*cells[:2], "ten", *cells[3:]])
    path.write_text("\n".join(lines) + "\n")
    with pytest.raises(InvrlError, match=r"state.csv line 9: `on_hand` is `ten`, not a number"):
        order(run, path, tmp_path / "orders.parquet")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["state.csv"]


def test_explain_adds_up(setting, tmp_path):
    _, run, _, now = setting
    job = prepared(run, shop.write(tmp_path / "state.parquet", now))
    row = int(np.argmax(now["on_hand"] * (now["order"] > 0)))
    found = recommend.explain(job, f"{now['sku'][row]},{now['warehouse'][row]}")
    assert found["order"] == pytest.approx(float(now["order"][row]), rel=1e-4)
    assert found["what_if"]["as it is"] == pytest.approx(found["order"])
    assert found["what_if"]["nothing in stock or on order"] != pytest.approx(found["order"], rel=0.01)
    text = "\n".join(found["text"])
    for word in ("inventory position", "lead time", "demand rate", "orders up to", "days of expected demand"):
        assert word in text


def test_orders_have_no_unit(tmp_path):
    """A thousandth of everything is a thousandth of the order, for known pairs, new ones and dead ones."""
    found = []
    for unit in (1.0, 1e-3):
        folder = tmp_path / f"{unit:g}"
        folder.mkdir()
        panel = shop.shop_panel()
        run, _ = shop.make_run(folder, panel=replace(panel, demand=panel.demand * np.float32(unit)))
        names = {
            "sku": ["S0", "new", "newer"],
            "warehouse": ["north", "west", "west"],
            "lead_time": [1, 3, 3],
        }
        known = np.array([[3.0, 5.0, 0.0]]) * np.array([1, 0, 2, 4] * 7)[:, None] * unit
        rows = names | {"on_hand": [unit, 0.0, 0.0], "review_period": [3, 3, 3]}
        rows |= {f"demand_{k + 1}": known[k].astype(np.float32) for k in range(28)}
        found.append(order(run, shop.write(folder / "state.parquet", rows), folder / "orders.parquet"))
    assert (found[0]["order"][:2] > 0).all()
    np.testing.assert_allclose(1e3 * found[1]["order"], found[0]["order"], rtol=1e-3)
