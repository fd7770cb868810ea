"""The report of a pilot: its tables, its words, its picture."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from invrl.errors import InvrlError
from invrl.pilot.contrast import cells, closed_form
from invrl.pilot.plot import plot_events
from invrl.pilot.reading import read
from invrl.pilot.report import analyse, document, tables
from invrl.pilot.simulation import Process, process_trial
from invrl.pilot.table import PilotTable

pytest.importorskip("pyfixest")


def pilot(seed: int = 1, **process) -> PilotTable:
    return process_trial(Process(**process))(np.random.default_rng(seed)).table


def test_report_of_an_honest_pilot(tmp_path: Path):
    report = analyse(pilot(pairs=120))
    found = tables(report)
    one = report.findings["turnover"].effect
    assert one.low < -9.53 < one.high
    assert found["effect"][1]["effect"] == one.value
    before, after, control_before, control_after = report.findings["turnover"].means
    assert (after - before) - (control_after - control_before) == pytest.approx(one.value)
    reference = [row for row in found["events"] if row["low"] is None]
    assert [row["bin"] for row in reference] == [-1, -1]
    words = " ".join(read(report))
    assert "Turnover time: " in words and "lower than it would have been" in words
    assert "regression to the mean" in words and "side by side" not in words
    plot_events(report, tmp_path / "events.svg")
    picture = (tmp_path / "events.svg").read_text()
    assert "Turnover time: " in picture and "weeks since the start of the pilot" in picture
    with pytest.raises(InvrlError, match="exists already"):
        plot_events(report, tmp_path / "events.svg")


def test_words_warn_of_a_hand_picked_pilot():
    words = " ".join(read(analyse(pilot(pairs=300, picked="worst"))))
    assert "did NOT move together" in words and "Both measures" not in words
    assert "were not alike (stockout rate" in words
    assert "when nothing happened" in words


def test_words_name_few_and_mixed_clusters():
    table = pilot(pairs=24)
    words = " ".join(read(analyse(replace(table, cluster=np.arange(24) // 3))))
    assert "treated and" in words and "control clusters: the error is itself poorly known" in words
    assert "clusters with treated and control units side by side" in words


def test_document_has_no_nan():
    report = analyse(pilot(pairs=12, before=14))
    text = json.dumps(document(report, read(report)), allow_nan=False)
    assert set(json.loads(text)) >= {"facts", "effect", "events", "placebo", "balance", "checks", "reading"}


def test_without_pyfixest_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyfixest", None)
    with pytest.raises(InvrlError) as caught:
        analyse(pilot(pairs=8))
    assert "invrl[pilot]" in caught.value.hint


def test_units_of_weight_zero_or_with_one_side_only_are_left_out():
    table = pilot(pairs=24)
    weight = np.ones(24)
    weight[0] = 0
    short = replace(table, weight=weight).rows((table.unit != 1) | (table.day < table.day[0] + 56))
    report = analyse(short)
    assert report.remarks == ["Left out: 1 unit of weight 0."]
    assert report.findings["turnover"].units == 22
    assert "left out 1 unit without days on both sides" in " ".join(read(report))
    kept = ~np.isin(table.unit, [0, 1])
    part = cells(table.rows(kept), "turnover")
    assert report.findings["turnover"].effect.value == pytest.approx(closed_form(table, part).value)
