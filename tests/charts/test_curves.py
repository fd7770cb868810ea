"""`invrl runs plot`: what is grouped, what is shown, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from invrl.charts import learning
from invrl.cli.sketch import sketch
from invrl.config.schema import Config
from invrl.config.toml import to_toml
from invrl.errors import InvrlError
from invrl.runs.directory import Run

LOG = [
    {
        "update": 10,
        "validation_objective": 5.0,
        "bellman_error": 9.0,
        "q_mean": -3.0,
        "q_min": -8.0,
        "odd": 1.0,
    },
    {
        "update": 20,
        "validation_objective": 4.0,
        "bellman_error": 0.3,
        "q_mean": -2.0,
        "q_min": -4.0,
        "odd": 2.0,
    },
    {
        "update": 30,
        "validation_objective": 4.5,
        "bellman_error": 0.1,
        "q_mean": -1.0,
        "q_min": -3.0,
        "odd": 3.0,
    },
]


@pytest.fixture
def run_of(tmp_path: Path) -> Callable[..., Run]:
    """Makes a run directory with a log."""

    def make(name: str, log: list[dict] = LOG) -> Run:
        run = Run(tmp_path / "runs" / name)
        run.path.mkdir(parents=True)
        (run.path / "config.toml").write_text(to_toml(Config()))
        (run.path / "metrics.jsonl").write_text("".join(json.dumps(record) + "\n" for record in log))
        return run

    return make


def test_without_a_choice_every_logged_group_is_shown(run_of) -> None:
    found = learning.panels([run_of("a"), run_of("b")])
    assert [panel.group.title for panel in found] == ["objective", "Bellman error", "Q-values"]
    q = found[2]
    assert [(line.run, line.key) for line in q.lines] == [
        ("a", "q_mean"), ("a", "q_min"), ("b", "q_mean"), ("b", "q_min"),
    ]  # fmt: skip
    assert q.lines[1].update.tolist() == [10, 20, 30] and q.lines[1].value.tolist() == [-8, -4, -3]


def test_a_metric_outside_the_groups_can_be_named(run_of) -> None:
    (panel,) = learning.panels([run_of("a")], ["odd"])
    assert panel.group.title == "odd" and panel.lines[0].value.tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    ("what", "hint"), [("belman", "did you mean `bellman`?"), ("kl", "choose one of objective, bellman, q, ")]
)
def test_what_no_run_has_logged_is_refused(run_of, what: str, hint: str) -> None:
    with pytest.raises(InvrlError, match="no run has logged") as caught:
        learning.panels([run_of("a")], [what])
    assert hint in caught.value.hint


def test_a_run_without_a_log_is_named(run_of) -> None:
    with pytest.raises(InvrlError, match="silent has logged nothing"):
        learning.panels([run_of("silent", [])])


def test_the_focus_is_on_the_later_half() -> None:
    low, high = learning.focus([np.array([900.0, 50.0, 5.0, 4.0, 4.2, 4.4])])
    assert low < 4 and 4.4 < high < 7  # within two heights (0.4) of the later half, not 900
    low, high = learning.focus([np.array([3.0, 3.0, 3.0])])
    assert low < 3 < high


def test_a_logarithmic_axis_only_where_it_helps(run_of) -> None:
    bellman, q = learning.panels([run_of("a")], ["bellman", "q"])
    assert learning.wants_log(bellman)  # 0.1 to 9, positive
    assert not learning.wants_log(q)
    narrow = learning.panels([run_of("b", [record | {"bellman_error": 5.0} for record in LOG])], ["bellman"])[
        0
    ]
    assert not learning.wants_log(narrow)


def test_a_sketch_of_a_rising_line() -> None:
    """One letter is 2 x 4 dots: left column dots 1 to 3 from the top, right column 0 and 1."""
    ((letter,),) = sketch([(np.array([0, 1]), np.array([0.0, 1.0]))], 0.0, 1.0, width=1, height=1)
    assert letter == (chr(0x2800 + 0x02 + 0x04 + 0x40 + 0x08 + 0x10), 0)


def test_a_sketch_cuts_at_its_limits_and_knows_whose_line_it_is() -> None:
    x = np.arange(40)
    rows = sketch([(x, np.full(40, 99.0)), (x, np.full(40, -99.0))], 0.0, 1.0, width=20, height=3)
    assert {who for _, who in rows[0]} == {0} and {who for _, who in rows[1]} == {-1}
    assert {who for _, who in rows[2]} == {1} and {letter for letter, _ in rows[2]} == {
        chr(0x2800 + 0x40 + 0x80)
    }


def test_in_the_terminal(run_of, invrl) -> None:
    run_of("a")
    code, out, _ = invrl("runs", "plot", "runs/a", "--what", "objective,q")
    assert code == 0
    assert "a validation_objective: 5 to 4.5, lowest 4, highest 5" in out
    assert "a q_min: -8 to -3" in out and "Bellman" not in out
    assert any(0x2801 <= ord(letter) <= 0x28FF for letter in out), "no line was drawn"


@pytest.mark.parametrize(("name", "start"), [("c.png", b"\x89PNG"), ("c.svg", b"<?xml")])
def test_as_a_picture(run_of, invrl, tmp_path, name: str, start: bytes) -> None:
    pytest.importorskip("matplotlib")
    run_of("a"), run_of("b")
    code, _, err = invrl("runs", "plot", "runs", "--out", name)
    assert code == 0 and f"wrote {name}" in err
    content = (tmp_path / name).read_bytes()
    assert content.startswith(start) and len(content) > 5000
    if name == "c.svg":
        assert all(words in content.decode() for words in ("Bellman error", "Q-values", ">a<", ">b<"))
    code, _, err = invrl("runs", "plot", "runs", "--out", name)
    assert code == 2 and "exists already" in err and (tmp_path / name).read_bytes() == content


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("nothing",), "no run `nothing`"),
        (("runs/a", "--out", "c.gif"), "c.gif is no picture name"),
        (("runs/a", "--out", "no/c.png"), "there is no folder no"),
        (("runs/a", "--what", "nonsense"), "no run has logged `nonsense`"),
    ],
)
def test_bad_words(run_of, invrl, words: tuple[str, ...], message: str) -> None:
    pytest.importorskip("matplotlib")
    run_of("a")
    code, out, err = invrl("runs", "plot", *words)
    assert (code, out) == (2, "") and f"error: {message}" in err and "hint: " in err
