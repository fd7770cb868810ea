"""Policies played forward on what happened later, from the stock that was really there, period by period.

`later.py` puts the new sales behind the data that a run was trained on, `game.py` plays. It is the simulator
that plays, so an order of one period knows nothing of the next: the same file with more periods gives the
same orders again. Imports `recommend` (the state file), `training` and `scoring`.
"""

from __future__ import annotations

from invrl.play.game import Game, Request, play

__all__ = ["Game", "Request", "play"]
