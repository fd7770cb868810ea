"""Words beside dots, placed so that they do not cover each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from invrl.pictures import Frame, text

LETTER = 7.0
"""Width of a letter of the 11-unit type of the charts, on the wide side."""
LINE = 13
"""Height of a line of that type."""


class Label(NamedTuple):
    """Words that want to stand beside a place."""

    u: float
    v: float
    words: str
    ink: str


def place_labels(labels: Sequence[Label], frame: Frame, taken: Sequence[tuple[float, float]] = ()) -> str:
    """The labels, each at the first free side of its place, so that none covers another.

    Args:
        taken: further places (curves) that labels should not cover.
    """
    boxes = [(u - 6.0, v - 6.0, u + 6.0, v + 6.0) for u, v in [*taken, *((one.u, one.v) for one in labels)]]
    parts = []
    for label in labels:
        sides = _sides(label)
        inside = [
            s
            for s in sides
            if frame.left <= s.box[0] and s.box[2] <= frame.right + 6 and s.box[3] < frame.bottom
        ]
        chosen = min(inside or sides, key=lambda side: sum(_overlap(side.box, other) for other in boxes))
        boxes.append(chosen.box)
        parts.append(text(chosen.u, chosen.box[3] - 3, label.words, chosen.anchor, "label", label.ink))
    return "".join(parts)


Box = tuple[float, float, float, float]
"""left, top, right, bottom"""


class _Side(NamedTuple):
    """Where a label may stand."""

    u: float
    anchor: str
    box: Box


def _sides(label: Label) -> list[_Side]:
    """Right, left, above, below, then the corners near and far."""
    wide = LETTER * len(label.words)
    left = {"start": 0.0, "middle": -wide / 2, "end": -wide}
    near = [("start", 9, -LINE / 2), ("end", -9, -LINE / 2), ("middle", 0, -LINE - 7), ("middle", 0, 8)]
    corners = [("start", 7, -LINE - 4), ("start", 7, 5), ("end", -7, -LINE - 4), ("end", -7, 5)]
    far = [
        ("start", 12, -2 * LINE - 5),
        ("start", 12, LINE + 5),
        ("end", -12, -2 * LINE - 5),
        ("end", -12, LINE + 5),
    ]
    return [
        _Side(label.u + du, anchor, (u := label.u + du + left[anchor], v := label.v + dv, u + wide, v + LINE))
        for anchor, du, dv in near + corners + far
    ]


def _overlap(a: Box, b: Box) -> float:
    """Common area of two boxes."""
    return max(0.0, min(a[2], b[2]) - max(a[0], b[0])) * max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
