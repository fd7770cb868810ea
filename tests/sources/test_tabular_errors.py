"""Every mistake in a file is one sentence with its place, and a hint that mends it."""

import numpy as np
import pytest

from invrl.config.schema import Data
from invrl.demand.panel import Panel
from invrl.errors import InvrlError
from invrl.sources.files import read_panel, unread_columns, write_panel
from invrl.tables.words import whole_names

pa = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")

GOOD = """date,sku,warehouse,demand,price,city
2024-01-01,A,W,3,5,Ulm
2024-01-02,A,W,4,5,Ulm
2024-01-01,B,W,0,7,Bonn
2024-01-02,B,W,2.5,7,Bonn
"""
WIDE = "item_id,store_id,d_1,d_2,d_3\nA,S,1,2,3\nB,S,0,0,1\n"


def refusal(path, **arguments) -> InvrlError:
    with pytest.raises(InvrlError) as caught:
        read_panel(path, **arguments)
    return caught.value


def csv_refusal(tmp_path, text, **arguments) -> InvrlError:
    path = tmp_path / "f.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    error = refusal(path, **arguments)
    error.message = error.message.replace(f"{tmp_path}/", "")
    return error


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("4,5,Ulm", "foo,5,Ulm", "f.csv line 3: `demand` is `foo`, not a number"),
        ("4,5,Ulm", ",5,Ulm", "f.csv line 3: `demand` is missing"),
        ("4,5,Ulm", "NaN,5,Ulm", "f.csv line 3: `demand` is `nan`"),
        ("4,5,Ulm", "inf,5,Ulm", "f.csv line 3: `demand` is `inf`"),
        ("4,5,Ulm", "-4,5,Ulm", "f.csv line 3: `demand` is `-4`"),
        ("4,5,Ulm", '"4,5",5,Ulm', "f.csv line 3: `demand` is `4,5`, not a number"),
        ("\n2024-01-02,A", "\n\n\n2024-01-32,A", "f.csv line 5: `date` is `2024-01-32`, not a day"),
        ("2024-01-02,A", "01/02/2024,A", "f.csv line 3: `date` is `01/02/2024`, not a day"),
        ("2024-01-02,A", "2024-01-02 10:00,A", "f.csv line 3: `date` is `2024-01-02 10:00`, not a day"),
        ("2024-01-02,A", ",A", "f.csv line 3: `date` is missing"),
        ("02,A", "02,", "f.csv line 3: `sku` is missing"),
        ("4,5,Ulm", "4,5", "f.csv line 3: 5 cells, the header has 6"),
        ("4,5,Ulm", "4,5,Ulm,", "f.csv line 3: 7 cells, the header has 6"),
        ("4,5,Ulm", "4,6,Ulm", "f.csv line 3: `price` is `6`, but `5` in the first row of A@W"),
        ("4,5,Ulm", "4,-5,Ulm", "f.csv line 3: `price` is `-5`"),
        ("4,5,Ulm", "4,5,Bern", "f.csv line 3: `city` is `Bern`, but `Ulm` in the first row of A@W"),
        ("2024-01-02,A", "2024-01-01,A", "f.csv: line 2 and line 3 are both A@W on 2024-01-01"),
        ("2024-01-02,A,W,4,5,Ulm\n", "", "f.csv: 1 of 4 pair-days have no row, "
         "the first is A@W on 2024-01-02, after its last row (2024-01-01)"),
        ("2024-01-01,B,W,0,7,Bonn\n", "", "f.csv: 1 of 4 pair-days have no row, "
         "the first is B@W on 2024-01-01, before its first row (2024-01-02)"),
        ("2024-01-02,B", "2024-01-03,B", "f.csv: 2 of 6 pair-days have no row, "
         "the first is A@W on 2024-01-03, after its last row (2024-01-02)"),
        ("price,city", "price,price", "f.csv: two columns are called `price`"),
        (GOOD[36:], "", "f.csv: a header and no rows"),
        (GOOD[60:], "", "f.csv: all rows are of one day, 2024-01-01"),
    ],
)  # fmt: skip
def test_bad_cells_and_rows(tmp_path, old, new, message):
    static = ["city"] if "city" in GOOD.replace(old, new, 1) else []
    error = csv_refusal(tmp_path, GOOD.replace(old, new, 1), static=static)
    assert error.message == message
    assert error.hint
    assert error.exit_code == 2


@pytest.mark.parametrize(
    ("arguments", "message", "hint"),
    [
        ({"columns": {"demand": "prize"}}, "f.csv: no column `prize`", "calls it `demand` itself"),
        ({"columns": {"demnad": "x"}}, "the column map has an unknown name `demnad`", "`demand`"),
        ({"ahead": ["pricee"]}, "f.csv: no column `pricee`", "data.columns.pricee=price"),
        ({"ahead": ["city"]}, "f.csv line 2: `city` is `Ulm`, not a number", "number"),
        ({"ahead": ["city"], "static": ["city"]}, "column `city` is listed twice", "one of"),
        ({"static": ["warehouse"]}, "`warehouse` cannot be a feature column", "date, sku"),
        ({"gaps": "zeros"}, "no way `zeros` to take gaps", "`zero`"),
        ({"knowledge": "guess"}, "knowledge is `guess`", "censored"),
    ],
)
def test_bad_arguments(tmp_path, arguments, message, hint):
    error = csv_refusal(tmp_path, GOOD, **arguments)
    assert error.message == message
    assert hint in error.hint


def test_all_missing_columns_are_named_at_once_with_the_words_to_add(tmp_path):
    header = "Day,article,store,qty"
    error = csv_refusal(tmp_path, header + GOOD[36:].replace(",5,Ulm", "").replace(",7,Bonn", ""))
    assert error.message == "f.csv: no column `date`, `sku`, `demand`, `warehouse`"
    words = ["date=Day", "sku=article", "demand=qty", "warehouse=store"]
    assert " ".join(f"data.columns.{word}" for word in words) in error.hint


def test_a_lone_mistake_among_numbers_is_not_taken_for_text(tmp_path):
    rows = "".join(f"2024-01-0{d},S{k},W,1,{k}\n" for k in range(10) for d in (1, 2))
    text = "date,sku,warehouse,demand,margin\n" + rows.replace("S7,W,1,7", "S7,W,1,7x")
    error = csv_refusal(tmp_path, text, static=["margin"])
    assert error.message == "f.csv line 16: `margin` is `7x` among numbers"


def test_repeats_are_counted_and_the_missing_warehouse_suspected(tmp_path):
    text = GOOD.replace("warehouse", "place").replace(",B,", ",A,")
    error = csv_refusal(tmp_path, text)
    assert error.message == (
        "f.csv: line 2 and line 4 are both A@main on 2024-01-01, and there are 1 more such repeats"
    )
    assert "data.columns.warehouse=NAME" in error.hint


def test_gaps_hint_at_the_setting_or_at_a_wrong_date(tmp_path):
    assert "data.gaps=zero" in csv_refusal(tmp_path, GOOD.replace("2024-01-02,B", "2024-01-03,B")).hint
    error = csv_refusal(tmp_path, GOOD.replace("2024-01-02,B", "2042-01-02,B"))
    assert error.hint == "is a date wrong? the rows are of 2024-01-01 to 2042-01-02"
    unlimited = {"gaps": "zero", "columns": {"sku": "sku"}}
    rows = "".join(f"{year}-01-01,S{k},W,1\n" for k in range(1500) for year in ("0001", "9999"))
    error = csv_refusal(tmp_path, "date,sku,warehouse,demand\n" + rows, **unlimited)
    assert error.message == "f.csv: 1,500 pairs x 3,651,695 days (from 0001-01-01) are too many"


def test_bad_files(tmp_path):
    assert csv_refusal(tmp_path, "").message == "f.csv is empty"
    assert csv_refusal(tmp_path, b"PK\x03\x04..").message == "f.csv is an Excel or zip file"
    latin = GOOD.replace("Ulm", "Köln").encode("latin-1")
    assert csv_refusal(tmp_path, latin, static=["city"]).message == "f.csv: not UTF-8 text"
    assert csv_refusal(tmp_path, b"\xff\xfed\x00a\x00").message.endswith("CSV, but UTF-16")
    error = refusal(tmp_path / "g.csv")
    assert (error.message, error.hint) == (f"no file {tmp_path}/g.csv", "that folder has f.csv")
    assert refusal(tmp_path / "no" / "g.csv").hint == "check the path"
    (tmp_path / "empty").mkdir()
    assert "has no file that ends in .csv" in refusal(tmp_path / "empty").message
    assert refusal(tmp_path / "*.xls").message.startswith("no file is called like")


def test_files_that_are_read_as_one(tmp_path):
    """What is wrong in one of them is found at its own line; others of other columns are refused."""
    head, *rows = GOOD.splitlines(keepends=True)
    for name, some in (("a.csv", rows[:2]), ("b.csv", rows[2:])):
        (tmp_path / name).write_text(head + "".join(some))
    assert read_panel(tmp_path).fingerprint() == read_panel(tmp_path / "[ab].csv").fingerprint()
    (tmp_path / "b.csv").write_text(head + rows[2] + rows[3].replace("2.5", "many"))
    assert refusal(tmp_path).message.startswith(f"{tmp_path}/b.csv line 3: `demand` is `many`")
    (tmp_path / "b.csv").write_text(head + rows[2] + rows[1])
    assert "a.csv line 3 and b.csv line 3 are both A@W on 2024-01-02" in refusal(tmp_path).message
    (tmp_path / "b.csv").write_text(head.replace("city", "town") + rows[2])
    assert "not the columns of" in refusal(tmp_path).message
    write_panel(read_panel(tmp_path / "a.csv"), tmp_path / "b.parquet")
    (tmp_path / "b.csv").unlink()
    assert "b.parquet" in refusal(tmp_path).message


@pytest.mark.parametrize("part", ["half", "zeroed"])
def test_damaged_parquet(tmp_path, part):
    path = tmp_path / "p.parquet"
    demand = np.random.default_rng(0).random((50, 40), np.float32)
    write_panel(Panel(demand, np.arange(40).astype(str), np.full(40, "W")), path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2] if part == "half" else whole[:40] + bytes(2000) + whole[2040:])
    assert refusal(path).message == f"{path} is a damaged or truncated Parquet file"


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("sku", ["A", "A", None, "B"], "row 3: `sku` is missing"),
        ("demand", [1.0, 2.0, 3.0, float("nan")], "row 4: `demand` is `nan`"),
        ("demand", [1, -2, 3, 4], "row 2: `demand` is `-2`"),
        ("demand", ["1", "2", "3", "four"], "row 4: `demand` is `four`, not a number"),
        ("demand", [[1], [2], [3], [4]], ": `demand` holds lists or records"),
        ("demand", pa.array([0, 1, 2, 3], pa.date32()), ": `demand` holds dates or times, not numbers"),
        ("date", pa.array([0, 1, 0, 1], pa.timestamp("s")), "row 2: `date` is `1970-01-01 00:00:01`"),
        ("lead_time", [1, 1, 2.5, 2.5], "row 3: `lead_time` is `2.5`, not a whole number"),
        ("review_period", [0, 0, 1, 1], "row 1: `review_period` is `0`"),
    ],
)
def test_bad_parquet_columns(tmp_path, name, values, message):
    good = {"date": [20240101, 20240102] * 2, "sku": ["A", "A", "B", "B"], "demand": [1, 2, 3, 4]}
    parquet.write_table(pa.table({**good, name: values}), tmp_path / "p.parquet")
    assert message in refusal(tmp_path / "p.parquet").message


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("d_2", "d_4", "f.csv: no column `d_2`, but `d_3`"),
        ("B,S", "A,S", "f.csv: line 2 and line 3 are the same SKU and warehouse"),
        ("0,0,1", "0,x,1", "f.csv line 3: `d_2` is `x`, not a number"),
        ("0,0,1", "0,,1", "f.csv line 3: `d_2` is missing"),
        ("0,0,1", "0,-1,1", "f.csv line 3: `d_2` is `-1`"),
    ],
)
def test_bad_wide_files(tmp_path, old, new, message):
    assert csv_refusal(tmp_path, WIDE.replace(old, new)).message == message


def test_wide_files_have_no_columns_by_day(tmp_path):
    assert "long form" in csv_refusal(tmp_path, WIDE, ahead=["promo"]).hint
    assert csv_refusal(tmp_path, WIDE, start="yesterday").message == "start is `yesterday`, not a day"


@pytest.mark.parametrize(
    ("column", "ours"),
    [
        ("leadtime", "lead_time"),
        ("Lead Time", "lead_time"),
        ("prices", "price"),
        ("inital_stock", "initial_stock"),
    ],
)
def test_a_column_that_looks_like_one_of_ours_is_refused(tmp_path, column, ours):
    text = GOOD.replace("price,city", f"{column},city")
    error = csv_refusal(tmp_path, text)
    assert error.message == f"f.csv: nobody reads the column `{column}`; is it `{ours}`?"
    assert f"`data.columns.{ours}={column}`" in error.hint


def test_columns_that_nobody_reads_are_named(tmp_path):
    (tmp_path / "f.csv").write_text(GOOD)
    assert unread_columns(tmp_path / "f.csv", Data(static=("city",))) == []
    assert unread_columns(tmp_path / "f.csv", Data()) == ["city"]


@pytest.mark.parametrize(
    ("words", "names"),
    [
        (["1.0", "2.0"], ["1", "2"]),
        (["4.006381333931e+12", "5"], ["4006381333931", "5"]),
        (["1.0", "1.5"], ["1.0", "1.5"]),
        (["1.0", "1"], ["1.0", "1"]),
        (["007", "8.0"], ["007", "8"]),
        (["1.0", "A"], ["1.0", "A"]),
        (["-2.0"], ["-2"]),
        (["1e99"], ["1e99"]),
    ],
)
def test_whole_numbers_name_the_same_pair_however_they_are_written(words, names):
    assert whole_names(np.array(words)).tolist() == names


def test_float_names_in_parquet_are_whole(tmp_path):
    gtin = pa.array([4006381333931.0, 4006381333931.0])
    days = pa.array(["2024-01-01", "2024-01-02"])
    parquet.write_table(
        pa.table({"date": days, "sku": gtin, "demand": pa.array([1, 2])}), tmp_path / "g.parquet"
    )
    assert read_panel(tmp_path / "g.parquet").sku.tolist() == ["4006381333931"]


def test_a_line_break_in_a_cell_does_not_depend_on_the_size(tmp_path, monkeypatch):
    monkeypatch.setattr("invrl.tables.open.BLOCK", 256)
    rows = "".join(f'2024-01-{d:02},S{k},W,1,"two\nlines, {k}"\n' for k in range(20) for d in range(1, 11))
    path = tmp_path / "f.csv"
    path.write_text("date,sku,warehouse,demand,note\n" + rows)
    assert read_panel(path).demand.sum() == 200
    error = csv_refusal(tmp_path, path.read_text().replace("01-02,S0,W,1", "01-02,S0,W,x"))
    assert error.message == "f.csv line 4: `demand` is `x`, not a number"
