"""An algorithm from a plugin's file: a variant under another's section, and one with settings of its own."""

import sys
from dataclasses import replace

import pytest
from builders import SMALL, make_config

from invrl import registry
from invrl.config import reading
from invrl.config.schema import Config
from invrl.config.sections import explained, section_of
from invrl.config.toml import to_toml
from invrl.errors import InvrlError
from invrl.training import trainer
from invrl.tuning.lanes import shape_of

PLUGIN = '''
from __future__ import annotations
from dataclasses import dataclass
from typing import Annotated
from invrl.algorithms.ds import DS
from invrl.config.setting import ABOVE_0, TRACED
from invrl.registry import register


@dataclass(frozen=True)
class Mine:
    learning_rate: Annotated[float, TRACED] = 3e-3
    """How fast."""
    final_learning_rate: Annotated[float, TRACED] = 3e-4
    clip_norm: Annotated[float, TRACED, ABOVE_0] = 1.0
    depth: int = 2


register("algorithm", "ds2", DS)
space = {"mine.clip_norm": "log 0.1 9"}
register("algorithm", "ds3", DS._replace(section="mine", settings=Mine, space=space))
'''


@pytest.fixture
def plugin(tmp_path, monkeypatch):
    """The file, its names forgotten afterwards."""
    monkeypatch.setitem(registry.TABLES, "algorithm", registry.ALGORITHMS)
    before = dict(registry.ALGORITHMS)
    file = tmp_path / "plugin.py"
    file.write_text(PLUGIN)
    yield file
    for name in set(registry.ALGORITHMS) - set(before):
        del registry.ALGORITHMS[name]
    sys.modules.pop(registry.PLUGIN, None)


def test_a_section_of_its_own(plugin):
    registry.load_plugin(str(plugin))
    assert (section_of("ds2"), section_of("ds3"), section_of("ppo")) == ("ds", "mine", "ppo")
    config = reading.load(None, ["algo=ds3", "mine.clip_norm=2"])
    assert registry.get("algorithm", "ds3").hyper(config)._asdict()["clip_norm"] == 2
    (said,) = explained("mine.learning_rate")
    assert said["about"] == "How fast."
    with pytest.raises(InvrlError, match=r"mine\.clip_norm: 0\.0 is not above 0"):
        reading.load(None, ["mine.clip_norm=0.0"])
    assert "[mine]" in to_toml(config) and "[mine]" not in to_toml(replace(config, algo="ds2"))


def test_runs_share_a_program_unless_a_number_is_not_traced(plugin):
    registry.load_plugin(str(plugin))
    plain, traced, apart = (
        make_config("algo=ds3", *word) for word in ((), ("mine.clip_norm=2", "seed=4"), ("mine.depth=3",))
    )
    assert shape_of(plain) == shape_of(traced) != shape_of(apart)
    assert shape_of(make_config("algo=ds2", "ds.clip_norm=2")) == shape_of(make_config("algo=ds2"))


def test_without_its_plugin_a_section_is_refused():
    with pytest.raises(InvrlError, match="mine: unknown key") as error:
        reading.build({"mine": {"depth": 2}})
    assert "--plugin FILE" in error.value.hint
    assert type(reading.build({})) is Config


@pytest.mark.slow
def test_a_diverged_variant_is_told_the_key_of_its_section(plugin):
    registry.load_plugin(str(plugin))
    for algo, key in {"ds2": "ds.learning_rate=", "ds3": "mine.learning_rate="}.items():
        assert key in trainer._lower_rate(reading.load(None, [f"algo={algo}"]))


@pytest.mark.slow
def test_trained_and_tuned_as_typed(plugin, tmp_path, invrl):
    words = [*SMALL, "train.updates=5", "--algo", "ds3", "--reg", "base", "--out", str(tmp_path), "--quiet"]

    def done(*words: str) -> None:
        for name in ("ds2", "ds3"):
            registry.ALGORITHMS.pop(name, None)
        typed = invrl(*words, "--plugin", plugin)
        assert not typed.code, typed.err

    done("train", *words, "--name", "run")
    (run,) = tmp_path.glob("run-*")
    done("evaluate", str(run))
    done("tune", *words, "--trials", "1", "--name", "study")
    assert (tmp_path / "study" / "best.toml").exists()
