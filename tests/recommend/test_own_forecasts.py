"""Own forecasts on the day: the newest origin gives the orders of the simulator; what is missing is named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import shop
from pyarrow import parquet
from shop import NOW, TODAY

from invrl import recommend
from invrl.config import reading
from invrl.errors import InvrlError
from invrl.recommend import Request
from invrl.training import session

PANEL = shop.shop_panel()
LONGEST = 8
"""Days that an order must last at most."""


def forecasts(path: Path, origins: range, **changes) -> Path:
    """Two models, one row per origin, day ahead and pair."""
    rng = np.random.default_rng(3)
    origin, ahead, pair = (x.ravel() for x in np.meshgrid(origins, range(12), range(24), indexing="ij"))
    columns = {
        "sku": PANEL.sku[pair], "warehouse": PANEL.warehouse[pair], "origin": PANEL.start + origin,
        "date": PANEL.start + origin + ahead, "mean": (1 + pair) * (1 + (origin + ahead) % 5) / 4,
        "q0.9": (1 + pair) * (2 + rng.random(len(pair))),
    }  # fmt: skip
    parquet.write_table(pa.table(columns | changes), path)
    return path


@pytest.fixture(scope="module")
def setting(tmp_path_factory):
    folder = tmp_path_factory.mktemp("own")
    path = forecasts(folder / "system.parquet", range(16, 65, 2))
    run, experiment = shop.make_run(folder, "reg=pil_coeff", f'data.forecasts=["{path}"]')
    assert list(experiment.panel.forecasts) == ["system", "system_q0.9"]
    return folder, run, shop.states(run, experiment)


def orders(run, state: Path, out: Path, **fields) -> tuple[dict[str, np.ndarray], dict]:
    job = recommend.prepare(run, Request(state, date=str(TODAY), **fields))
    counts = recommend.recommend(job, out)["flags"]
    return shop.read(out), counts


def test_the_run_s_files_and_the_newest_one_give_the_simulator_s_orders(setting, tmp_path):
    _, run, now = setting
    state = shop.write(tmp_path / "state.parquet", now)
    newest = forecasts(tmp_path / "tonight.parquet", range(16, 65, 2))
    rows = parquet.read_table(newest)
    latest = pa.array(rows["origin"].to_numpy() == PANEL.start + NOW)
    parquet.write_table(rows.filter(latest), newest)
    for k, files in enumerate(((), (newest,))):
        found, counts = orders(run, state, tmp_path / f"{k}.parquet", forecasts=files)
        np.testing.assert_allclose(found["order"], now["order"], rtol=1e-4, atol=1e-4)
        assert "missing_forecast" not in counts and "coef_7" in found
    pair = f"{now['sku'][0]},{now['warehouse'][0]}"
    text = "\n".join(recommend.explain(recommend.prepare(run, Request(state, date=str(TODAY))), pair)["text"])
    assert "\nown  " in text and "system_q0.9" in text


def test_missing_ones_are_named(setting, tmp_path):
    _, run, now = setting
    state = shop.write(tmp_path / "state.parquet", now)
    some = forecasts(tmp_path / "some.parquet", range(NOW, NOW + 1))
    rows = parquet.read_table(some)
    parquet.write_table(rows.filter(pa.compute.not_equal(rows["sku"], str(now["sku"][0]))), some)
    found, counts = orders(run, state, tmp_path / "o.parquet", forecasts=(some,))
    lacking = found["sku"] == now["sku"][0]
    assert counts["missing_forecast"] == lacking.sum()
    assert all(
        ("missing_forecast" in flags) == lack for flags, lack in zip(found["flags"], lacking, strict=True)
    )


def test_what_is_refused(setting, tmp_path):
    _, run, now = setting
    state = shop.write(tmp_path / "state.parquet", now)
    old = forecasts(tmp_path / "old.parquet", range(16, 20))
    with pytest.raises(InvrlError, match="does not forecast the days"):
        orders(run, state, tmp_path / "o.parquet", forecasts=(old,))
    later = forecasts(tmp_path / "later.parquet", range(NOW + 1, NOW + 3))
    with pytest.raises(InvrlError, match="every origin is later than"):
        orders(run, state, tmp_path / "o.parquet", forecasts=(later,))
    rows = parquet.read_table(forecasts(tmp_path / "one.parquet", range(NOW, NOW + 1)))
    parquet.write_table(rows.drop_columns(["q0.9"]), tmp_path / "one.parquet")
    with pytest.raises(InvrlError, match=r"no forecast `system_q0.9`"):
        orders(run, state, tmp_path / "o.parquet", forecasts=(tmp_path / "one.parquet",))


def test_a_run_is_not_judged_by_other_forecasts(setting):
    folder, run, _ = setting
    other = forecasts(folder / "other.parquet", range(16, 65, 2))
    config = reading.with_values(run.config, [("data.forecasts", [str(other)])])
    with pytest.raises(InvrlError, match=r"with the forecasts system, system_q0\.9, here are other, "):
        session.restore(run, session.load_experiment(config))
