"""`invrl pilot` as a user types it."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from invrl.cli.pilot import app
from invrl.errors import USAGE, InvrlError
from invrl.pilot.simulation import Process, process_trial
from invrl.pilot.table import NEVER, date

pytest.importorskip("pyfixest")


def run(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def refusal(*words: object) -> InvrlError:
    error = run(*words).exception
    assert isinstance(error, InvrlError), error
    assert error.exit_code == USAGE and error.hint
    return error


@pytest.fixture(scope="module")
def pilot_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory.mktemp("pilot") / "pilot.csv", Process(pairs=60, before=42, after=35))


def written(path: Path, process: Process) -> Path:
    table = process_trial(process)(np.random.default_rng(3)).table
    with path.open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(
            ["sku", "warehouse", "date", "stockout", "inventory", "sales", "treatment_date", "price"]
        )
        for row, unit in enumerate(table.unit):
            start = "" if table.start[unit] == NEVER else date(table.start[unit])
            levels = [int(table.stockout[row]), table.inventory[row], table.sales[row]]  # type: ignore[index]
            out.writerow(
                [f"P{unit // 2:03d}", f"W{unit % 2}", date(table.day[row]), *levels, start, unit % 5 + 1]
            )
    return path


UNIT = ("--column", "unit=sku,warehouse")


def test_analyse_prints_tables_and_plain_words(pilot_file: Path, tmp_path: Path):
    picture = tmp_path / "events.png"
    result = run("analyse", pilot_file, *UNIT, "--covariate", "price", "--plot", picture)
    assert result.exit_code == 0, result.exception
    for title in ("Effect of the pilot", "Placebo dates", "Before the pilot"):
        assert title in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80
    assert "…" not in result.stdout
    assert "had the treated moved like the controls" in result.stderr.replace("\n", " ")
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_analyse_json_holds_everything(pilot_file: Path):
    result = run("analyse", pilot_file, *UNIT, "--column", "cluster=sku", "--json")
    tree = json.loads(result.stdout)
    turnover = tree["effect"][1]
    assert turnover["outcome"] == "turnover" and turnover["low"] < -9.53 < turnover["high"]
    assert tree["facts"]["treated_units"] == 30 and tree["facts"]["mixed_clusters"] > 0
    assert tree["checks"]["turnover"]["closed_form"]["value"] == pytest.approx(turnover["effect"])
    assert len(tree["events"]) == 2 * 11 and len(tree["placebo"]) == 6
    assert all(isinstance(line, str) for line in tree["reading"])


@pytest.mark.parametrize("format", ["markdown", "csv", "latex"])
def test_analyse_in_every_format(pilot_file: Path, format: str):
    result = run("analyse", pilot_file, *UNIT, "--outcome", "turnover", "--format", format)
    assert result.exit_code == 0 and "turnover" in result.stdout and "stockout" not in result.stdout
    if format == "csv":
        (row,) = csv.DictReader(io.StringIO(result.stdout))
        assert -12 < float(row["effect"]) < -7


def test_one_table_goes_to_a_new_file(pilot_file: Path, tmp_path: Path):
    out = tmp_path / "events.csv"
    result = run("analyse", pilot_file, *UNIT, "--table", "events", "--format", "csv", "--out", out)
    assert result.exit_code == 0 and result.stdout == ""
    assert len(list(csv.DictReader(out.open()))) == 22
    before = out.read_text()
    error = refusal("analyse", pilot_file, *UNIT, "--out", out)
    assert "exists already" in error.message and out.read_text() == before


def test_waves_are_shown_where_there_are_several(tmp_path: Path):
    path = written(tmp_path / "waves.csv", Process(pairs=24, before=28, after=42, waves=2))
    result = run("analyse", path, *UNIT)
    assert "By wave" in result.stdout


def test_year_on_year_needs_no_control(tmp_path: Path):
    path = written(tmp_path / "long.csv", Process(pairs=12, before=380, after=30))
    result = run("year-on-year", path, *UNIT, "--from", "2025-01-15", "--to", "2025-02-12", "--json")
    stockout, turnover = json.loads(result.stdout)
    assert stockout["units"] == 12 and turnover["from"] == "2025-01-15"
    assert turnover["percent"] < 0
    assert "not an effect" in result.stderr.replace("\n", " ")
    assert (
        "year before" in run("year-on-year", path, *UNIT, "--from", "2025-01-15", "--to", "2025-02-12").stdout
    )


def test_plan_names_pairs_and_days(pilot_file: Path):
    words = ("plan", pilot_file, *UNIT, "--before", 28, "--turnover", -8, "--replications", 200)
    rows = json.loads(run(*words, "--json").stdout)
    assert [row["days"] for row in rows] == [28]
    assert rows[0]["power"] >= 80 and rows[0]["enough"] == "yes" and 2 < rows[0]["pairs"] < 30
    result = run(*words, "--stockout", "-0.5")
    assert "no" in result.stdout and "by lot" in result.stderr and "--most" in result.stderr


@pytest.mark.slow
def test_simulate_reports_bias_and_coverage():
    words = ("simulate", "--pairs", 40, "--replications", 20, "--before", 28, "--after", 28)
    rows = json.loads(run(*words, "--json").stdout)
    assert [row["outcome"] for row in rows] == ["stockout", "turnover"]
    assert abs(rows[1]["bias"]) < 5 * rows[1]["bias_error"]
    result = run(*words)
    assert "coverage" in result.stdout and "pyfixest differ by at most" in result.stderr.replace("\n", " ")


@pytest.mark.slow
def test_refusals_leave_nothing_behind(pilot_file: Path, tmp_path: Path):
    out, picture = tmp_path / "table.csv", tmp_path / "events.svg"
    asked = ("--out", out, "--plot", picture)
    broken = tmp_path / "broken.csv"
    broken.write_text(pilot_file.read_text() + "P000,W0,2024-99-01,0,1,1,,1\n")
    for words in (
        ("analyse", pilot_file, *asked),
        ("analyse", broken, *UNIT, *asked),
        ("analyse", tmp_path / "none.csv", *asked),
        ("analyse", pilot_file, *UNIT, *asked, "--format", "html"),
        ("analyse", pilot_file, *UNIT, *asked, "--table", "effects"),
        ("analyse", pilot_file, *UNIT, *asked, "--table", "years"),
        ("analyse", pilot_file, *UNIT, *asked, "--column", "cluster"),
        ("analyse", pilot_file, *UNIT, *asked, "--outcome", "profit"),
        ("analyse", pilot_file, *UNIT, *asked, "--washout", 99),
        ("plan", pilot_file, *UNIT, "--out", out),
        ("plan", pilot_file, *UNIT, "--out", out, "--stockout", -1, "--days", 400),
        ("year-on-year", pilot_file, *UNIT, "--out", out, "--from", "July", "--to", "2024-08-01"),
        ("year-on-year", pilot_file, *UNIT, "--out", out, "--from", "2024-02-01", "--to", "2024-02-09"),
        ("simulate", "--out", out, "--picked", "best"),
    ):
        refusal(*words)
        assert not out.exists() and not picture.exists(), words
    assert "no picture name" in refusal("analyse", pilot_file, *UNIT, "--plot", tmp_path / "x.bmp").message
    assert "no folder" in refusal("analyse", pilot_file, *UNIT, "--plot", tmp_path / "no" / "x.png").message


@pytest.mark.parametrize("command", ["analyse", "year-on-year", "plan", "simulate"])
def test_help_ends_with_examples_and_needs_no_heavy_import(command: str):
    result = run(command, "--help")
    assert f"invrl pilot {command}" in result.stdout and "Examples" in result.stdout
    code = "import sys, invrl.cli.pilot; print({'jax', 'numpy', 'scipy', 'matplotlib'} & set(sys.modules))"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "set()"
    )


def test_an_example_pilot_can_be_analysed(tmp_path: Path):
    """What `--example` writes is the pilot of that seed, and `analyse` reads it."""
    file, world = tmp_path / "pilot.csv", ("--statistical", "--pairs", 40, "--before", 28, "--after", 28)
    result = run("simulate", *world, "--seed", 7, "--example", file)
    assert "stockout -0.83, turnover -9.53" in result.stderr.replace("\n", " ")
    table = process_trial(Process(pairs=40, before=28, after=28))(np.random.default_rng(7)).table
    rows = list(csv.DictReader(file.open()))
    assert len(rows) == len(table.unit) and list(rows[0])[:3] == ["unit", "date", "treatment_date"]
    assert [float(row["sales"]) for row in rows] == pytest.approx(table.sales, rel=1e-4)
    assert json.loads(run("analyse", file, "--json").stdout)
    refusal("simulate", *world, "--example", file)


def test_simulate_refuses_what_does_not_go_together(tmp_path: Path):
    assert "--statistical" in refusal("simulate", "--stockout", -1).hint
    for words in (
        ("--statistical", "--shift", 1),
        ("--run", "x", "--shift", 1),
        ("--run", "x", "--data", "y"),
    ):
        assert "does not go with" in refusal("simulate", *words).message
