"""HTML of the report: pure functions from words and pictures to markup, and labels that keep apart."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any, NamedTuple

from invrl.charts.svg import Frame, text

WIDE, NARROW = 860, 360
"""Widths of the two drawings of a figure that fills the page: for a desk, for a phone."""
SMALL = 400
"""Width of a figure that stands beside another."""


def make_section(key: str, title: str, *parts: str) -> str:
    body = "".join(parts)
    return f'<section id="{key}"><h2>{escape(title)}</h2>{body}</section>' if body else ""


def words(text: str, kind: str = "") -> str:
    """A paragraph; `*so*` is emphasised."""
    return f"<p{_kind(kind)}>{emphasised(text)}</p>"


def emphasised(text: str) -> str:
    """Escaped text with `*so*` in bold."""
    parts = escape(text).split("*")
    return "".join(f"<b>{part}</b>" if k % 2 else part for k, part in enumerate(parts))


def figure(picture: str, caption: str, legend: str = "", title: str = "") -> str:
    """A picture with its title above, legend and caption below."""
    head = f"<h3>{escape(title)}</h3>" if title else ""
    note = f"<figcaption>{emphasised(caption)}</figcaption>" if caption else ""
    return f"<figure>{head}{picture}{legend}{note}</figure>"


def twice(draw: Callable[[int], str]) -> str:
    """One drawing for wide pages and one for narrow ones, so that type keeps its size."""
    return f'<div class="wide">{draw(WIDE)}</div><div class="narrow">{draw(NARROW)}</div>'


def side_by_side(*figures: str, kind: str = "") -> str:
    """Two figures in a row, or three (`kind`); one below the other on a phone."""
    return f'<div class="beside {kind}">{"".join(figures)}</div>' if any(figures) else ""


def legend(entries: Sequence[tuple[str, str, str]]) -> str:
    """(ink, kind, words) of each mark; kinds: line, dashed, dot, bar, box."""
    keys = (
        f'<span class="key"><i class="{kind} ink-{ink}"></i>{escape(label)}</span>'
        for ink, kind, label in entries
    )
    return f'<div class="legend">{"".join(keys)}</div>'


class Markup(str):
    """A table cell that is markup already."""


def table(rows: Sequence[Mapping[str, Any]], caption: str = "", kind: str = "") -> str:
    """Rows with the same keys; the first column heads its row; wide tables scroll by themselves."""
    if not rows:
        return ""
    names = list(rows[0])
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in names)
    body = "".join(f"<tr>{_line(list(row.values()))}</tr>" for row in rows)
    note = f'<p class="note">{emphasised(caption)}</p>' if caption else ""
    markup = f"<table{_kind(kind)}><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    return f'<div class="scroll" tabindex="0">{markup}</div>{note}'


def _line(values: list[Any]) -> str:
    first, *others = map(_content, values)
    return f'<th scope="row">{first}</th>' + "".join(f"<td>{value}</td>" for value in others)


def _content(value: Any) -> str:
    if isinstance(value, Markup):
        return value
    return escape("-" if value is None else str(value))


def graded(text: str, verdict: str) -> Markup:
    """A difference in the colour of its verdict: better, worse or even; what follows `±` is small.

    A star that stands right behind the interval moves to the number.
    """
    mean, plus_minus, half = text.partition("±")
    star = "*" if half.endswith("*") and not mean.endswith(" ") else ""
    shown = f'<span class="{verdict}">{escape(mean.strip())}{star}</span>'
    return Markup(f"{shown} {small(half)}" if plus_minus else shown)


def small(half: str) -> Markup:
    """Half an interval, in small type."""
    return Markup(f"<small>± {escape(half.strip().rstrip('*'))}</small>")


def folded(title: str, *parts: str) -> str:
    """Details that stay closed until asked for."""
    return f"<details><summary>{escape(title)}</summary>{''.join(parts)}</details>" if any(parts) else ""


def tile(name: str, value: str, unit: str, lines: Sequence[str]) -> str:
    """A big number with the lines that put it in place; lines are markup."""
    notes = "".join(f"<div>{line}</div>" for line in lines)
    number = f'<div class="value">{escape(value)}<small>{escape(unit)}</small></div>'
    head = f'<div><div class="name">{escape(name)}</div>{number}</div>'
    return f'<div class="tile">{head}<div class="notes">{notes}</div></div>'


def _kind(kind: str) -> str:
    return f' class="{kind}"' if kind else ""


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
