"""What is equal is compiled once: most of a short run is the compiling of its programs."""

from __future__ import annotations

import pytest
from builders import make_config, make_experiment, poisson_panel

from invrl import registry
from invrl.demand import episodes
from invrl.scoring import rules

WORDS = ("supply.lead_time=1,3", "split.validation_days=12", "split.test_days=12", "network.hidden=[4]")


def test_parts_of_one_length_are_built_by_one_program() -> None:
    experiment = make_experiment(poisson_panel(61, 5), *WORDS)
    assert experiment.validation.days == experiment.test.days
    built = episodes._build._cache_size()
    for name in ("validation", "test"):
        assert experiment.dataset(name).groups[0].episode.measured.any()
    assert episodes._build._cache_size() == built


def test_shapes_of_equal_parts_are_traced_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every command asks for them, of every part, before it builds any."""
    traced = []
    build = episodes.build_episode
    monkeypatch.setattr(episodes, "build_episode", lambda *given: traced.append(0) or build(*given))
    for _ in range(2):
        experiment = make_experiment(poisson_panel(67, 5), *WORDS)
        assert experiment.policy and experiment.bytes_per_pair("train")
        assert experiment.bytes_per_pair("validation") == experiment.bytes_per_pair("test")
    assert len(traced) == 2


def test_equal_policies_are_one_program_and_others_are_not() -> None:
    panel = poisson_panel(61, 5)

    def program(*words: str) -> object:
        return rules._compiled(rules.learned(make_experiment(panel, *WORDS, *words).policy), "lost")

    assert program() is program("seed=3")
    assert program() is not program("network.hidden=[5]")
    assert program() is not program("reg=none")


def test_equal_incumbents_are_one_program() -> None:
    found = [
        rules.classical(registry.get("baseline", "incumbent"), make_config(word))
        for word in ("seed=0", "seed=1", "supply.unmet=backlog")
    ]
    assert found[0] is found[1] and found[0] is not found[2]
