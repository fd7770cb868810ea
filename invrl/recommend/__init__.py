"""Today's orders from a trained run: a state file in, an order file out."""

from __future__ import annotations

from invrl.recommend.daily import Request, prepare, recommend
from invrl.recommend.explain import explain

__all__ = ["Request", "explain", "prepare", "recommend"]
