"""The panel: what it refuses, how it is cut, and its fingerprint."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from builders import floats, make_panel

from invrl.demand.panel import Panel
from invrl.errors import InvrlError

SHAPE = (4, 3)


def full(**changes: Any) -> Panel:
    number = np.arange(12, dtype=np.float32).reshape(SHAPE)
    fields: dict[str, Any] = {
        "demand": number, "ahead": {"promo": number + 1}, "after": {"hours": number + 2},
        "static": {"margin": floats([1, 2, 3]), "kind": np.array(["a", "b", "c"])},
        "regressors": np.stack([number] * 4, 1), "lead_time": np.array([1, 2, 3]),
        "review_period": np.array([1, 2, 2]),
        "price": floats([9, 8, 7]), "weight": floats([1, 0, 2]), "initial_stock": floats([5, 6, 7]),
    }  # fmt: skip
    return make_panel(**{**fields, **changes})


def with_bad(place: tuple[int, int], value: float) -> np.ndarray:
    demand = np.ones(SHAPE, np.float32)
    demand[place] = value
    return demand


@pytest.mark.parametrize("value", [-1.0, np.nan, np.inf])
def test_bad_demand_is_refused_by_its_place(value: float) -> None:
    with pytest.raises(InvrlError, match=r"demand of S2@W on 2024-01-02"):
        full(demand=with_bad((1, 2), value))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"demand": np.ones((0, 3))}, "3 pairs x 0 days"),
        ({"knowledge": "guessed"}, "knowledge is `guessed`"),
        ({"ahead": {"promo": np.ones((4, 2))}}, "ahead column `promo`"),
        ({"after": {"hours": np.ones((3, 3))}}, "after column `hours`"),
        ({"static": {"margin": np.ones(2)}}, "static column `margin`"),
        ({"ahead": {"promo": with_bad((1, 2), np.nan)}}, "promo"),
        ({"static": {"margin": floats([1, np.nan, 2])}}, "margin"),
        ({"regressors": np.ones((4, 3, 3))}, "regressors"),
        ({"lead_time": np.ones((3, 3))}, "lead_time has shape"),
        ({"lead_time": np.array([1, -1, 0])}, "lead_time of pair 1"),
        ({"lead_time": np.full((4, 3), -1)}, "lead_time of pair 0"),
        ({"review_period": np.array([1, 1, 0])}, "review_period of pair 2"),
        ({"weight": floats([1, np.nan, 0])}, "weight of pair 1"),
        ({"initial_stock": floats([1, 2, -3])}, "initial_stock of pair 2"),
        ({"price": floats([1, -2, 3])}, "price of pair 1"),
        ({"price": floats([1, np.nan, 3])}, "price of pair 1"),
    ],
    ids=lambda x: x if isinstance(x, str) else "",
)  # fmt: skip
def test_what_the_simulator_could_not_run_is_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(InvrlError, match=said):
        full(**changes)


def test_take_cuts_every_field_in_the_given_order() -> None:
    cut: Any = full(lead_time=np.arange(12).reshape(SHAPE)).take(np.array([2, 0]))
    assert cut.demand[1].tolist() == [5, 3]
    assert cut.ahead["promo"][0].tolist() == [3, 1] and cut.after["hours"][0].tolist() == [4, 2]
    assert cut.static["kind"].tolist() == ["c", "a"] and cut.sku.tolist() == ["S2", "S0"]
    assert cut.regressors.shape == (4, 4, 2) and cut.regressors[1, 2].tolist() == [5, 3]
    assert cut.lead_time[3].tolist() == [11, 9] and cut.price.tolist() == [7, 9]
    assert cut.start == np.datetime64("2024-01-01") and cut.names.tolist() == ["S2@W", "S0@W"]


def test_dates() -> None:
    assert full(start=np.datetime64("2024-02-28", "D")).dates.astype(str).tolist() == [
        "2024-02-28", "2024-02-29", "2024-03-01", "2024-03-02",
    ]  # fmt: skip


def test_equal_panels_have_equal_fingerprints() -> None:
    assert full().fingerprint() == full().fingerprint()
    # text is text, however wide its array: a panel cut from a larger one, or read back from a file
    wide = full(sku=np.array(["S0", "S1", "S2"], "<U9"), warehouse=np.array(["W"] * 3, object))
    assert wide.fingerprint() == full().fingerprint()


@pytest.mark.parametrize(
    "changes",
    [
        {"demand": with_bad((0, 0), 2.0)}, {"ahead": {"promo": np.ones(SHAPE)}}, {"ahead": {}}, {"after": {}},
        {"ahead": {"sale": np.arange(12, dtype=np.float32).reshape(SHAPE) + 1}}, {"price": None},
        {"start": np.datetime64("2024-01-02", "D")}, {"knowledge": "censored"}, {"lead_time": np.array([1, 2,
        4])},
        {"static": {"margin": floats([1, 2, 3]), "kind": np.array(["a", "b", "d"])}},
    ],
    ids=["demand", "column", "no ahead", "no after", "name", "no price", "start", "knowledge", "lead time",
    "text"],
)  # fmt: skip
def test_different_panels_have_different_fingerprints(changes: dict[str, Any]) -> None:
    assert full(**changes).fingerprint() != full().fingerprint()
