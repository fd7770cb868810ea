"""From the `[data]` table to a panel: names, options and their types."""

import datetime
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from invrl import registry
from invrl.config.schema import Data
from invrl.demand.panel import Panel
from invrl.errors import InvrlError
from invrl.sources.contract import source_panel


def toy(
    pairs: int = 2, level: float = 1.0, name: str = "S", start: str | datetime.date = "2024-01-01",
    lead_times: Sequence[int] = (1,), dense: bool = True,
) -> Panel:  # fmt: skip
    assert isinstance(level, float)
    return Panel(
        demand=np.full((3, pairs), level, np.float32),
        sku=np.array([f"{name}{k}" for k in range(pairs)]),
        warehouse=np.full(pairs, "W"),
        start=np.datetime64(start, "D"),
        lead_time=np.resize(np.array(lead_times), pairs),
    )


@pytest.fixture(autouse=True)
def register_toy(monkeypatch):
    monkeypatch.setitem(registry.SOURCES, "toy", toy)


def panel(**options) -> Panel:
    return source_panel(Data(source="toy", options=options))


def test_options_reach_the_source_in_its_types():
    made = panel(pairs=3, level=2, name=7, start=datetime.date(2024, 5, 6), lead_times="1,4")
    assert made.demand.tolist() == [[2, 2, 2]] * 3
    assert made.sku.tolist() == ["70", "71", "72"]
    assert made.start == np.datetime64("2024-05-06")
    assert made.lead_time.tolist() == [1, 4, 1]
    assert panel(lead_times=[2]).lead_time.tolist() == [2, 2]
    assert panel(lead_times=5).lead_time.tolist() == [5, 5]


@pytest.mark.parametrize(
    ("option", "value", "kind"),
    [
        ("pairs", "ten", "a whole number"),
        ("pairs", 2.5, "a whole number"),
        ("pairs", True, "a whole number"),
        ("level", "high", "a number"),
        ("level", True, "a number"),
        ("dense", 1, "true or false"),
        ("start", [1], "text or a day such as 2024-03-28"),
    ],
)
def test_a_value_of_the_wrong_type_is_refused(option, value, kind):
    with pytest.raises(InvrlError) as caught:
        panel(**{option: value})
    assert caught.value.message == f"data option `{option}` is {value!r}"
    assert caught.value.hint == f"it takes {kind}"


def test_unknown_names_get_the_nearest_one():
    with pytest.raises(InvrlError, match="source `toy` has no option `pears`") as caught:
        panel(pears=3)
    assert caught.value.hint == "did you mean `pairs`?"
    with pytest.raises(InvrlError, match="no source `tony`") as caught:
        source_panel(Data(source="tony"))
    assert caught.value.hint == "did you mean `toy`?"


def test_a_file_and_its_settings(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    path = tmp_path / "f.csv"
    path.write_text("date,sku,1,promo\n2024-01-01,A,3,1\n2024-01-03,A,4,0\n")
    columns: dict[str, Any] = {"demand": 1}  # as typed: columns.demand=1
    data = Data("file", str(path), {}, columns, ahead=("promo",), knowledge="censored", gaps="zero")
    made = source_panel(data)
    assert made.demand[:, 0].tolist() == [3, 0, 4]
    assert list(made.ahead) == ["promo"]
    assert made.knowledge == "censored"
    with pytest.raises(InvrlError, match="source `file` has no option `starts`"):
        source_panel(Data(source="file", path=str(path), options={"starts": "2024-01-01"}))
    with pytest.raises(InvrlError, match="no path"):
        source_panel(Data(source="file"))


def test_settings_of_a_file_are_not_ignored_by_other_sources():
    with pytest.raises(InvrlError, match=r"data\.path is set, but the source is `toy`") as caught:
        source_panel(Data(source="toy", path="f.csv"))
    assert "data.source=file" in caught.value.hint
    with pytest.raises(InvrlError, match=r"data\.gaps is set"):
        source_panel(Data(source="toy", gaps="zero"))
