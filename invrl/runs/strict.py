"""JSON as every reader takes it: no NaN, no Infinity."""

from __future__ import annotations

import json
import math
from typing import Any


def text(value: Any, indent: int | None = None) -> str:
    """Strict JSON of a value; what has no number becomes null, what has no JSON its name."""
    return json.dumps(finite(value), indent=indent, allow_nan=False)


def finite(value: Any) -> Any:
    """Plain containers and numbers; NaN and infinities become None."""
    if isinstance(value, dict):
        return {_key(key): finite(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [finite(one) for one in value]
    if isinstance(value, str | int | None):
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    return finite(value.tolist()) if hasattr(value, "tolist") else str(value)


def _key(key: Any) -> Any:
    return key if isinstance(key, str | int | None) else str(key)
