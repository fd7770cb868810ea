"""A run that diverged says which learning rate to try, by its key."""

import math
from dataclasses import replace

import pytest

from invrl.config.schema import Config
from invrl.errors import InvrlError
from invrl.training import trainer


@pytest.mark.parametrize(
    ("algo", "keys"),
    [
        ("ds", ["ds.learning_rate=0.001"]),
        ("ddpg", ["ddpg.actor_learning_rate=", "ddpg.critic_learning_rate="]),
        ("ppo", ["ppo.learning_rate="]),
    ],
)
def test_the_hint_names_the_key(algo, keys):
    with pytest.raises(InvrlError) as caught:
        trainer._refuse_non_finite({"loss": math.nan}, 50, replace(Config(), algo=algo))
    assert all(key in caught.value.hint for key in keys)


def test_an_algorithm_without_a_section_gets_the_hint_in_words():
    with pytest.raises(InvrlError) as caught:
        trainer._refuse_non_finite({"loss": math.nan}, 50, replace(Config(), algo="of_a_plugin"))
    assert "a lower learning rate" in caught.value.hint
