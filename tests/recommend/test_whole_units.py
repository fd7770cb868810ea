"""Whole units and packs from the simulator to the order file: one rounding, one way to write it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("pyarrow")

import pyarrow as pa
import shop
from shop import TODAY

from invrl import recommend
from invrl.errors import InvrlError
from invrl.recommend import Request


@pytest.fixture(scope="module")
def setting(tmp_path_factory):
    """(run, today's states): the shop's demand is whole, and nobody says otherwise."""
    run, experiment = shop.make_run(tmp_path_factory.mktemp("whole"), "reg=base", "supply.units=auto")
    assert run.config.supply.units == "whole"  # found, and written down
    return run, shop.states(run, experiment)


def ordered(run, path: Path, out: Path) -> dict[str, np.ndarray]:
    recommend.recommend(recommend.prepare(run, Request(path, date=str(TODAY))), out)
    return shop.read(out)


def test_orders_are_whole_in_the_simulator_the_file_and_the_explanation(setting, tmp_path):
    run, now = setting
    path = shop.write(tmp_path / "state.parquet", now)
    found = ordered(run, path, tmp_path / "orders.csv")
    np.testing.assert_array_equal(found["order"], now["order"])
    np.testing.assert_array_equal(found["order"], np.rint(found["order"]))
    row = int(np.argmax(found["order"]))
    job = recommend.prepare(run, Request(path, date=str(TODAY)))
    why = recommend.explain(job, f"{now['sku'][row]},{now['warehouse'][row]}")
    assert why["order"] == found["order"][row] and any("whole units" in line for line in why["text"])


def test_a_row_without_any_possible_order_is_named(setting, tmp_path):
    run, now = setting
    first = {name: column[:3] for name, column in now.items()}
    packs = {"pack_size": pa.array([None, 12.0, None]), "max_order": pa.array([0.0, 6.0, None])}
    path = shop.write(tmp_path / "state.parquet", first | packs)
    with pytest.raises(InvrlError, match=rf"row 2 .*{now['sku'][1]}@.*the least order is 12 .*the largest 6"):
        ordered(run, path, tmp_path / "orders.csv")


def test_no_limit_is_a_limit_of_nothing(setting, tmp_path):
    """max_order=0 is no limit, as supply.max_order_units=0 is."""
    run, now = setting
    path = shop.write(tmp_path / "state.parquet", now | {"max_order": np.zeros(len(now["sku"]))})
    np.testing.assert_array_equal(ordered(run, path, tmp_path / "orders.csv")["order"], now["order"])


def test_packs_of_a_third_are_written_as_people_write_them(tmp_path):
    run, experiment = shop.make_run(tmp_path, "reg=base")  # continuous
    now = shop.states(run, experiment)
    path = shop.write(tmp_path / "state.parquet", now | {"pack_size": np.full(len(now["sku"]), 0.3)})
    ordered(run, path, tmp_path / "orders.csv")
    lines = (tmp_path / "orders.csv").read_text().splitlines()
    column = lines[0].replace('"', "").split(",").index("order")
    assert all(len(line.split(",")[column].partition(".")[2]) <= 1 for line in lines[1:])
