"""Small SVG charts: pure functions from numbers to markup, coloured by the page's style sheet.

A chart is a list of fragments: `axes` of a `Frame`, then marks in it. Every mark takes an
`ink`, the name of a CSS class that sets the colour `--ink`, so that one picture serves light
and dark pages. Lengths are SVG user units: pixels at the picture's own width.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from html import escape
from typing import NamedTuple

import numpy as np


class Scale(NamedTuple):
    """What an axis covers."""

    low: float
    high: float
    log: bool = False

    def share(self, values: np.ndarray | float) -> np.ndarray:
        """0 at `low`, 1 at `high`."""
        low, high, x = float(self.low), float(self.high), np.asarray(values, np.float64)
        if self.log:
            low, high, x = math.log(low), math.log(high), np.log(np.maximum(x, low * 1e-3))
        return (x - low) / ((high - low) or 1.0)


class Frame(NamedTuple):
    """A rectangle of the picture with its two axes."""

    left: float
    top: float
    width: float
    height: float
    x: Scale
    y: Scale

    @property
    def bottom(self) -> float:
        return self.top + self.height

    @property
    def right(self) -> float:
        return self.left + self.width

    def across(self, values: np.ndarray | float) -> np.ndarray:
        return self.left + self.width * self.x.share(values)

    def up(self, values: np.ndarray | float) -> np.ndarray:
        return self.bottom - self.height * self.y.share(values)


def around(values: Iterable[float], pad: float = 0.06, floor: float | None = None) -> Scale:
    """A linear scale that holds all finite values and a little room; not below `floor`."""
    found = np.asarray(list(values), np.float64)
    found = found[np.isfinite(found)]
    low, high = (float(found.min()), float(found.max())) if found.size else (0.0, 1.0)
    room = pad * (high - low) or max(abs(high), 1.0) * pad
    low = low - room if floor is None else max(low - room, floor)
    return Scale(low, high + room)


def ticks(scale: Scale, count: int = 5) -> list[float]:
    """About `count` round numbers on a scale: steps of 1, 2 or 5; on a log scale powers of ten."""
    if scale.log:
        return _log_ticks(scale, count)
    span = (scale.high - scale.low) or 1.0
    rough = span / max(count, 1)
    power = 10 ** math.floor(math.log10(rough))
    step = min((m * power for m in (1, 2, 5, 10)), key=lambda s: abs(math.log(s / rough)))
    first, last = math.ceil(scale.low / step - 1e-9), math.floor(scale.high / step + 1e-9)
    return [round(k * step, 12) for k in range(first, last + 1)]


def _log_ticks(scale: Scale, count: int) -> list[float]:
    """Powers of ten; where fewer than two fit, 1, 2 and 5 times them."""
    first, last = math.floor(math.log10(scale.low)), math.ceil(math.log10(scale.high))
    powers = [10.0**p for p in range(first, last + 1) if scale.low <= 10.0**p <= scale.high]
    if len(powers) >= 2:
        return powers[:: math.ceil(len(powers) / count)]
    fine = [m * 10.0**p for p in range(first, last + 1) for m in (1, 2, 5)]
    found = [round(value, 12) for value in fine if scale.low <= value <= scale.high]
    return found if len(found) >= 2 else ticks(Scale(scale.low, scale.high), 3)


def number(value: float, digits: int = 3) -> str:
    """A figure as people write it: three digits, thousands apart, a true minus sign."""
    if not math.isfinite(value):
        return "-"
    size = abs(value)
    if size and (size >= 1e6 or size < 1e-3):
        mantissa, _, power = f"{value:.{digits - 1}e}".partition("e")
        text = f"{mantissa.rstrip('0').rstrip('.')}e{int(power)}"
    else:
        decimals = max(0, digits - 1 - (math.floor(math.log10(size)) if size else 0))
        text = f"{value:,.{decimals}f}"
        text = text.rstrip("0").rstrip(".") if "." in text else text
    return text.replace("-", "\N{MINUS SIGN}")


def svg(width: float, height: float, *fragments: str, label: str = "") -> str:
    """A picture that scales with its container."""
    name = f' role="img" aria-label="{escape(label)}"' if label else ""
    return f'<svg viewBox="0 0 {width:g} {height:g}" width="{width:g}"{name}>{"".join(fragments)}</svg>'


def labelled(values: Sequence[float]) -> list[tuple[float, str]]:
    """Ticks with their texts, in as many digits as tell them apart."""
    digits = 3
    while digits < 16 and len({number(value, digits) for value in values}) < len(values):
        digits += 1
    return [(value, number(value, digits)) for value in values]


def axes(
    frame: Frame, x: str = "", y: str = "", x_ticks: Sequence[tuple[float, str]] | int = 5, y_count: int = 4
) -> str:
    """Grid lines, tick labels and titles; the title of the y axis stands above the frame.

    Args:
        x, y: titles.
        x_ticks: positions with their text, or how many to choose.
        y_count: about how many levels; 0 for none.
    """
    marks = labelled(ticks(frame.x, x_ticks)) if isinstance(x_ticks, int) else x_ticks
    levels = labelled(ticks(frame.y, y_count)) if y_count else []
    rows = [(float(frame.up(level)), label) for level, label in levels]
    parts = [
        f'<path class="grid" d="M{frame.left:.1f},{v:.1f}h{frame.width:.1f}"/>'
        + text(frame.left - 6, v + 3.5, label, "end", "tick")
        for v, label in rows
    ]
    for value, label in marks:
        u = float(frame.across(value))
        parts.append(
            f'<path class="grid" d="M{u:.1f},{frame.bottom:.1f}v4"/>'
            + text(u, frame.bottom + 16, label, "middle", "tick")
        )
    parts.append(f'<path class="axis" d="M{frame.left:.1f},{frame.bottom:.1f}h{frame.width:.1f}"/>')
    if x:
        parts.append(text(frame.right, frame.bottom + 30, x, "end", "title"))
    if y:
        parts.append(text(0, frame.top - 8, y, "start", "title"))
    return "".join(parts)


def text(u: float, v: float, words: str, anchor: str = "start", kind: str = "label", ink: str = "") -> str:
    ink = f" ink-{ink}" if ink else ""
    return f'<text class="{kind}{ink}" x="{u:.1f}" y="{v:.1f}" text-anchor="{anchor}">{escape(words)}</text>'


def line(frame: Frame, x: np.ndarray, y: np.ndarray, ink: str, kind: str = "") -> str:
    """A line through the points, as far as it lies within the frame; `kind`: `thin`, `dashed`, `pale`."""
    u, v = within(frame, np.asarray(x, np.float64), np.asarray(y, np.float64))
    known = np.isfinite(u) & np.isfinite(v)
    starts = known & ~np.concatenate([[False], known[:-1]])
    path = (
        f"{'M' if new else 'L'}{a:.1f},{b:.1f}"
        for a, b, new in zip(u[known], v[known], starts[known], strict=True)
    )
    return f'<path class="line ink-{ink} {kind}" d="{"".join(path)}"/>'


def within(frame: Frame, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The points in the picture; a line that leaves the frame is cut there (NaN outside)."""
    u, v = frame.across(x), frame.up(y)
    if (_inside(frame, u, v) | ~np.isfinite(u + v)).all():
        return u, v
    at = np.arange(u.size)
    fine = np.union1d(np.linspace(0, u.size - 1, 500), at)
    u, v = np.interp(fine, at, u), np.interp(fine, at, v)
    out = ~_inside(frame, u, v)
    return np.where(out, np.nan, u), np.where(out, np.nan, v)


def _inside(frame: Frame, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    return (u > frame.left - 1) & (u < frame.right + 1) & (v > frame.top - 1) & (v < frame.bottom + 1)


def steps(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Corners of a staircase: each y holds from its x - 1/2 to its x + 1/2."""
    return np.stack([x - 0.5, x + 0.5], 1).ravel(), np.repeat(y, 2)


def cloud(frame: Frame, x: np.ndarray, y: np.ndarray, ink: str, size: float = 3.5) -> str:
    """Many dots in one path."""
    u, v = frame.across(x), frame.up(y)
    keep = _inside(frame, u, v)
    path = "".join(f"M{a:.1f},{b:.1f}h0" for a, b in zip(u[keep], v[keep], strict=True))
    return f'<path class="cloud ink-{ink}" stroke-width="{size:g}" d="{path}"/>'


def columns(frame: Frame, x: np.ndarray, y: np.ndarray, ink: str, width: float = 0.8) -> str:
    """Bars standing on the bottom of the frame (or hanging, below zero); `width` in units of x."""
    zero = float(frame.up(min(max(0.0, frame.y.low), frame.y.high)))
    half = frame.width * width / (frame.x.high - frame.x.low) / 2
    bars = (
        f"M{u - half:.1f},{zero:.1f}v{v - zero:.1f}h{2 * half:.1f}v{zero - v:.1f}z"
        for u, v in zip(frame.across(x), frame.up(y), strict=True)
        if abs(v - zero) > 0.05
    )
    return f'<path class="bar ink-{ink}" d="{"".join(bars)}"/>'


def span(frame: Frame, low: float, high: float, ink: str) -> str:
    """A shaded stretch of the x axis over the whole height."""
    left, right = np.clip([frame.across(low), frame.across(high)], frame.left, frame.right)
    return (
        f'<rect class="span ink-{ink}" x="{left:.1f}" y="{frame.top:.1f}" '
        f'width="{right - left:.1f}" height="{frame.height:.1f}"/>'
    )


SHAPES = {
    "circle": "M-5,0a5,5 0 1,0 10,0a5,5 0 1,0 -10,0z",
    "square": "M-4.5,-4.5h9v9h-9z",
    "triangle": "M0,-5.6L5.4,4.2H-5.4z",
    "diamond": "M0,-6L6,0L0,6L-6,0z",
    "cross": "M-4.5,-4.5L4.5,4.5M-4.5,4.5L4.5,-4.5",
    "small": "M-2.6,0a2.6,2.6 0 1,0 5.2,0a2.6,2.6 0 1,0 -5.2,0z",
}


def marker(u: float, v: float, shape: str, ink: str, tip: str = "", kind: str = "") -> str:
    """A symbol at a place in the picture; `tip` shows under the pointer."""
    title = f"<title>{escape(tip)}</title>" if tip else ""
    path = f'd="{SHAPES[shape]}" transform="translate({u:.1f},{v:.1f})"'
    return f'<path class="marker {shape} ink-{ink} {kind}" {path}>{title}</path>'


def segment(u0: float, v0: float, u1: float, v1: float, ink: str, kind: str = "") -> str:
    return f'<path class="line ink-{ink} {kind}" d="M{u0:.1f},{v0:.1f}L{u1:.1f},{v1:.1f}"/>'
