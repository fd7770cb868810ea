"""Files appear whole or not at all; no text cell becomes a formula."""

from __future__ import annotations

import errno

import numpy as np
import pytest

from invrl.demand.panel import Panel
from invrl.errors import InvrlError
from invrl.sources.files import read_panel, write_panel
from invrl.tables.whole import guarded, unguarded, whole_file, write_text


def full(*_):
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "f.json"
    write_text(path, "old")
    with (
        pytest.raises(InvrlError, match=r"cannot write .*f\.json: No space left"),
        whole_file(path) as partial,
    ):
        partial.write_text("half")
        full()
    assert [p.name for p in tmp_path.iterdir()] == ["f.json"] and path.read_text() == "old"


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_panel_that_cannot_be_written_leaves_nothing(tmp_path, monkeypatch, suffix):
    monkeypatch.setattr("invrl.tables.whole.os.replace", full)
    panel = Panel(np.ones((3, 1), np.float32), np.array(["A"]), np.array(["W"]))
    with pytest.raises(InvrlError, match="No space left"):
        write_panel(panel, tmp_path / f"p{suffix}")
    assert not list(tmp_path.iterdir())


def test_what_a_killed_process_left_goes_with_the_next_write(tmp_path):
    (tmp_path / "f.txt.999999999.partial").write_text("half")
    write_text(tmp_path / "f.txt", "whole")
    assert [p.name for p in tmp_path.iterdir()] == ["f.txt"]


def test_errors_of_other_files_keep_their_own_name(tmp_path):
    with pytest.raises(FileNotFoundError), whole_file(tmp_path / "f.txt"):
        (tmp_path / "other").read_text()


@pytest.mark.parametrize("text", ["=1+cmd|' /C calc'!A0", "@SUM(A1)", "+x", "-1+cmd|x", "\tx", "-A"])
def test_formulas_are_quoted_and_read_back(text):
    assert guarded(text) == f"'{text}" and unguarded(guarded(text)) == text


@pytest.mark.parametrize("text", ["-5", "+54.9±0.0*", "A-1", "-", "", "'quoted'", "1.2"])
def test_figures_and_plain_text_stay(text):
    assert guarded(text) == text == unguarded(text)


def test_names_that_look_like_formulas_come_back_from_csv(tmp_path):
    names = np.array(["=cmd|x", "-5", "@you", "plain"])
    panel = Panel(np.ones((3, 4), np.float32), names, np.full(4, "+W"))
    write_panel(panel, tmp_path / "p.csv")
    text = (tmp_path / "p.csv").read_text()
    assert "'=cmd" in text and "'@you" in text and "'+W" in text and "'-5" not in text
    assert read_panel(tmp_path / "p.csv").sku.tolist() == names.tolist()
