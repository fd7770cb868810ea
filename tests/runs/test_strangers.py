"""A run, study or panel from a stranger: it runs no code, writes nowhere else, and breaks no terminal."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from builders import make_config, poisson_panel

from invrl.cli import console
from invrl.config.toml import to_toml
from invrl.errors import InvrlError
from invrl.runs.arrays import read_arrays
from invrl.runs.directory import Run, read_lines
from invrl.runs.writing import append_line, only_writer
from invrl.scoring import trace
from invrl.sources.files import write_panel
from invrl.tables.whole import refuse_unwritable


class Bomb:
    """Leaves a file where it is unpickled."""

    def __reduce__(self):
        return (Path.touch, (Path("it-ran"),))


def run_of(folder: Path, config: str = "", **files: object) -> Run:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.toml").write_text(config or to_toml(make_config()))
    for name, content in files.items():
        text = content if isinstance(content, str) else json.dumps(content)
        (folder / f"{name}.json").write_text(text)
    return Run(folder)


def test_arrays_are_no_pickles(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.savez("objects.npz", x=np.array([Bomb()], dtype=object))
    Path("pickle.npz").write_bytes(pickle.dumps(Bomb()))
    Path("cut.npz").write_bytes(Path("objects.npz").read_bytes()[:50])
    for name in ("objects.npz", "pickle.npz", "cut.npz"):
        with pytest.raises(InvrlError, match="is damaged") as error:
            read_arrays(Path(name))
        assert "\n" not in error.value.message and error.value.hint
    assert not Path("it-ran").exists()


@pytest.mark.parametrize(
    "config",
    [
        "plugin = 'bomb.py'\n",
        "algo = 'bomb:Bomb'\n",
        "reg = 'os:system'\n",
        "[data]\nsource = 'bomb:Bomb'\n",
        "[baseline]\nbeside = ['bomb:Bomb']\n",
    ],
)
def test_a_config_names_no_code(invrl, config):
    """What it names is looked up in our tables, or in those of a --plugin that the user gives."""
    Path("bomb.py").write_text("import pathlib; pathlib.Path('it-ran').touch()")
    run_of(Path("runs/x"), config, manifest={"argv": [], "started": "", "data_fingerprint": ""})
    for words in (("config", "check", "runs/x/config.toml"), ("resume", "runs/x")):
        typed = invrl(*words)
        assert typed.code == 2 and "Traceback" not in typed.err
    assert not Path("it-ran").exists()


@pytest.mark.parametrize("name", ["metrics.jsonl", "checkpoints", "checkpoints/last.npz"])
def test_nothing_is_written_through_a_link(tmp_path, name):
    other = tmp_path / "other"
    other.mkdir()
    (other / "victim").write_text("mine")
    run = run_of(tmp_path / "run")
    link = run.path / name
    link.parent.mkdir(exist_ok=True)
    link.symlink_to(other if name == "checkpoints" else other / "victim")
    with pytest.raises(InvrlError, match="is a link"), only_writer(run.path):
        append_line(run.path / "metrics.jsonl", {"x": 1.0})
    assert (other / "victim").read_text() == "mine"


@pytest.mark.parametrize("content", ["{", "[1]", "{}x", '{"policy": 1}', "[" * 5000])
def test_results_of_another_hand(tmp_path, invrl, content):
    run = run_of(Path("runs/x"), results=content)
    with pytest.raises(InvrlError) as error:
        run.needed("results.json")
    assert "\n" not in error.value.message and error.value.hint
    typed = invrl("compare", "x")
    assert typed.code == 2 and "\n\nhint: " in typed.err and "Traceback" not in typed.err


@pytest.mark.parametrize("line", ["{\n", "[1]\n", "\x00\n"])
def test_logs_of_another_hand(tmp_path, line):
    (tmp_path / "log").write_text(line)
    with pytest.raises(InvrlError, match="is damaged"):
        read_lines(tmp_path / "log")


NAME = "\x1b[2J\x9b31m[red]=1+1"


def test_names_do_nothing_in_a_terminal(invrl, capsys):
    panel = poisson_panel(60, 2, sku=np.array([NAME, "B"]))
    write_panel(panel, "f.parquet")
    typed = invrl("data", "describe", "f.parquet")
    assert typed.code == 0 and "[red]" in typed.out
    console.emit([{"name": NAME}], format="csv")
    console.emit([{"name": NAME}], format="markdown")
    console.tell(NAME)
    shown = typed.out + typed.err + "".join(capsys.readouterr())
    assert "\x1b" not in shown and "\x9b" not in shown


def test_names_are_no_formulas_in_any_csv(tmp_path):
    trace.write({"sku": np.array(["=1+1", "+A", "B"]), "order": np.ones(3)}, tmp_path / "t.csv")
    write_panel(poisson_panel(5, 1, sku=np.array(["=1+1"])), tmp_path / "p.csv")
    for path in tmp_path.glob("*.csv"):
        cells = [cell for line in path.read_text().splitlines() for cell in line.replace('"', "").split(",")]
        assert any(cell.startswith("'=") for cell in cells)
        assert not any(cell.startswith(("=", "@")) for cell in cells)


@pytest.mark.parametrize("words", [("runs", "show"), ("resume",), ("compare",), ("runs", "export")])
def test_a_folder_with_a_config_alone_is_no_run(invrl, words):
    run_of(Path("x"), to_toml(make_config("data.options.pairs=4", "data.options.days=70")))
    typed = invrl(*words, "x", *(["--to", "x.parquet"] if "export" in words else []))
    assert typed.code == 2 and "\n\nhint: " in typed.err and "not foreseen" not in typed.err


def test_words_that_are_wrong_are_refused_before_any_work(invrl):
    run_of(Path("x"))
    assert "no format `nope`" in invrl("compare", "x", "--format", "nope").err
    assert invrl("compare", "x", "--bootstrap", "-1").code == 2
    assert "there is no folder no" in invrl("runs", "export", "x", "--to", "no/x.parquet").err
    with pytest.raises(InvrlError, match="there is no folder"):
        refuse_unwritable(Path("no/t.csv"))
