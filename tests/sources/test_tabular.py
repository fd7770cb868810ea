"""Panels from files: every layout gives the same panel, every mistake is named with its place."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from invrl.demand.panel import Panel
from invrl.errors import InvrlError
from invrl.sources.files import read_panel, write_panel

pa = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")

LONG = """date,sku,warehouse,demand,promo,city,price
2024-02-28,A,W1,3,0,Ulm,5
2024-02-29,A,W1,4,1,Ulm,5
2024-02-28,B,W2,0,1,Bonn,7
2024-02-29,B,W2,2.5,0,Bonn,7
"""
DEMAND = [[3, 0], [4, 2.5]]  # days down, pairs A@W1 and B@W2 across
KINDS = {"ahead": ["promo"], "static": ["city"]}


def make(folder: Path, text: str | bytes, name: str = "f.csv") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def rich_panel(lead_by_day: bool = False) -> Panel:
    """Every field of a panel filled; names with commas, quotes and accents; not sorted by name."""
    rng = np.random.default_rng(0)
    lead_time = np.array([3, 0, 2], np.int32)
    return Panel(
        demand=rng.gamma(1, 3, (5, 3)).astype(np.float32),
        sku=np.array(["b, large", 'a "x"', "é"]),
        warehouse=np.array(["W2", "W2", "W1"]),
        start=np.datetime64("2023-12-30", "D"),
        ahead={"promo": rng.random((5, 3), np.float32), "x": np.zeros((5, 3), np.float32)},
        after={"stockout_hours": rng.integers(0, 17, (5, 3)).astype(np.float32)},
        static={"margin": rng.random(3, np.float32), "city": np.array(["Ulm", "Bonn", "Ulm"])},
        regressors=rng.normal(0, 1, (5, 4, 3)).astype(np.float32),
        lead_time=lead_time + np.arange(5, dtype=np.int32)[:, None] if lead_by_day else lead_time,
        review_period=np.array([1, 2, 7], np.int32),
        first_review=np.array([0, 1, 6], np.int32),
        price=np.array([1.1, 2.2, 3.3], np.float32),
        weight=np.array([1, 0, 2.5], np.float32),
        initial_stock=np.array([0, 10, 0.1], np.float32),
        mean_demand=np.array([3, 0.1, 1e-3], np.float32),
        knowledge="censored",
        in_stock=np.array([[1, 0.5, 1]] * 5, np.float32),
        open=np.ones((5, 3), bool),
    )


def test_long_csv_by_hand(tmp_path):
    panel = read_panel(make(tmp_path, LONG), **KINDS, knowledge="censored")
    assert panel.demand.tolist() == DEMAND
    assert panel.demand.dtype == np.float32
    assert panel.demand.flags.c_contiguous
    assert panel.names.tolist() == ["A@W1", "B@W2"]
    assert panel.start == np.datetime64("2024-02-28")
    assert panel.ahead["promo"].tolist() == [[0, 1], [1, 0]]
    assert panel.static["city"].tolist() == ["Ulm", "Bonn"]
    assert panel.price.tolist() == [5, 7]
    assert panel.lead_time is None
    assert panel.knowledge == "censored"


@pytest.mark.parametrize("lead_by_day", [False, True])
@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_written_panels_come_back_equal(tmp_path, suffix, lead_by_day):
    panel, path = rich_panel(lead_by_day), tmp_path / f"panel.{suffix}"
    assert all(getattr(panel, field.name) is not None for field in dataclasses.fields(panel))
    write_panel(panel, path)
    told = {} if suffix == "parquet" else {"knowledge": panel.knowledge}
    if suffix == "csv":
        told |= {kind: list(getattr(panel, kind)) for kind in ("ahead", "after", "static")}
    again = read_panel(path, **told)
    assert again.names.tolist() == panel.names.tolist()
    assert again.fingerprint() == panel.fingerprint()
    assert list(tmp_path.iterdir()) == [path]  # and nothing beside it


def test_blocks_of_pairs_do_not_show_in_the_file(tmp_path, monkeypatch):
    monkeypatch.setattr("invrl.sources.files.BLOCK_ROWS", 5)  # one pair of five days at a time
    panel = rich_panel()
    write_panel(panel, tmp_path / "p.parquet")
    assert parquet.ParquetFile(tmp_path / "p.parquet").num_row_groups == 3
    assert read_panel(tmp_path / "p.parquet").fingerprint() == panel.fingerprint()


def test_arguments_add_to_the_notes_or_overrule_them(tmp_path):
    write_panel(rich_panel(), tmp_path / "p.parquet")
    panel = read_panel(tmp_path / "p.parquet", after=["promo"], ahead=["price"], knowledge="uncensored")
    assert list(panel.ahead) == ["price", "x"]
    assert list(panel.after) == ["promo", "stockout_hours"]
    assert panel.price is None
    assert panel.knowledge == "uncensored"


def test_row_order_does_not_matter(tmp_path):
    """Day by day, backwards or shuffled: pairs are sorted by SKU, then warehouse."""
    rng = np.random.default_rng(1)
    rows = [f"2024-01-{d:02d},{s},{w},{rng.integers(9)}" for s in "ABC" for w in "XY" for d in range(1, 8)]
    by_day = sorted(rows)
    shuffled = [rows[k] for k in rng.permutation(len(rows))]
    panels = []
    for lines in (rows, by_day, rows[::-1], shuffled):
        panels.append(read_panel(make(tmp_path, "\n".join(["date,sku,warehouse,demand", *lines]))))
    assert panels[0].names.tolist() == ["A@X", "A@Y", "B@X", "B@Y", "C@X", "C@Y"]
    assert len({panel.fingerprint() for panel in panels}) == 1


def test_pairs_keep_the_order_of_a_file_that_goes_pair_by_pair(tmp_path):
    header, *lines = LONG.splitlines()
    panel = read_panel(make(tmp_path, "\n".join([header, *lines[2:], *lines[:2]])))
    assert panel.names.tolist() == ["B@W2", "A@W1"]
    assert panel.demand.tolist() == [[0, 3], [2.5, 4]]


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace(",", ";"),
        lambda text: text.replace(",", "\t").replace("\n", "\r\n"),
        lambda text: "\ufeff" + text,
        lambda text: text.replace("2024-02-", "2024/2/"),
        lambda text: text.replace("2024-02-", "202402"),
        lambda text: text.replace(",A,", ',"A",').replace("2.5", "25e-1"),
        lambda text: text.replace("\n", "\n\n"),
    ],
)
def test_csv_dialects(tmp_path, change):
    assert read_panel(make(tmp_path, change(LONG)), **KINDS).demand.tolist() == DEMAND


def test_column_map_and_one_warehouse(tmp_path):
    text = LONG.replace("demand", "qty").replace("warehouse,", "").replace("W1,", "").replace("W2,", "")
    panel = read_panel(make(tmp_path, text), columns={"demand": "qty", "town": "city"}, static=["town"])
    assert panel.demand.tolist() == DEMAND
    assert panel.warehouse.tolist() == ["main", "main"]
    assert panel.static["town"].tolist() == ["Ulm", "Bonn"]


def test_parquet_types(tmp_path):
    """What other tools write: timestamps, numbers as names, booleans, decimals, unused dictionary words."""
    day = 86_400_000_000
    sku = pa.DictionaryArray.from_arrays([1, 1, 2, 2], pa.array(["a very long unused name", "A", "B"]))
    columns = {
        "date": pa.array([0, day, 0, day], pa.timestamp("us", "UTC")),
        "sku": sku,
        "warehouse": [7, 7, 7, 7],
        "demand": pa.array([3, 4, 0, 2]).cast(pa.decimal128(21, 2)),
        "promo": [False, True, True, False],
        "group": pa.array([12, 12, 5, 5], pa.int16()),
        "supplier": [10_000_001, 10_000_001, 20_000_002, 20_000_002],
        "lead_time": pa.array([1, 1, 2, 2], pa.int8()),
    }
    parquet.write_table(pa.table(columns), tmp_path / "f.parquet")
    panel = read_panel(tmp_path / "f.parquet", ahead=["promo"], static=["group", "supplier"])
    assert panel.names.tolist() == ["A@7", "B@7"]
    assert panel.sku.dtype == "<U1"
    assert panel.start == np.datetime64("1970-01-01")
    assert panel.demand.tolist() == [[3, 0], [4, 2]]
    assert panel.ahead["promo"].tolist() == [[0, 1], [1, 0]]
    assert panel.static["group"].tolist() == [12, 5]
    assert panel.static["supplier"].tolist() == ["10000001", "20000002"]  # float32 would merge neighbours
    assert panel.lead_time.tolist() == [1, 2]


def test_static_codes_stay_text(tmp_path):
    panel = read_panel(make(tmp_path, LONG.replace("Ulm", "007").replace("Bonn", "12")), static=["city"])
    assert panel.static["city"].tolist() == ["007", "12"]
    panel = read_panel(make(tmp_path, LONG.replace("Ulm", "7").replace("Bonn", "12")), static=["city"])
    assert panel.static["city"].tolist() == [7, 12]


def test_lead_time_may_change_by_day(tmp_path):
    constant = LONG.replace("price", "lead_time")
    assert read_panel(make(tmp_path, constant)).lead_time.tolist() == [5, 7]
    by_day = constant.replace("4,1,Ulm,5", "4,1,Ulm,6")
    assert read_panel(make(tmp_path, by_day)).lead_time.tolist() == [[5, 7], [6, 7]]


def test_gaps_as_zero(tmp_path):
    """Demand 0; dynamic columns the day's median of the others; lead time as the day before."""
    text = "date,sku,warehouse,demand,temperature,lead_time\n" + "".join(
        f"2024-01-0{day},{sku},W,{day},{10 * day + k},{day + k}\n"
        for k, sku in enumerate("ABC")
        for day in (1, 2, 4)
        if (sku, day) not in {("A", 2), ("B", 1)}
    )
    panel = read_panel(make(tmp_path, text), ahead=["temperature"], gaps="zero")
    assert panel.demand.tolist() == [[1, 0, 1], [0, 2, 2], [0, 0, 0], [4, 4, 4]]
    # day 3 has no row at all: the median of the file's 10, 12, 21, 22, 40, 41, 42
    assert panel.ahead["temperature"].tolist()[:2] == [[10, 11, 12], [21.5, 21, 22]]
    assert panel.ahead["temperature"].tolist()[2:] == [[22, 22, 22], [40, 41, 42]]
    assert panel.lead_time.tolist() == [[1, 3, 3], [1, 3, 4], [1, 3, 4], [4, 5, 6]]


WIDE = "id,item_id,store_id,dept,d_1,d_2,d_3\nx,A,S1,FOOD,1,2,3\ny,A,S2,FOOD,0,0.5,9\n"


def test_wide_form(tmp_path):
    panel = read_panel(make(tmp_path, WIDE), static=["dept"], start="2011-01-29")
    assert panel.demand.tolist() == [[1, 0], [2, 0.5], [3, 9]]
    assert panel.names.tolist() == ["A@S1", "A@S2"]
    assert panel.dates[-1] == np.datetime64("2011-01-31")
    assert panel.static["dept"].tolist() == ["FOOD", "FOOD"]
    write_panel(panel, tmp_path / "p.parquet")
    assert read_panel(tmp_path / "p.parquet").fingerprint() == panel.fingerprint()


def test_days_of_a_wide_file_go_by_number(tmp_path):
    header = "item_id," + ",".join(f"d_{day}" for day in (10, 2, 1, 3, 4, 5, 6, 7, 8, 9))
    panel = read_panel(make(tmp_path, header + "\nA,10,2,1,3,4,5,6,7,8,9\n"))
    assert panel.demand[:, 0].tolist() == list(range(1, 11))


def test_nothing_is_overwritten(tmp_path):
    path = make(tmp_path, "mine", "p.parquet")
    with pytest.raises(InvrlError, match="exists already"):
        write_panel(rich_panel(), path)
    assert path.read_text() == "mine"
    with pytest.raises(InvrlError, match="format"):
        write_panel(rich_panel(), tmp_path / "p.xlsx")
    with pytest.raises(InvrlError, match="no folder"):
        write_panel(rich_panel(), tmp_path / "no" / "p.csv")
    clash = dataclasses.replace(rich_panel(), static={"price": np.zeros(3, np.float32)})
    with pytest.raises(InvrlError, match="same name"):
        write_panel(clash, tmp_path / "q.csv")
    assert [p.name for p in tmp_path.iterdir()] == ["p.parquet"]


def test_a_sample_of_pairs_is_always_the_same(tmp_path):
    demand = np.arange(40.0).reshape(2, 20)
    lines = [f"d{day},S{i},W,{demand[k, i]}" for k, day in enumerate((1, 2)) for i in range(20)]
    rows = [line.replace("d1,", "2024-01-01,").replace("d2,", "2024-01-02,") for line in lines]
    path = tmp_path / "sales.csv"
    path.write_text("\n".join(["date,sku,warehouse,demand", *rows]) + "\n")
    few = read_panel(path, pairs=5)
    assert few.pairs == 5 and read_panel(path, pairs=50).pairs == read_panel(path).pairs == 20
    assert list(few.sku) == list(read_panel(path, pairs=5).sku)
    for k, name in enumerate(few.sku):
        assert list(few.demand[:, k]) == list(demand[:, int(name[1:])])
