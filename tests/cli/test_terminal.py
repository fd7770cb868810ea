"""No name, encoding, closed pipe or refused file breaks a command or the terminal."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from invrl import cli
from invrl.cli import console


def invrl(*words: str, env: dict[str, str] | None = None, shell: str = "") -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "invrl", *words]
    if shell:
        command = ["bash", "-c", f'"$@" {shell}', "bash", *command]
    return subprocess.run(command, capture_output=True, env={**os.environ, **(env or {})}, timeout=60)


def test_a_name_is_printed_as_it_is(capsys):
    console.say("e[red]v \x1b[31mred \x9bx")
    console.emit([{"run": "e[red]v\x1b[2J", "score": 1.0}])
    found = capsys.readouterr()
    assert "e[red]v \\x1b[31mred \\x9bx" in found.err and "\x1b" not in found.err + found.out
    assert "e[red]v\\x1b[2J" in found.out


@pytest.mark.parametrize("width", [40, 80, 120])
def test_no_name_is_cut_off(monkeypatch, capsys, width):
    """A table that does not fit the terminal is written row by row."""
    monkeypatch.setenv("COLUMNS", str(width))
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    name = "incumbent-of-a-long-name-1a2b3c"
    console.emit([{"run": name, "cell": "incumbent", "data": "base.csv", "stockout rate (%)": "12.50±9.38"}])
    found = capsys.readouterr().out
    assert name in found and "12.50±9.38" in found and "…" not in found
    assert (f"run: {name}" in found) == (width == 40)


def test_csv_cells_are_no_formulas():
    assert console.render([{"sku": "=1+1", "gain": "+1.2±0.3*", "n": -5}], "csv") == (
        "sku,gain,n\n'=1+1,+1.2±0.3*,-5"
    )


@pytest.mark.parametrize(
    "env", [{"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}]
)
def test_letters_that_the_terminal_has_not(tmp_path, env):
    done = invrl("config", "check", "größe±.toml", env=env)
    assert done.returncode == 2 and b"Traceback" not in done.stderr


def test_a_reader_that_stops_reading_is_no_failed_check():
    done = invrl("config", "show", "quickstart", shell="| true; exit ${PIPESTATUS[0]}")
    assert done.returncode in (0, cli.CUT_OFF) and b"Error" not in done.stderr


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (PermissionError(13, "Permission denied", "/x/y"), "error: /x/y: Permission denied"),
        (OSError(28, "No space left on device"), "error: No space left on device"),
    ],
)
def test_what_the_system_refuses_is_one_line(monkeypatch, capsys, error, said):
    def refuse() -> None:
        raise error

    monkeypatch.setattr(cli, "make_app", lambda words: refuse)
    with pytest.raises(SystemExit) as stop:
        cli.main()
    assert stop.value.code == 2 and capsys.readouterr().err.splitlines()[0] == said


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (KeyError("best_update"), "error: this was not foreseen: KeyError: 'best_update'"),
        (MemoryError(), "error: there is not enough memory"),
        (
            RuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 8 bytes"),
            "error: there is not enough memory",
        ),
    ],
)
def test_what_nobody_foresaw_is_one_line_too(monkeypatch, capsys, error, said):
    def break_down() -> None:
        raise error

    monkeypatch.setattr(cli, "make_app", lambda words: break_down)
    with pytest.raises(SystemExit) as stop:
        cli.main()
    line, _, hint = capsys.readouterr().err.partition("\n\nhint: ")
    assert (stop.value.code, line) == (2, said) and hint
    monkeypatch.setenv("INVRL_DEBUG", "1")
    with pytest.raises(cli.InvrlError) as shown:
        cli.main()
    assert shown.value.__cause__ is error
