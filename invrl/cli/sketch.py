"""Curves as text: a braille canvas of 2 x 4 dots per letter."""

from __future__ import annotations

import numpy as np

DOTS = np.array([[0x01, 0x08], [0x02, 0x10], [0x04, 0x20], [0x40, 0x80]])
BLANK = 0x2800


def sketch(
    curves: list[tuple[np.ndarray, np.ndarray]], low: float, high: float, width: int = 60, height: int = 6
) -> list[list[tuple[str, int]]]:
    """Lines of (letter, curve) with the curves drawn over each other; curve is -1 where nothing is.

    Args:
        curves: (x [K], y [K]) each, x rising; they share the x axis, and y is cut at `low` and `high`.
        width, height: in letters.
    """
    wide, tall = 2 * width, 4 * height
    codes, owner = np.zeros((height, width), int), np.full((height, width), -1)
    first, last = min(x[0] for x, _ in curves), max(x[-1] for x, _ in curves)
    for k, (x, y) in enumerate(curves):
        known = np.isfinite(y)
        if not known.any():
            continue
        at = (x[known] - first) / ((last - first) or 1.0) * (wide - 1)
        column = np.arange(int(at[0]), int(at[-1]) + 1)
        share = (np.interp(column, at, y[known]) - low) / ((high - low) or 1.0)
        row = np.round((1 - np.clip(share, 0, 1)) * (tall - 1)).astype(int)
        for c, r in zip(*_joined(column, row), strict=True):
            codes[r // 4, c // 2] |= DOTS[r % 4, c % 2]
            owner[r // 4, c // 2] = k
    return [
        [(chr(BLANK + code), who) for code, who in zip(*rows, strict=True)]
        for rows in zip(codes.tolist(), owner.tolist(), strict=True)
    ]


def _joined(column: np.ndarray, row: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The dots, with steep stretches filled half way from either side."""
    middle = (row[1:] + row[:-1]) // 2
    low = np.minimum(row, np.minimum(np.append(middle, row[-1]), np.insert(middle, 0, row[0])))
    high = np.maximum(row, np.maximum(np.append(middle, row[-1]), np.insert(middle, 0, row[0])))
    columns = np.repeat(column, high - low + 1)
    rows = np.concatenate([np.arange(a, b + 1) for a, b in zip(low, high, strict=True)])
    return columns, rows
