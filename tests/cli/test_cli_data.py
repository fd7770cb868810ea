"""`invrl data`, as typed: data on stdout, talk on stderr, one line and a hint for a mistake."""

import csv
import io
import json
import subprocess
import sys

import numpy as np
import pytest

from invrl.demand.panel import Panel
from invrl.sources.files import read_panel, write_panel
from invrl.sources.paper import lost_sales

pytest.importorskip("pyarrow")

RAW = "day,item,store,qty,promo,city\n2024-01-01,A,W1,3,0,U\n2024-01-02,A,W1,4,1,U\n2024-01-02,B,W2,2.5,1,V\n"
WORDS = ["columns.date=day", "columns.sku=item", "columns.warehouse=store", "columns.demand=qty", "gaps=zero"]


def test_make_draws_what_the_source_draws(invrl):
    run = invrl(
        "data", "make", "lost-sales", "--out", "p.parquet", "pairs=7", "days=30", "mean=2.5", "seed=3"
    )
    assert (run.code, run.out) == (0, "")
    assert "wrote p.parquet: 7 pairs x 30 days, 2024-01-01 to 2024-01-30" in run.err
    assert "next: invrl data describe p.parquet" in run.err
    same = lost_sales(pairs=7, days=30, mean=2.5, seed=3)
    assert read_panel("p.parquet").fingerprint() == same.fingerprint()


@pytest.mark.parametrize(
    ("words", "message", "hint"),
    [
        (["make", "retial", "--out", "p.csv"], "no source `retial` to draw from", "did you mean `retail`?"),
        (["make", "file", "--out", "p.csv"], "no source `file` to draw from", "`invrl data import`"),
        (["make", "retail", "--out", "p.csv", "pears=3"], "source `retail` has no option `pears`", "`pairs`"),
        (["make", "retail", "--out", "p.csv", "pairs=x"], "data option `pairs` is 'x'", "a whole number"),
        (["make", "retail", "--out", "p.csv", "pairs"], "`pairs` is not key=value", "such as"),
        (["make", "retail", "--out", "raw.csv"], "raw.csv exists already", "nothing is overwritten"),
        (["make", "retail", "--out", "p.xls"], "cannot tell the format of p.xls", ".parquet or .csv"),
        (["import", "raw.csv", "--out", "raw.csv"], "raw.csv exists already", "nothing is overwritten"),
        (["import", "raw.csv", "--out", "p.csv", "--gaps", "no"], "data.gaps: no choice 'no'", "error, zero"),
        (["import", "raw.csv", "--out", "p.csv", "gap=zero"], "source `file` has no option `gap`", "`gaps`"),
        (["import", "row.csv", "--out", "p.csv"], "no file row.csv", "that folder has raw.csv"),
        (["describe", "retial"], "no file and no source `retial`", "did you mean `retail`?"),
        (["describe", "raw.csv"], "no column `date`, `sku`, `demand`, `warehouse`", "data.columns.date=day"),
        (["describe", "lost-sales", "--format", "tabel"], "no format `tabel`", "`table`"),
        (["describe", "retail", "--config", "c.toml"], "config `c.toml` is about source `iid`", "drop --"),
    ],
)
def test_mistakes(invrl, tmp_path, words, message, hint):
    (tmp_path / "raw.csv").write_text(RAW)
    (tmp_path / "c.toml").write_text('[data]\nsource = "iid"\n')
    run = invrl("data", *words)
    assert (run.code, run.out) == (2, "")
    said, _, hinted = run.err.partition("\n\nhint: ")
    assert message in said
    assert hint in hinted
    assert sorted(path.name for path in tmp_path.iterdir()) == ["c.toml", "raw.csv"]
    assert (tmp_path / "raw.csv").read_text() == RAW


def test_flags_words_and_config_import_the_same_panel(invrl, tmp_path):
    (tmp_path / "raw.csv").write_text(RAW)
    names = [word.removeprefix("columns.") for word in WORDS[:4]]
    flags = [part for name in names for part in ("--column", name)]
    flags += ["--gaps", "zero", "--ahead", "promo", "--static", "city", "--knowledge", "censored"]
    words = [f"data.{word}" for word in WORDS] + ["knowledge=censored", "ahead=promo", "static=city"]
    table = "\n".join(name.replace("=", " = '") + "'" for name in names)
    (tmp_path / "c.toml").write_text(
        "[data]\ngaps = 'zero'\nahead = ['promo']\nstatic = ['city']\nknowledge = 'censored'\n"
        f"[data.columns]\n{table}\n"
    )
    assert invrl("data", "import", "raw.csv", "--out", "1.parquet", *flags).code == 0
    assert invrl("data", "import", "raw.csv", "--out", "2.parquet", *words).code == 0
    assert invrl("data", "import", "raw.csv", "--out", "3.parquet", "--config", "c.toml").code == 0
    panels = [read_panel(f"{k}.parquet") for k in (1, 2, 3)]
    assert panels[0].demand.tolist() == [[3, 0], [4, 2.5]]
    assert panels[0].ahead["promo"].tolist() == [[0, 0], [1, 1]]
    assert panels[0].static["city"].tolist() == ["U", "V"]
    assert panels[0].knowledge == "censored"
    assert len({panel.fingerprint() for panel in panels}) == 1


def test_import_of_a_wide_file_takes_its_first_day(invrl, tmp_path):
    (tmp_path / "m5.csv").write_text("item_id,store_id,d_1,d_2\nA,S,1,2\n")
    assert invrl("data", "import", "m5.csv", "--out", "p.csv", "start=2011-01-29").code == 0
    assert read_panel("p.csv").start == np.datetime64("2011-01-29")


def test_describe_in_every_format(invrl, tmp_path):
    write_panel(read_raw(tmp_path), tmp_path / "p.parquet")
    rows = dict(csv.reader(io.StringIO(invrl("data", "describe", "p.parquet", "--format", "csv").out)))
    assert rows["pairs"] == "2"
    assert rows["demand.mean"] == "2.375"  # (3 + 4 + 0 + 2.5) / 4
    assert rows["columns.ahead"] == "promo"
    figures = json.loads(invrl("data", "describe", "p.parquet", "--json").out)
    assert figures["schema"] == 1
    assert figures["demand"]["zero_share"] == 0.25
    assert figures["examples"]["largest"] == {"pair": "A@W1", "mean": 3.5, "demand": [3, 4]}
    assert r"\begin{tabular}" in invrl("data", "describe", "p.parquet", "--format", "latex").out
    run = invrl("data", "describe", "p.parquet", "--out", "d.md")
    assert run.out == ""
    assert "| demand.mean " in (tmp_path / "d.md").read_text()
    assert invrl("data", "describe", "p.parquet", "--out", "d.md").code == 2


def test_the_picture_fits_80_columns(invrl, tmp_path):
    write_panel(read_raw(tmp_path), tmp_path / "p.parquet")
    run = invrl("data", "describe", "p.parquet")
    assert run.code == 0
    lines = [line.rstrip() for line in run.out.splitlines()]
    assert lines[:3] == [
        "p.parquet",
        "2 pairs: 2 SKUs in 2 warehouses",
        "2 days: Mon 2024-01-01 to Tue 2024-01-02",
    ]
    assert "  mean 2.38, largest day 4; 25 % of pair-days without demand" in lines
    assert "  medium: between              2  100 %      100 %  " + 20 * "█" in lines
    assert "  against the mean day  -37 %  +37 %" in lines
    assert "  largest  A@W1  3.5    ▇█" in lines
    wide = invrl("data", "describe", "retail", "pairs=300", "days=400")
    assert max(map(len, wide.out.splitlines())) <= 80


def test_names_in_brackets_are_no_markup(invrl, tmp_path):
    sku = np.array(["[red]x[/red]", "y"])
    write_panel(Panel(np.ones((2, 2), np.float32), sku, np.array(["W", "W"])), tmp_path / "p.csv")
    assert "[red]x[/red]@W" in invrl("data", "describe", "p.csv").out


@pytest.mark.parametrize("command", ["make", "import", "describe"])
def test_help_ends_with_two_examples(invrl, command):
    run = invrl("data", command, "--help")
    assert run.code == 0
    examples = run.out.partition("Examples:")[2].strip().split("\n\n")  # long ones are wrapped
    assert [paragraph.split()[:3] for paragraph in examples] == 2 * [["invrl", "data", command]]


def test_describing_loads_no_jax():
    code = """
import sys
import invrl.cli
sys.argv = ["invrl", "data", "describe", "lost-sales", "pairs=2", "--json"]
try:
    invrl.cli.main()
except SystemExit as stop:
    sys.exit(stop.code or "jax" in sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)


def read_raw(folder) -> Panel:
    path = folder / "raw.csv"
    path.write_text(RAW)
    columns = dict(word.removeprefix("columns.").split("=") for word in WORDS[:4])
    return read_panel(path, columns=columns, gaps="zero", ahead=["promo"], static=["city"])
