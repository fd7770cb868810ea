"""The script's exact figures are those of the published table."""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize(("lead_time", "penalty"), [(1, 4), (2, 39), (3, 9)])
def test_poisson_optima(lead_time: int, penalty: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    import lost_sales_optimum

    rows = csv.DictReader((ROOT / "tests" / "golden" / "lost_sales_optima.csv").open())
    key = ("poisson", str(lead_time), str(penalty))
    (row,) = [r for r in rows if (r["demand"], r["L"], r["p"]) == key]
    found = lost_sales_optimum.exact("poisson", 5.0, lead_time, penalty)
    assert found.optimal == pytest.approx(float(row["optimal"]), abs=1e-4)
    assert found.optimal <= found.capped <= 1.1 * float(row["capped"])
    sys.modules.pop("lost_sales_optimum")
