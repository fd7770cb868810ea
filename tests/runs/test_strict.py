"""Every JSON that leaves the program is strict."""

from __future__ import annotations

import ast
import json
import math
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as some

from invrl.runs import strict
from invrl.runs.directory import Run

ODD = {"a": math.nan, "b": [math.inf, 1.5], "c": np.array([np.nan, 2.0]), "d": np.float32("-inf"), "e": (1,)}


def refuse(name: str) -> None:
    raise AssertionError(name)


@given(
    some.recursive(some.floats() | some.text(), lambda s: some.lists(s) | some.dictionaries(some.text(), s))
)
def test_any_tree_is_strict(tree: object) -> None:
    json.loads(strict.text(tree), parse_constant=refuse)


def test_numbers_that_are_none_become_null() -> None:
    expected = {"a": None, "b": [None, 1.5], "c": [None, 2.0], "d": None, "e": [1]}
    assert json.loads(strict.text(ODD), parse_constant=refuse) == expected


def test_a_log_reads_back_what_was_no_number(tmp_path: Path) -> None:
    run = Run(tmp_path)
    run.log({"update": 5, "loss": math.nan})
    assert math.isnan(run.metrics()[0]["loss"])
    assert "NaN" not in (tmp_path / "metrics.jsonl").read_text()


def test_nothing_else_writes_json() -> None:
    """`json.dumps` alone lets NaN through; config words and file notes hold text and flags only."""
    package = Path(strict.__file__).parents[1]
    found = {
        str(path.relative_to(package))
        for path in package.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and ast.unparse(node) in ("json.dumps", "json.dump")
    }
    allowed = {"runs/strict.py", "config/toml.py", "cli/data.py", "sources/files.py", "tuning/study.py"}
    assert found <= allowed
