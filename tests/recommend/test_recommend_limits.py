"""The arithmetic of orders and names, by hand."""

from dataclasses import replace

import jax.numpy as jnp
import numpy as np
import pytest
from builders import make_config

from invrl.config.schema import Supply
from invrl.errors import InvrlError
from invrl.recommend import daily, orders
from invrl.scoring.rules import rounded
from invrl.sources.names import Names, pairs_in


def test_pack_and_minimum_are_those_of_the_evaluation():
    wanted = jnp.array([0.0, 1.4, 1.5, 4.4, 7.6, 100.0])
    for pack, least in ((0.0, 0.0), (3.0, 0.0), (0.0, 4.0), (3.0, 4.0)):
        same = rounded(wanted, Supply(pack_size=pack, min_order=least))
        np.testing.assert_array_equal(orders.in_packs(wanted, jnp.full(6, pack), jnp.full(6, least)), same)


def test_where_the_cap_cuts_packs_stay_whole():
    packed, cap = jnp.array([12.0, 12.0, 12.0, 12.0]), jnp.array([20.0, 11.9, 5.0, 3.0])
    cut = jnp.minimum(packed, cap)
    found = orders.whole_below(cut, packed, jnp.full(4, 4.0), jnp.array([0.0, 0.0, 5.0, 0.0]))
    np.testing.assert_array_equal(found, [12, 8, 0, 0])


def test_pairs_are_found_by_both_names():
    names = Names(
        np.array([0, 1, 0, 2]), np.array(["b", "x", "a"]), np.array([0, 0, 1, 1]), np.array(["w", "v"])
    )
    found = pairs_in(names, np.array(["a", "b", "b"]), np.array(["v", "v", "w"]))
    assert list(found) == [2, -1, 1, 0]  # b@w, x@w, b@v, a@v


def test_limits_of_the_day_replace_those_of_the_run():
    config = make_config("supply.lead_time=4")
    changed = daily.with_limits(config, ["supply.pack_size=6"])
    assert changed == replace(config, supply=replace(config.supply, pack_size=6.0))
    with pytest.raises(InvrlError, match=r"`supply.lead_time` cannot change on the day"):
        daily.with_limits(config, ["supply.lead_time=2"])
