"""One writer of a directory, and logs that a kill cannot spoil."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from invrl.errors import InvrlError
from invrl.runs.directory import read_lines
from invrl.runs.writing import append_line, checked_name, only_writer

HOLD = """
import sys, pathlib
from invrl.runs.writing import only_writer
with only_writer(pathlib.Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_writer_is_refused_until_the_first_is_gone(tmp_path: Path) -> None:
    first = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert first.stdout is not None and first.stdout.readline() == b"held\n"
    with pytest.raises(InvrlError, match="another command is writing"), only_writer(tmp_path):
        pass
    first.kill()  # as kill -9 does: no time to tidy up
    first.wait()
    with only_writer(tmp_path):
        assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("torn", [b"", b'{"a": 1}\n', b'{"a": 1}\n{"a": 2', b'{"a'])
def test_a_torn_line_is_cut_off_by_the_next(tmp_path: Path, torn: bytes) -> None:
    log = tmp_path / "log.jsonl"
    log.write_bytes(torn)
    append_line(log, {"a": 3})
    append_line(log, {"a": 4})
    assert [record["a"] for record in read_lines(log)] == [1] * torn.count(b"}\n") + [3, 4]


@pytest.mark.parametrize("name", ["../esc", "a/b", "..", "/tmp/x"])
def test_a_name_stays_in_its_folder(name: str) -> None:
    with pytest.raises(InvrlError, match="not one name"):
        checked_name(name)
