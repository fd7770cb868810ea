"""Bad inputs, as typed: exit code 2, one line that names the place, and a hint."""

from __future__ import annotations

import datetime
import gzip
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

HEAD = "date,sku,warehouse,demand\n"
GOOD = HEAD + "".join(f"2024-01-{d:02},{sku},W,{d % 4}\n" for sku in "AB" for d in range(1, 31))
WIDE = "item_id,store_id,d_1,d_2,d_3\nA,S,1,2,3\nB,S,0,0,1\n"
LINES = HEAD + "1/2/2024 8:26,A,W,3\n1/2/2024 9:00,A,W,2\n13/2/2024 9:00,A,W,-1\n"
DAYS = "".join(f"2024-01-{d:02},A,W,3\n" for d in range(1, 30))
THOUSANDS = GOOD.replace(",3\n", ",1.003\n")
WEEKS = HEAD + "".join(f"2024-01-{d:02},A,W,3\n" for d in range(1, 30, 7))

FILES = {
    "no demand": (GOOD.replace("demand", "howmany", 1), "no column `demand`"),
    "no date": (GOOD.replace("date", "when", 1), "no column `date`"),
    "nan": (GOOD.replace(",3\n", ",nan\n", 1), "`demand` is `nan`"),
    "infinite": (GOOD.replace(",3\n", ",inf\n", 1), "`demand` is `inf`"),
    "negative": (GOOD.replace(",3\n", ",-3\n", 1), "`demand` is `-3`"),
    "text": (GOOD.replace(",3\n", ",many\n", 1), "`demand` is `many`"),
    "empty demand": (GOOD.replace(",3\n", ",\n", 1), "`demand` is missing"),
    "comma": (GOOD.replace(",3\n", ',"3,5"\n', 1), "`demand` is `3,5`"),
    "no sku": (GOOD.replace(",A,", ",,", 1), "`sku` is missing"),
    "no such day": (GOOD.replace("01-30", "01-32", 1), "`2024-01-32`, not a day"),
    "an hour": (GOOD.replace("01-30,", "01-30 10:00,", 1), "not a day"),
    "repeat": (GOOD + "2024-01-30,B,W,1\n", "are both B@W on 2024-01-30"),
    "gap": (GOOD.replace("2024-01-05,A,W,1\n", ""), "have no row"),
    "wrong year": (GOOD + "2204-01-01,B,W,1\n", "have no row"),
    "two steps": (WEEKS + DAYS.replace(",A,", ",B,"), "7 days apart, those of others are not"),
    "one day": (HEAD + "2024-01-01,A,W,1\n", "all rows are of one day"),
    "no rows": (HEAD, "a header and no rows"),
    "short line": (GOOD + "2024-01-31,A\n", "2 cells, the header has 4"),
    "long line": (GOOD + "2024-01-31,A,W,1,1\n", "5 cells, the header has 4"),
    "twice": (GOOD.replace("warehouse", "demand", 1), "two columns are called `demand`"),
    "lead time": (GOOD.replace("warehouse", "leadtime", 1), "nobody reads the column `leadtime`"),
    "per SKU": ("date,SKU9,SKU7\n2024-01-01,1,2\n2024-01-02,1,2\n", "no column `sku`, `demand`"),
    "sep": ("sep=;\n" + GOOD.replace(",", ";"), "begins with `sep=;`"),
    "empty": ("", "is empty"),
    "zip": (b"PK\x03\x04...", "is an Excel or zip file"),
    "gzip": (gzip.compress(GOOD.encode()), "is compressed by gzip"),
    "utf-16": (GOOD.encode("utf-16"), "UTF-16"),
    "utf-16 bare": (GOOD.encode("utf-16-le"), "UTF-16"),
    "latin-1": (GOOD.replace("A", "Ä").encode("latin-1"), "not UTF-8 text"),
    "bytes": (bytes(range(128, 256)), "neither Parquet nor UTF-8 CSV"),
    "parquet": (b"PAR1" + bytes(100), "damaged or truncated Parquet"),
    "lines": (LINES, "`1/2/2024 8:26`, not a day"),
    "wide hole": (WIDE.replace("d_2", "d_9"), "no column `d_2`, but `d_3`"),
    "wide repeat": (WIDE.replace("B,S", "A,S"), "are the same SKU and warehouse"),
    "wide text": (WIDE.replace("0,0", "0,x"), "`d_2` is `x`"),
    "no name": (GOOD.replace(",B,", ",nan,"), "`sku` is `nan`, which stands for no name"),
    "null name": (GOOD.replace(",B,", ",NULL,"), "`sku` is `NULL`, which stands for no name"),
    "a space more": (GOOD.replace(",B,", ",A ,"), "`sku` is `A `, beside `A`"),
    "no-break space": (GOOD.replace(",B,", ",A\u00a0,"), "beside `A`"),
    "two accents": (GOOD.replace(",A,", ",\u00e9,").replace(",B,", ",e\u0301,"), "beside"),
    "spaces after commas": (GOOD.replace(",", ", "), "no column `sku`, `demand`"),
    "thousands": (THOUSANDS.replace(",", ";"), "`demand` is `1.003`: a thousand, or not?"),
    "thousands by comma": (GOOD.replace(",3\n", ',"1,003"\n'), "`demand` is `1,003`, not a number"),
    "thousands by quote": (GOOD.replace(",3\n", ",1'003\n"), "`demand` is `1'003`, not a number"),
    "underscore": (GOOD.replace(",3\n", ",1_003\n"), "`demand` is `1_003`, not a number"),
    "decimal comma": (GOOD.replace(",", ";").replace(";3\n", ";3,5\n"), "`demand` is `3,5`"),
    "huge": (GOOD.replace(",3\n", ",1e30\n"), "demand of A@W on 2024-01-03 is 1e+30"),
    "beyond": (GOOD.replace(",3\n", ",1e308\n"), "`demand` is `inf`"),
    "null": (GOOD.replace(",3\n", ",NULL\n", 1), "`demand` is `NULL`, not a number"),
    "dash": (GOOD.replace(",3\n", ",-\n", 1), "`demand` is `-`, not a number"),
    "currency": (GOOD.replace(",3\n", ",$3\n", 1), "`demand` is `$3`, not a number"),
    "brackets": (GOOD.replace(",3\n", ",(3)\n", 1), "`demand` is `(3)`, not a number"),
    "mixed dates": (GOOD.replace("2024-01-05", "05/01/2024"), "`05/01/2024`, not a day"),
    "serial dates": (GOOD.replace("2024-01-", "453"), "`45301`, not a day"),
    "months": (GOOD.replace("2024-01-", "2024-"), "`2024-01`, not a day"),
    "named months": (GOOD.replace("2024-01-", "01-Jan-20"), "`01-Jan-2001`, not a day"),
    "no day zero": (GOOD.replace("2024-01-30", "0000-00-00"), "`0000-00-00`, not a day"),
    "a total": (GOOD + "Total,,,120\n", "`date` is `Total`"),
    "two headers": (HEAD + GOOD, "`date` is `date`, not a day"),
    "empty cells": (GOOD + ",,,\n", "`date` is missing"),
    "end of file": (GOOD + "\x1a", "1 cells, the header has 4"),
    "open quote": (GOOD.replace(",A,", ',"A,', 1), "cells, the header has 4"),
    "json": ('[{"date":"2024-01-01","sku":"A","demand":3}]', "is JSON, HTML or XML"),
    "json lines": ('{"date":"2024-01-01","sku":"A","demand":3}\n', "is JSON, HTML or XML"),
    "html": ("<html><body>not found</body></html>", "is JSON, HTML or XML"),
    "wide near miss": (WIDE.replace("store_id", "Price"), "nobody reads the column `Price`"),
}  # fmt: skip
HINTS = {
    "two steps": "data.gaps=zero", "per SKU": "one column per SKU", "sep": "drop that first line",
    "gzip": "name it f.csv.gz", "latin-1": "--encoding", "lines": "date_format=%d/%m/%Y %H:%M",
    "serial dates": "a serial number of a spreadsheet", "months": "date_format=%Y-%m",
    "named months": "%d-%b-%Y", "decimal comma": "(3.5)", "spaces after commas": "spaces around them",
    "repeat": "--sum", "an hour": "--sum", "lead time": "data.columns.lead_time=leadtime",
}  # fmt: skip
WORDS = [
    (["data.gaps=maybe"], "data.gaps"),
    (["data.options.pair=3"], "no option `pair`"),
    (["data.options.pairs=many"], "data option `pairs` is 'many'"),
    (["data.options.start=2020-01-01"], "`start` is for wide files"),
    (["data.options.returns=net"], "returns is `net`"),
    (["data.options.returns=keep", "data.options.sum_lines=true"], "returns is `keep`"),
    (["data.options.encoding=klingon"], "no encoding `klingon`"),
    (["data.options.date_format=%d.%m.%Y"], "not a day"),
    (["data.columns.demnd=x"], "unknown name `demnd`"),
    (["data.columns.demand=x"], "no column `x`"),
    (['data.ahead=["demand"]'], "`demand` cannot be a feature column"),
    (['data.ahead=["promo"]'], "no column `promo`"),
    (["data.colums.demand=x"], "data.colums"),
]


def refused(typed) -> tuple[str, str]:
    """The one line and the hint of a command that is refused."""
    line, _, hint = typed.err.partition("\n\nhint: ")
    assert (typed.code, typed.out) == (2, "")
    assert line.startswith("error: ") and "\n" not in line and hint.strip()
    return line, hint


@pytest.mark.parametrize("name", FILES)
def test_a_bad_file(tmp_path, invrl, name):
    content, message = FILES[name]
    Path("f.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
    line, hint = refused(invrl("data", "import", "f.csv", "--out", "new.parquet"))
    assert message in line and HINTS.get(name, "") in hint
    assert [path.name for path in tmp_path.iterdir()] == ["f.csv"]


DAY = [datetime.date(2024, 1, day) for day in range(1, 31)] * 2
TYPED = {
    "date": pa.array(DAY),
    "sku": pa.array(["A"] * 30 + ["B"] * 30),
    "demand": pa.array([day.day % 4 for day in DAY], pa.float64()),
}
COLUMNS = {
    "null": ("demand", pa.nulls(60), "row 1: `demand` is missing"),
    "records": ("demand", pa.array([{"x": 1}] * 60), "holds lists or records"),
    "durations": ("demand", pa.array([1] * 60, pa.duration("s")), "holds dates or times"),
    "nan name": ("sku", pa.array([1.0] * 30 + [np.nan] * 30), "row 31: `sku` is `nan`"),
    "no text": ("sku", pa.array([b"A\xff"] * 60), "`sku` is not UTF-8 text"),
    "null name": ("sku", pa.array([None] * 60, pa.string()), "`sku` is missing"),
    "lists": ("sku", pa.array([["A"]] * 60), "holds lists or records"),
    "serial": ("date", pa.array([45292.0] * 60), "`date` is `45292`"),
    "year 10000": ("date", pa.array([3_000_000] * 60, pa.int32()).cast(pa.date32()), "not a day"),
    "before Christ": ("date", pa.array([-800_000] * 60, pa.int32()).cast(pa.date32()), "not a day"),
    "no such zone": ("date", pa.array(DAY).cast(pa.timestamp("us", "Mars/Base")), "`Mars/Base`"),
    "afternoon": ("date", pa.array([datetime.datetime(2024, 1, 1, 15)] * 60), "not a day"),
    "negative": ("lead_time", pa.array([-3] * 60, pa.int8()), "`lead_time` is `-3`"),
    "never": ("review_period", pa.array([0] * 60), "`review_period` is `0`"),
}  # fmt: skip


@pytest.mark.parametrize("name", COLUMNS)
def test_a_bad_column_of_types(invrl, name):
    column, values, message = COLUMNS[name]
    parquet.write_table(pa.table(TYPED | {column: values}), "f.parquet")
    line, _ = refused(invrl("data", "import", "f.parquet", "--out", "new.parquet"))
    assert message in line


@pytest.mark.parametrize("notes", [b"{bad", b"[1]", b'{"ahead": 3}', b'{"ahead": [["x"]]}', b"[" * 100_000])
def test_notes_of_another_hand(invrl, notes):
    parquet.write_table(pa.table(TYPED).replace_schema_metadata({b"invrl": notes}), "f.parquet")
    line, _ = refused(invrl("data", "import", "f.parquet", "--out", "new.parquet"))
    assert "its notes" in line


@pytest.mark.parametrize(
    "kind",
    [
        pa.int8(), pa.uint64(), pa.float16(), pa.decimal128(9, 2), pa.decimal256(40, 2), pa.string(),
        pa.large_string(), pa.string_view(), pa.dictionary(pa.int8(), pa.string()),
    ],
    ids=str,
)  # fmt: skip
def test_a_number_is_a_number_in_any_type(invrl, kind):
    whole = TYPED["demand"].cast(pa.int8())
    text = kind not in (pa.int8(), pa.uint64(), pa.float16()) and not pa.types.is_decimal(kind)
    values = pa.array(list(map(str, whole.to_pylist()))).cast(kind) if text else whole.cast(kind)
    parquet.write_table(pa.table(TYPED | {"demand": values}), "f.parquet")
    assert invrl("data", "import", "f.parquet", "--out", "new.parquet").code == 0
    assert parquet.read_table("new.parquet")["demand"].to_pylist() == TYPED["demand"].to_pylist()


@pytest.mark.parametrize(("words", "message"), WORDS)
def test_a_bad_setting(invrl, words, message):
    Path("f.csv").write_text(GOOD)
    line, _ = refused(invrl("data", "import", "f.csv", "--out", "new.parquet", *words))
    assert message in line


def test_a_return_needs_a_rule(invrl):
    Path("f.csv").write_text(LINES)
    words = ("data", "import", "f.csv", "--out", "new.parquet", "--sum", "--date-format", "%d/%m/%Y %H:%M")
    line, hint = refused(invrl(*words))
    assert "line 4: `demand` is `-1`, a return" in line and "data.options.returns=net" in hint


def test_names_that_case_or_zeros_keep_apart_are_named(invrl):
    Path("f.csv").write_text(GOOD.replace(",B,", ",a,"))
    typed = invrl("data", "import", "f.csv", "--out", "new.parquet")
    assert typed.code == 0 and "SKUs that case or leading zeros alone keep apart: `A` and `a`" in typed.err
    Path("f.csv").write_text(GOOD.replace(",A,", ",07,").replace(",B,", ",7,"))
    assert "`07` and `7`" in invrl("data", "import", "f.csv", "--out", "two.parquet").err
