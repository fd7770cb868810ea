"""What the generated sources share: options checked with messages that name them, numbered names."""

from __future__ import annotations

import math
from numbers import Integral, Real
from typing import Any

import numpy as np

from invrl.errors import InvrlError


def whole(option: str, value: Any, low: int, high: int | None = None) -> None:
    """Refuse a value that is not a whole number in low..high (no upper limit when None)."""
    fits = isinstance(value, Integral) and not isinstance(value, bool)
    if not fits or value < low or (high is not None and value > high):
        _refuse(option, value, "a whole number", low, high)


def real(option: str, value: Any, low: float, high: float | None = None) -> None:
    """Refuse a value that is not a finite number in low..high (no upper limit when None)."""
    fits = isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)
    if not fits or value < low or (high is not None and value > high):
        _refuse(option, value, "a number", low, high)


def _refuse(option: str, value: Any, kind: str, low: float, high: float | None) -> None:
    limits = f"of at least {low}" if high is None else f"from {low} to {high}"
    raise InvrlError(f"data option `{option}` is {value!r}", hint=f"it takes {kind} {limits}")


def numbered(letter: str, count: int, digits: int) -> np.ndarray:
    """Names such as T0000, T0001, ...: [count] str, of at least so many digits."""
    return np.char.add(letter, np.char.zfill(np.arange(count).astype(str), digits))
