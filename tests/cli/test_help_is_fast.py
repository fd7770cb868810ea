"""`invrl --help` must not wait for jax."""

from __future__ import annotations

import subprocess
import sys

import pytest

from invrl.cli import COMMANDS, GROUPS, make_app

HEAVY = ("jax", "flax", "optax", "numpy", "pandas", "pyarrow", "matplotlib", "optuna", "ray")

SCRIPT = """
import runpy, sys
sys.argv = ["invrl", *{words}]
try:
    runpy.run_module("invrl", run_name="__main__")
except SystemExit as end:
    assert end.code in (0, None), end.code
print("loaded:", *[name for name in {heavy} if name in sys.modules])
"""


@pytest.mark.parametrize("words", [["--help"], ["data", "--help"], ["train", "--help"]], ids=" ".join)
def test_help_leaves_heavy_packages_out(words: list[str]) -> None:
    script = SCRIPT.format(words=words, heavy=HEAVY)
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True
    )
    *help_text, loaded = done.stdout.strip().splitlines()
    assert "Usage" in "\n".join(help_text)
    assert loaded == "loaded:"


def test_a_command_is_made_without_the_others() -> None:
    made = make_app(["train", "--help"])
    assert [command.callback.__name__ for command in made.registered_commands if command.callback] == [
        "train"
    ]
    assert not made.registered_groups
    whole = make_app(["no-such-command"])
    assert len(whole.registered_commands) == len(COMMANDS)
    assert len(whole.registered_groups) == len(GROUPS)
