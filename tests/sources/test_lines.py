"""Order lines are summed by day; a wide file's days have their dates."""

from __future__ import annotations

import numpy as np
import pytest

from invrl.config.schema import Data
from invrl.sources.files import is_undated, read_panel

LINES = """date,sku,warehouse,demand
1.2.2024 8:26,B,W,3
1.2.2024 19:00,B,W,2
1.2.2024 19:00,A,W,4
1.2.2024 19:05,A,W,-1
3.2.2024 7:00,A,W,-5
3.2.2024 7:00,Bäcker,W,1
"""
WIDE = "item_id,store_id,d_1886,d_1887\nA,S,1,2\n"


@pytest.mark.parametrize(("returns", "first"), [("net", 3), ("drop", 4)])
def test_lines_are_added_up_by_day_and_returns_by_rule(tmp_path, returns, first):
    (tmp_path / "f.csv").write_bytes(LINES.encode("latin-1"))
    panel = read_panel(
        tmp_path / "f.csv",
        sum_lines=True,
        returns=returns,
        date_format="%d.%m.%Y %H:%M",
        encoding="latin-1",
    )
    assert panel.sku.tolist() == ["A", "B", "Bäcker"] and panel.start == np.datetime64("2024-02-01")
    np.testing.assert_array_equal(panel.demand, [[first, 5, 0], [0, 0, 0], [0, 0, 1]])


def test_a_slice_of_a_wide_file_keeps_its_dates(tmp_path):
    (tmp_path / "f.csv").write_text(WIDE)
    assert is_undated(tmp_path / "f.csv", Data())
    assert not is_undated(tmp_path / "f.csv", Data(options={"start": "2011-01-29"}))
    assert read_panel(tmp_path / "f.csv", start="2011-01-29").start == np.datetime64("2016-03-28")
    (tmp_path / "calendar.csv").write_text("date,d\n2011-01-29,d_1\n2011-01-30,d_2\n")
    assert read_panel(tmp_path / "f.csv").start == np.datetime64("2016-03-28")
