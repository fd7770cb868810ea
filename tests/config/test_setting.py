"""Unit, bounds and tracing of a setting stand in its field, and everything else follows from there."""

import dataclasses
from dataclasses import dataclass
from typing import Annotated

import pytest

from invrl.config import reading
from invrl.config.schema import Config
from invrl.config.sections import explained, known_keys
from invrl.config.setting import ABOVE_0, SHARE, TRACED, Bounds, settings, traced_numbers
from invrl.errors import InvrlError


@dataclass(frozen=True)
class Section:
    rate: Annotated[float, "per step", TRACED, ABOVE_0] = 0.5
    """How fast
    it goes."""
    hidden: tuple[int, ...] = (8,)
    name: str = "x"


def test_a_field_says_everything():
    rate, hidden, name = settings(Section).values()
    assert (rate.unit, rate.bounds, rate.traced, rate.default) == ("per step", ABOVE_0, True, 0.5)
    assert (rate.sentence, rate.type) == ("How fast it goes.", float)
    assert (hidden.bounds, hidden.traced) == (Bounds(), False)
    assert name.bounds is None
    assert traced_numbers(Section(0.25))._asdict() == {"rate": 0.25}


@pytest.mark.parametrize(
    ("bounds", "inside", "outside"),
    [
        (Bounds(), (0, 1e9, 2**32 - 1), (-1e-9, float("nan"), float("inf"), 2**32)),
        (ABOVE_0, (1e-9,), (0, float("nan"))),
        (SHARE, (0, 1), (1.1, -0.1)),
    ],
)
def test_bounds(bounds, inside, outside):
    assert all(number in bounds for number in inside)
    assert not any(number in bounds for number in outside)


def test_every_setting_has_a_sentence_and_its_default_is_within_bounds():
    reading.build(reading.to_tree(Config()))
    for key in known_keys():
        (found,) = explained(key)
        assert found["about"], key


def test_bounds_of_the_schema_are_kept():
    for word, said in (
        ("ddpg.gamma=1.5", "ddpg.gamma: 1.5 is not at least 0 and at most 1"),
        ("ppo.minibatch=0", "ppo.minibatch: 0 is not above 0"),
        ("network.hidden=[8,0]", "network.hidden: 0 is not above 0"),
        ("objective.holding=nan", "objective.holding: nan is not at least 0"),
    ):
        with pytest.raises(InvrlError) as error:
            reading.load(None, [word])
        assert str(error.value).startswith(said)
    assert reading.load(None, ["data.options.shift=-3"]).data.options == {"shift": -3}


def test_explained():
    (gamma,) = explained("ddpg.gamma")
    assert (gamma["unit"], gamma["default"]) == ("per order", 0.95)
    assert gamma["compiled"].startswith("traced")
    (unmet,) = explained("supply.unmet")
    assert unmet["bounds"] == "one of lost, backlog" and unmet["compiled"].startswith("recompiles")
    names = [field.name for field in dataclasses.fields(Config().ds)]
    assert [row["key"] for row in explained("ds")] == [f"ds.{name}" for name in names]
    with pytest.raises(InvrlError, match=r"no key `ddpg\.gama`") as error:
        explained("ddpg.gama")
    assert error.value.hint == "did you mean `ddpg.gamma`?"
