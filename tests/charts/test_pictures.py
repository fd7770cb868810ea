"""SVG charts: scales, ticks, figures as text, lines cut at their frame, labels that keep apart."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest

from invrl.charts import svg
from invrl.charts.svg import Frame, Scale
from invrl.report.markup import LETTER, LINE, Label, place_labels

FRAME = Frame(10, 20, 100, 50, Scale(0, 10), Scale(0, 5))


def test_a_frame_puts_values_where_they_belong() -> None:
    assert FRAME.across(np.array([0.0, 5.0, 10.0])).tolist() == [10, 60, 110]
    assert FRAME.up(np.array([0.0, 5.0])).tolist() == [70, 20]  # the y axis grows upwards
    log = Frame(0, 0, 100, 100, Scale(1, 100, log=True), Scale(0, 1))
    assert log.across(np.array([1.0, 10.0, 100.0])) == pytest.approx([0, 50, 100])


@pytest.mark.parametrize(
    ("scale", "count", "expected"),
    [
        (Scale(0, 10), 5, [0, 2, 4, 6, 8, 10]),
        (Scale(-0.3, 0.32), 4, [-0.2, 0, 0.2]),
        (Scale(1200, 4100), 3, [2000, 3000, 4000]),
        (Scale(0.5, 2000, log=True), 5, [1, 10, 100, 1000]),
        (Scale(0.5, 2000, log=True), 2, [1, 100]),
        (Scale(12, 85, log=True), 5, [20, 50]),  # no power of ten within
        (Scale(0, 0), 5, [0]),
    ],
)
def test_ticks_are_round_and_within(scale: Scale, count: int, expected: list[float]) -> None:
    assert svg.ticks(scale, count) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("low", "high", "texts"),
    [
        (125.8, 128.2, ["126", "126.5", "127", "127.5", "128"]),
        (0, 40, ["0", "10", "20", "30", "40"]),
        (1e7, 1.0001e7, ["1e7", "1.00002e7", "1.00004e7", "1.00006e7", "1.00008e7", "1.0001e7"]),
    ],
)
def test_no_two_ticks_read_the_same(low: float, high: float, texts: list[str]) -> None:
    assert [text for _, text in svg.labelled(svg.ticks(Scale(low, high), 5))] == texts


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"), (3.14159, "3.14"), (12.0, "12"), (0.5, "0.5"), (-0.25, "−0.25"), (1234.4, "1,234"),
        (99.96, "100"), (0.012345, "0.0123"), (1.2e-5, "1.2e−5"), (3.2e7, "3.2e7"), (float("nan"), "-"),
    ],
)  # fmt: skip
def test_numbers_read_as_people_write_them(value: float, text: str) -> None:
    assert svg.number(value) == text


def test_a_line_is_cut_where_it_leaves_the_frame() -> None:
    x, y = np.array([0.0, 5.0, 10.0]), np.array([0.0, 10.0, 0.0])  # above the frame between 2.5 and 7.5
    u, v = svg.within(FRAME, x, y)
    known = np.isfinite(u)
    assert v[known].min() >= FRAME.top - 1 and v[known].max() <= FRAME.bottom
    assert np.isnan(v[(u > 40) & (u < 80)]).all()
    drawn = svg.line(FRAME, x, y, "base")
    assert drawn.count("M") == 2, "two pieces, with a gap between them"
    assert 'class="line ink-base' in drawn


def test_a_line_within_its_frame_has_its_own_points_only_and_gaps_where_nothing_is_known() -> None:
    drawn = svg.line(FRAME, np.array([0.0, 1.0, 2.0, 3.0]), np.array([1.0, 2.0, np.nan, 1.0]), "base")
    assert 'd="M10.0,60.0L20.0,50.0M40.0,60.0"' in drawn


def test_columns_stand_on_zero() -> None:
    bars = re.findall(
        r"M([\d.]+),([\d.]+)v(-?[\d.]+)",
        svg.columns(FRAME, np.array([2.0, 4.0]), np.array([5.0, 0.0]), "x"),
    )
    assert [tuple(map(float, bar)) for bar in bars] == [(26.0, 70.0, -50.0)]  # an empty column draws nothing


def test_a_cloud_leaves_out_what_is_off_the_picture() -> None:
    drawn = svg.cloud(FRAME, np.array([1.0, 99.0, 2.0]), np.array([1.0, 1.0, -9.0]), "x")
    assert drawn.count("h0") == 1


def test_words_are_escaped_and_a_picture_is_xml() -> None:
    picture = svg.svg(
        200, 100, svg.axes(FRAME, "a < b", "R&D", [(1.0, "<1>")]),
        svg.marker(1, 2, "circle", "base", "x < y & z"), label='"quoted"',
    )  # fmt: skip
    root = ET.fromstring(picture)
    words = "".join(root.itertext())
    assert "a < b" in words and "R&D" in words and "<1>" in words and "x < y & z" in words
    assert root.attrib["aria-label"] == '"quoted"'


def test_steps_hold_for_a_day() -> None:
    x, y = svg.steps(np.array([3.0, 4.0]), np.array([7.0, 9.0]))
    assert (x.tolist(), y.tolist()) == ([2.5, 3.5, 3.5, 4.5], [7, 7, 9, 9])


def test_around_leaves_room_and_keeps_the_floor() -> None:
    assert svg.around([2.0, 12.0], 0.1) == Scale(1.0, 13.0)
    assert svg.around([1.0, 21.0, np.nan], 0.1, floor=0.0) == Scale(0.0, 23.0)


def test_labels_of_a_crowd_do_not_cover_each_other_or_the_dots() -> None:
    frame = Frame(0, 0, 600, 300, Scale(0, 1), Scale(0, 1))
    labels = [Label(300 + 8 * k, 150 + 5 * (k % 3), f"DS FORM{k}", "base") for k in range(5)]
    boxes = []
    for found in re.finditer(
        r'x="([\d.-]+)" y="([\d.-]+)" text-anchor="(\w+)">([^<]+)<', place_labels(labels, frame)
    ):
        wide = LETTER * len(found[4])
        left = float(found[1]) - {"start": 0, "middle": wide / 2, "end": wide}[found[3]]
        boxes.append((left, float(found[2]) + 3 - LINE, left + wide, float(found[2]) + 3))
    assert len(boxes) == 5
    for k, a in enumerate(boxes):
        for b in boxes[k + 1 :]:
            apart = a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]
            assert apart, (a, b)
        assert not any(a[0] < one.u < a[2] and a[1] < one.v < a[3] for one in labels)
