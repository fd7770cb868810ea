"""`invrl recommend`, as typed; and what it says to inputs that are wrong."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("pyarrow")

import shop
from shop import TODAY

from invrl import registry
from invrl.cli import main
from invrl.sources.files import write_panel

GOOD = "sku,warehouse,on_hand,due_1,due_2\nS0,north,1,0,2\nS0,south,3,0,0\nS9,north,0,4,0\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A folder with one trained run."""
    path = tmp_path_factory.mktemp("shop")
    run, _ = shop.make_run(path, "reg=base")
    (path / "name").write_text(run.name)
    return path


@pytest.fixture
def recommend(invrl, monkeypatch, folder) -> Callable:
    """Runs `invrl recommend RUN --state state.csv ...` in that folder."""
    monkeypatch.chdir(folder)
    monkeypatch.setenv("COLUMNS", "200")

    def run(*words: str, state: str = GOOD, name: str = "state.csv"):
        Path(name).write_text(state)
        return invrl("recommend", Path("name").read_text(), "--state", name, *words)

    return run


def test_orders_and_a_summary(recommend, folder):
    typed = recommend("--out", "orders.csv", "--date", str(TODAY), "--json")
    assert typed.code == 0
    summary = json.loads(typed.out)
    found = shop.read(folder / "orders.csv")
    assert summary["pairs"] == 3 and summary["orders"] == (found["order"] > 0).sum()
    assert summary["units"] == pytest.approx(found["order"].sum())
    np.testing.assert_allclose(found["inventory_position"], [3, 3, 4])
    assert (
        "orders for 2024-02-20; demand from the panel (2024-01-01 to 2024-03-15); 3 of 3 pairs" in typed.err
    )
    assert "3 pairs, 3 at a time: about 1 MB for the chunk" in typed.err
    again = recommend("--out", "orders.csv", "--date", str(TODAY))
    assert (again.code, again.err) == (
        2, "error: orders.csv exists already\n\nhint: nothing is overwritten: choose another name\n"
    )  # fmt: skip


def test_explain_prints_why(recommend):
    typed = recommend("--explain", "S9,north", "--date", str(TODAY))
    assert typed.code == 0
    assert typed.out.startswith("S9@north, 2024-02-20: order ")
    assert "0 on hand, 4 on order (4 in 1 day): inventory position 4" in typed.out
    assert "ds/base orders up to" in typed.out
    numbers = json.loads(recommend("--explain", "S9", "--date", str(TODAY), "--json").out)["explain"]
    assert numbers["order"] == pytest.approx(max(numbers["level"] - 4, 0), rel=1e-5)


PLUGIN = """
from invrl import registry
from invrl.policies.heads import Head, level, one, up_to
from invrl.projection import position

def both_rows(seen):
    return one(seen).repeat(2, 0)

halves = Head((0.5, 0.5), both_rows, up_to(position), level, coefficients=("left", "right"))
registry.register("head", "halves", halves)
"""


@pytest.mark.parametrize("reg", ["pil", "pil_coeff", "halves"])
def test_explain_knows_every_form(tmp_path, monkeypatch, capsys, reg):
    """Also one of the user's own: its level, what counts against it, and its coefficients by name."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(registry, "HEADS", dict(registry.HEADS))
    monkeypatch.setitem(registry.TABLES, "head", registry.HEADS)
    monkeypatch.setenv("COLUMNS", "200")
    Path("plugin.py").write_text(PLUGIN)
    if reg == "halves":
        registry.load_plugin("plugin.py")
    run, _ = shop.make_run(tmp_path, f"reg={reg}", "features.groups=")
    Path("state.csv").write_text(GOOD)
    words = [
        "recommend",
        str(run.path),
        "--state",
        "state.csv",
        "--explain",
        "S9,north",
        "--date",
        str(TODAY),
    ]
    monkeypatch.setattr(sys, "argv", ["invrl", *words, "--json"])
    with pytest.raises(SystemExit):
        main()
    found = json.loads(capsys.readouterr().out)["explain"]
    lost = found["expected_lost"] if reg != "halves" else 0.0
    assert reg == "halves" or lost > 0
    assert found["order"] == pytest.approx(max(found["level"] - 4 - lost, 0), rel=1e-4)
    text = "\n".join(found["text"])
    assert f"ds/{reg} orders up to" in text
    assert ("(sales expected to be lost before it arrives)" in text) == (reg != "halves")
    assert ("(short mean)" in text) == (reg == "pil_coeff") and ("(left)" in text) == (reg == "halves")


def one(column: str, value: str) -> str:
    """A state of one pair with a column more."""
    return f"sku,warehouse,on_hand,{column}\nS0,north,1,{value}\n"


@pytest.mark.parametrize(
    ("state", "words", "message", "hint"),
    [
        ("sku,warehouse,stock\nS0,north,1\n", (), "no column `on_hand`", "--column on_hand=NAME"),
        (
            GOOD.replace("S9,north,0", "S9,north,-2"),
            (),
            "line 4: `on_hand` is `-2`",
            "write 0, or train with supply.unmet=backlog",
        ),
        (GOOD.replace("S0,south,3", "S0,south,"), (), "line 3: `on_hand` is missing", "fill the cell"),
        (
            GOOD.replace("S0,south,3", "S0,south,x"),
            (),
            "line 3: `on_hand` is `x`, not a number",
            "decimal point",
        ),
        (GOOD.replace("S9,north", "S0,north"), (), "line 2 and line 4 are both S0@north", "one row per pair"),
        (GOOD.replace("due_2", "due_3"), (), "no column `due_2`, but `due_3`", "leave out no day"),
        (
            "sku,warehouse,on_hand,lead_time\nS0,north,1,9\n",
            (),
            "line 2: `lead_time` is `9`",
            "at most 5 days",
        ),
        ("sku,warehouse,on_hand,pipeline\nS0,north,1,9\n", (), "no column `due`", "`pipeline` units arrive"),
        (
            "sku,warehouse,on_hand,packsize\nS0,north,1,6\n",
            (),
            "`packsize`; is it `pack_size`?",
            "--column ",
        ),
        (
            "sku,warehouse,on_hand,max_ordr\nS0,north,1,6\n",
            (),
            "`max_ordr`; is it `max_order`?",
            "--column ",
        ),
        (
            "sku,warehouse,on_hand,on_order\nS0,north,1,6\n",
            (),
            "`on_order`; is it `pipeline`?",
            "--column ",
        ),
        ("sku,warehouse,on_hand\nS0 ,north,1\n", (), "line 2: `S0 @north` is not in the data, but", "spaces"),
        ("sku,warehouse,on_hand\ns1,North,1\n", (), "but `S1@north` is", "--new-pairs"),
        ("sku,warehouse,on_hand\nX1,north,1\nX2,north,1\n", (), "only 0 of 2 pairs are in the data", "--new"),
        ("sku,warehouse,on_hand,demand_1\nS0,north,1,9\n", (), "brings its own demand history", "--date"),
        (
            one("due", "2024-05-01").replace("due", "pipeline,due").replace("1,2024", "1,9,2024"),
            (),
            "`due` is `2024-05-01`, not a number",
            "not a date",
        ),
        (one("pack_size", "1e30"), (), "`pack_size` is `1e+30`", "at most 1e+15"),
        (one("mean_demand", "1e30"), (), "`mean_demand` is `1e+30`", "at most 1e+15"),
        (one("mean_demand", "0"), (), "`mean_demand` is `0`", "above 0"),
        (one("due_1", "1e30"), (), "`due_1` is `1e+30`", "at most 1e+15"),
        (one("due_1", "-1"), (), "`due_1` is `-1`", "at least 0"),
        (one("review", "2"), (), "`review` is `2`", "1 or 0"),
        (one("do_not_order", "0.5"), (), "`do_not_order` is `0.5`", "1 or 0"),
        (one("review_period", "100000"), (), "`review_period` is `100000`", "at most 1000 days"),
        (one("lead_time", "1.5"), (), "`lead_time` is `1.5`, not a whole number", "round it"),
        (one("max_order", "inf"), (), "`max_order` is `inf`", "leave the column out"),
        (GOOD.replace("S9,north,0", "S9,north,1e30"), (), "`on_hand` is `1e+30`", "at most 1e+15"),
        (GOOD.replace("S9,north", "nan,north"), (), "`sku` is `nan`, which stands for no name", "fill"),
        (GOOD.replace("S0,north,1", "S0,north,1.500").replace(",", ";"), (), "a thousand, or not?", "point"),
        (GOOD, ("--date", ""), "date `` is no day", "2024-06-26"),
        (GOOD, ("--date", "NaT"), "date `NaT` is no day", "2024-06-26"),
        (GOOD, ("--date", "2024-03-16 10:00"), "date `2024-03-16 10:00` is no day", "2024-06-26"),
        (GOOD, ("supply.pack_size=inf",), "inf is too large", "supply.pack_size=1"),
        (GOOD, ("supply.pack_size=nan",), "nan is not at least 0", "supply.pack_size=1"),
        (GOOD + "S7,north\n", (), "line 5: 2 cells, the header has 5", "mend or drop the line"),
        ("sku,warehouse,on_hand\n", (), "a header and no rows", "export it again"),
        (GOOD, ("--date", "2024-05-01"), "demand is known up to 2024-03-15", "--date 2024-03-16"),
        (GOOD, ("--date", "soon"), "date `soon` is no day", "2024-06-26"),
        (GOOD, ("--data", "none.csv"), "no file or source `none.csv`", "a path"),
        (GOOD, ("--column", "on_hand"), "`on_hand` is not OURS=THEIRS", "on_hand=stock"),
        (GOOD, ("supply.lead_time=2",), "`supply.lead_time` cannot change on the day", "supply.pack_size"),
        (GOOD, ("--ahead", "state.csv"), "no column `date`", "a row per day"),
        (GOOD, ("--explain", "S0"), "`S0` is in 2 warehouses", "S0,north"),
        (GOOD, ("--explain", "S0,nort"), "no pair `S0,nort` in the state", "did you mean `S0,north`?"),
    ],
)
def test_bad_inputs_get_one_sentence_and_leave_nothing(recommend, folder, state, words, message, hint):
    before = {path.name for path in folder.iterdir()} | {"state.csv"}
    typed = recommend("--out", "new.csv", *words, state=state)
    error, _, advice = typed.err.partition("\n\nhint: ")
    assert (typed.code, typed.out) == (2, "")
    assert message in error.splitlines()[-1] and error.splitlines()[-1].startswith("error: ")
    assert hint in advice
    assert {path.name for path in folder.iterdir()} == before


def test_receipts_overdue_or_postponed_are_moved_and_said(recommend, folder):
    columns = "sku,warehouse,on_hand,pipeline,due\n"
    rows = "S0,north,1,9,{}\nS1,north,1,9,{}\nS2,north,1,9,{}\n"
    found = {}
    for name, days in (("late", (0, -2, 60)), ("on_time", (1, 1, 5))):
        typed = recommend("--out", f"{name}.csv", "--date", str(TODAY), state=columns + rows.format(*days))
        assert typed.code == 0, typed.err
        found[name] = shop.read(folder / f"{name}.csv")
    for column in ("order", "inventory_position"):
        np.testing.assert_array_equal(found["late"][column], found["on_time"][column])
    assert all("moved_receipt" in flags for flags in found["late"]["flags"])
    assert not any("moved_receipt" in (flags or "") for flags in found["on_time"]["flags"])


def test_new_pairs_are_ordered_for_when_they_are_meant(recommend, folder):
    state = "sku,warehouse,on_hand,colour\nX1,north,1,red\ns0,north,1,blue\n"
    typed = recommend("--out", "meant.csv", "--date", str(TODAY), "--new-pairs", state=state)
    assert typed.code == 0 and "not read: colour" in typed.err


def test_data_with_longer_lead_times_than_the_policy_knows(recommend, folder):
    panel = shop.shop_panel()
    write_panel(replace(panel, lead_time=np.full(panel.pairs, 7)), folder / "slow.parquet")
    typed = recommend("--out", "new.csv", "--data", "slow.parquet")
    (folder / "slow.parquet").unlink()
    assert typed.code == 2 and "S0@north has a lead time of 7 days in the data" in typed.err
    assert not (folder / "new.csv").exists()


def test_a_run_that_is_not_trained(recommend, folder, monkeypatch):
    run, _ = shop.make_run(folder, "reg=none")
    run.best.unlink()
    (folder / "name").write_text(run.name)
    typed = recommend("--out", "new.csv")
    assert typed.code == 2 and f"{run.name} is not trained yet" in typed.err
    run.normaliser.unlink()
    assert "was never begun" in recommend("--out", "new.csv").err
