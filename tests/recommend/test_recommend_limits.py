"""The arithmetic of orders and names, by hand."""

from dataclasses import replace

import numpy as np
import pytest
from builders import make_config

from invrl.errors import InvrlError
from invrl.recommend import daily
from invrl.sources.names import Names, pairs_in


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
