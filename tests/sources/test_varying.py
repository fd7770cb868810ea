"""Columns that change by day, as shops write them: events by name, empty cells, prices that hold."""

import numpy as np
import pytest

from invrl.errors import InvrlError
from invrl.sources.files import read_panel

pa = pytest.importorskip("pyarrow")
parquet = pytest.importorskip("pyarrow.parquet")
SKUS = ("A", "B")


def rows(*cells: str) -> list[tuple[str, str, str]]:
    """(date, sku, cell) of A's cells day by day, then B's, which are the same backwards."""
    days = [f"2024-01-{k:02d}" for k in range(1, len(cells) + 1)]
    both = (cells, cells[::-1])
    return [
        (day, sku, cell)
        for sku, own in zip(SKUS, both, strict=True)
        for day, cell in zip(days, own, strict=True)
    ]


def read(folder, lines, **words):
    path = folder / "f.csv"
    path.write_text("".join(f"{','.join(line)}\n" for line in [("date", "sku", "x", "demand"), *lines]))
    return read_panel(path, ahead=["x"], **words).ahead["x"]


@pytest.mark.parametrize(
    ("cells", "found"),
    [
        (("", "Xmas", "none", "Easter"), [0, 1, 0, 1]),
        (("", "1", "", "0"), [0, 1, 0, 0]),
        (("0", "Xmas", "NaN", "0"), [0, 1, 0, 0]),
        (("1.5", "", "2", "2"), [1.5, 1.5, 2, 2]),
    ],
)
def test_events_and_empty_cells(tmp_path, cells, found):
    panel = read(tmp_path, [(*row, "1") for row in rows(*cells)])
    assert panel[:, 0].tolist() == found
    if cells[0] != "1.5":
        assert panel[:, 1].tolist() == found[::-1]


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        (("", "1.5", "2", "3"), "line 2: `x` is empty, and nothing is known before"),
        (("2", "cheap", "3", ""), "line 3: `x` is `cheap`, not a number"),
        (("1", "O", "0", "1"), "line 3: `x` is `O`, not a number"),
        (("sun", "rain", "rain", "sun"), "line 2: `x` is `sun`, not a number"),
    ],
)
def test_what_cannot_be_meant_is_refused(tmp_path, cells, said):
    with pytest.raises(InvrlError, match=said) as caught:
        read(tmp_path, [(*row, "1") for row in rows(*cells)])
    assert caught.value.hint


def test_a_price_holds_over_days_without_a_row(tmp_path):
    lines = [(*row, "1") for row in rows("4", "", "5", "")[:4]]
    assert read(tmp_path, [lines[k] for k in (0, 1, 3)], gaps="zero")[:, 0].tolist() == [4, 4, 4, 4]


def test_parquet_says_the_same(tmp_path):
    table = {
        "date": np.arange("2024-01-01", "2024-01-05", dtype="datetime64[D]"), "sku": ["A"] * 4,
        "demand": [1.0] * 4, "event": [None, "Xmas", None, "Easter"], "price": [3.0, None, None, 4.0],
    }  # fmt: skip
    parquet.write_table(pa.table(table), tmp_path / "f.parquet")
    ahead = read_panel(tmp_path / "f.parquet", ahead=["event", "price"]).ahead
    assert (ahead["event"][:, 0].tolist(), ahead["price"][:, 0].tolist()) == ([0, 1, 0, 1], [3, 3, 3, 4])


def test_a_slice_of_a_wide_file_begins_on_its_own_day(tmp_path):
    path = tmp_path / "m5.csv"
    path.write_text("item_id,store_id,d_1886,d_1887\nA,W,1,2\n")
    assert str(read_panel(path, start="2011-01-29").start) == "2016-03-28"
    (tmp_path / "calendar.csv").write_text("d,date\nd_1,2011-01-29\nd_2,2011-01-30\n")
    assert str(read_panel(path).start) == "2016-03-28"


def test_a_price_of_the_pair_may_be_empty_in_some_rows(tmp_path):
    def price(a: str, b: str) -> list[float]:
        path = tmp_path / "f.csv"
        day = ("2024-01-01", "2024-01-02")
        path.write_text(f"date,sku,demand,price\n{day[0]},A,1,{a}\n{day[1]},A,1,{b}\n")
        return read_panel(path).price.tolist()

    assert price("", "3.5") == price("3.5", "") == [3.5]
    with pytest.raises(InvrlError, match="`price` is empty in all rows of the pair"):
        price("", "")
    with pytest.raises(InvrlError, match=r"`price` is `4`, but `3\.5` in the first row"):
        price("3.5", "4")
