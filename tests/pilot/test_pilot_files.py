"""Pilot files: what is read, and what is refused with its line and a hint."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from invrl.errors import USAGE, InvrlError
from invrl.pilot.contrast import Window
from invrl.pilot.report import analyse
from invrl.pilot.simulation import Process, process_trial
from invrl.pilot.table import NEVER, date, read_table

pytest.importorskip("pyfixest")


HEAD = "unit,date,stockout,inventory,sales,treatment_date\n"


def rows(treated: int = 2, controls: int = 2, days: int = 4, start: str = "2024-01-03") -> str:
    lines = []
    for u in range(treated + controls):
        when = start if u < treated else ""
        lines += [f"u{u},2024-01-0{d + 1},{(u + d) % 2},{5 + d},{1 + u},{when}" for d in range(days)]
    return "\n".join(lines) + "\n"


def write(folder: Path, text: str, name: str = "pilot.csv") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_reads_what_was_written(tmp_path: Path):
    table = read_table(write(tmp_path, HEAD + rows()))
    assert table.names.tolist() == ["u0", "u1", "u2", "u3"]
    assert [date(s) if s != NEVER else "" for s in table.start] == ["2024-01-03", "2024-01-03", "", ""]
    assert table.day[:4].tolist() == [19723, 19724, 19725, 19726]
    np.testing.assert_array_equal(np.asarray(table.inventory)[:4], [5, 6, 7, 8])
    assert table.outcomes == ["stockout", "turnover"]
    assert read_table(tmp_path / "pilot.csv", outcomes=["stockout"]).outcomes == ["stockout"]
    assert not read_table(tmp_path / "pilot.csv", treatment=False).treated.any()


def test_a_day_that_ends_with_nothing_is_out_of_stock(tmp_path: Path):
    """Without a column `stockout`, the inventory tells; with neither, the missing column is named."""
    _, _, lines = (HEAD + rows()).partition("\n")
    cells = [line.split(",") for line in lines.splitlines()]
    emptied = [[*c[:2], "0" if c[2] == "1" else c[3], *c[4:]] for c in cells]
    text = "unit,date,inventory,sales,treatment_date\n" + "\n".join(map(",".join, emptied)) + "\n"
    table = read_table(write(tmp_path, text))
    np.testing.assert_array_equal(np.asarray(table.stockout), [float(c[2]) for c in cells])
    assert read_table(tmp_path / "pilot.csv", outcomes=["turnover"]).outcomes == ["turnover"]
    with pytest.raises(InvrlError, match="stockout"):
        read_table(write(tmp_path, text.replace("inventory", "stock"), "none.csv"))


def test_treated_and_post_mean_the_same_as_a_date(tmp_path: Path):
    lines = rows().splitlines()
    text = "unit,date,stockout,inventory,sales,treated,post\n"
    for line in lines:
        *cells_, when = line.split(",")
        text += ",".join([*cells_, str(int(bool(when))), str(int(cells_[1] >= "2024-01-03"))]) + "\n"
    ours = read_table(write(tmp_path, text, "post.csv"))
    theirs = read_table(write(tmp_path, HEAD + rows()))
    np.testing.assert_array_equal(ours.start, theirs.start)


def test_parquet_and_csv_agree_and_columns_are_mapped(tmp_path: Path):
    import pyarrow
    from pyarrow import csv, parquet

    text = "sku,wh,day,out,stock,sales,treatment_date,price\n"
    for line in rows().splitlines():
        unit, *rest = line.split(",")
        text += ",".join([f"00{unit[1]}", "W1", *rest, "2.5"]) + "\n"
    path = write(tmp_path, text)
    table = csv.read_csv(path)
    index = table.column_names.index("treatment_date")
    typed = table.set_column(index, "treatment_date", table["treatment_date"].cast(pyarrow.date32()))
    typed = typed.set_column(0, "sku", pyarrow.array([f"00{v}" for v in table["sku"].to_pylist()]))
    parquet.write_table(typed, tmp_path / "pilot.parquet")
    names = {"unit": "sku,wh", "date": "day", "stockout": "out", "inventory": "stock", "cluster": "sku"}
    one, two = (read_table(p, names, covariates=["price"]) for p in (path, tmp_path / "pilot.parquet"))
    assert one.names.tolist() == two.names.tolist() == ["000@W1", "001@W1", "002@W1", "003@W1"]
    for name in ("unit", "day", "stockout", "inventory", "sales", "start", "cluster"):
        np.testing.assert_array_equal(getattr(one, name), getattr(two, name))
    assert one.covariates["price"].tolist() == [2.5] * 16


BAD_FILES = {
    "missing column": (HEAD.replace("sales", "sold") + rows(), "no column `sales`", "--column sales=NAME"),
    "no treatment": ("unit,date,stockout,inventory,sales\nu0,2024-01-01,0,1,1\n", "who is treated", "post"),
    "no rows": (HEAD, "no rows", "export"),
    "empty": ("", "is empty", "export"),
    "date": (HEAD + "u0,2024-13-01,0,1,1,\n", "line 2: `date` is `2024-13-01`", "2024-03-28"),
    "start": (HEAD + "u0,2024-01-01,0,1,1,soon\n", "`treatment_date` is `soon`", "empty for controls"),
    "empty outcome": (HEAD + "u0,2024-01-01,,1,1,\n", "line 2: `stockout` is missing", "fill"),
    "text outcome": (HEAD + "u0,2024-01-01,0,1,few,\n", "`sales` is `few`, not a number", "number"),
    "nan outcome": (HEAD + "u0,2024-01-01,0,nan,1,\n", "`inventory` is `nan`", "fill"),
    "negative stock": (HEAD + "u0,2024-01-01,0,-3,1,\n", "`inventory` is `-3`", "at least 0"),
    "percentage": (HEAD + "u0,2024-01-01,30,3,1,\n", "`stockout` is `30`", "not a percentage"),
    "duplicate": (HEAD + rows() + "u0,2024-01-01,0,1,1,2024-01-03\n", "line 2 and line 18 are both", "one"),
    "moving start": (HEAD + rows() + "u0,2024-01-05,0,1,1,2024-01-04\n", "line 18: `treatment_date`", "same"),
    "no treated": (HEAD + rows(treated=0, controls=4), "no unit is treated", "treatment_date"),
    "no control": (HEAD + rows(treated=4, controls=0), "there is no control", "year-on-year"),
    "no days before": (HEAD + rows(start="2024-01-01"), "no treated unit has a day before", "weeks before"),
    "start after end": (HEAD + rows(start="2024-02-01"), "u0 starts on 2024-02-01", "not yet treated"),
    "one treated": (HEAD + rows(treated=1), "starts on 2024-01-03 has 1 cluster:", "finer clusters"),
    "one control": (HEAD + rows(controls=1), "the control group has 1 cluster:", "finer clusters"),
}  # fmt: skip


@pytest.mark.parametrize("kind", BAD_FILES)
def test_bad_files_are_refused_with_the_place_and_a_hint(kind: str, tmp_path: Path):
    text, message, hint = BAD_FILES[kind]
    with pytest.raises(InvrlError) as caught:
        analyse(read_table(write(tmp_path, text)))
    assert message in caught.value.message
    assert hint in caught.value.hint
    assert caught.value.exit_code == USAGE


WEIGHT = HEAD.replace("\n", ",weight\n")
POST = "unit,date,stockout,inventory,sales,treated,post\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (POST + "u0,2024-01-01,0,1,1,2,0\n", "`treated` is `2`"),
        (POST + "u0,2024-01-01,0,1,1,1,yes\n", "`post` is `yes`"),
        (POST + "u0,2024-01-01,0,1,1,1,0\nu0,2024-01-02,0,1,1,0,0\n", "line 3: `treated` is `0`"),
        (POST + "u0,2024-01-01,0,1,1,1,1\nu0,2024-01-02,0,1,1,1,0\n", "`post` is `0` again"),
        (POST + "u0,2024-01-01,0,1,1,1,0\nu0,2024-01-02,0,1,1,1,0\n", "u0 is treated but `post` is never 1"),
        (HEAD.replace("\n", ",treated\n") + "u0,2024-01-01,0,1,1,,1\n", "against its treatment date"),
        (WEIGHT + "u0,2024-01-01,0,1,1,,1\nu0,2024-01-02,0,1,1,,2\n", "`weight` is `2`"),
        (WEIGHT + "u0,2024-01-01,0,1,1,,-1\n", "`weight` is `-1`"),
    ],
)  # fmt: skip
def test_bad_treatment_and_weights_are_refused(text: str, message: str, tmp_path: Path):
    with pytest.raises(InvrlError) as caught:
        read_table(write(tmp_path, text))
    assert message in caught.value.message


def test_bad_requests_are_refused(tmp_path: Path):
    path = write(tmp_path, HEAD + rows())
    with pytest.raises(InvrlError, match="no column role `units`"):
        read_table(path, {"units": "sku"})
    with pytest.raises(InvrlError) as caught:
        read_table(path, {"unit": "sku"})
    assert "drop it from --column" in caught.value.hint
    with pytest.raises(InvrlError, match="no column `price`"):
        read_table(path, covariates=["price"])
    with pytest.raises(InvrlError, match="no file"):
        read_table(tmp_path / "none.csv")
    for window, text in (
        (Window(bin=0), "--bin is 0"),
        (Window(before=0), "--before is 0"),
        (Window(washout=3), "no wave has treated and control units"),
        (Window(washout=3, after=3), "ends within the washout"),
    ):
        with pytest.raises(InvrlError, match=text):
            analyse(read_table(path), window)
    small = process_trial(Process(pairs=4, before=14))(np.random.default_rng(0)).table
    zero = replace(small, weight=np.array([0.0, 0, 0, 0]))
    with pytest.raises(InvrlError, match="no treated unit has a day before"):
        analyse(zero)
    with pytest.raises(InvrlError, match="the control group has 0 clusters"):
        analyse(replace(zero, weight=(zero.treated).astype(float)))
