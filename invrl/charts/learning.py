"""What training logged, as curves: which keys belong together, and what they tell.

`invrl runs plot` draws them with matplotlib or in the terminal, the report as SVG.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from invrl.errors import InvrlError, nearest
from invrl.runs.directory import Run


class Group(NamedTuple):
    """Metrics that share a picture."""

    title: str
    keys: tuple[str, ...]
    """The first is the main one."""
    tells: str
    """In plain words, for a caption."""
    log: bool = False


GROUPS: dict[str, Group] = {
    "objective": Group(
        "objective", ("validation_objective", "loss"),
        "what training minimises, on validation days (and, for DS, its smooth twin on training days)",
    ),
    "stockout": Group(
        "stockout rate", ("validation_stockout_rate",), "share of validation days that end without stock"
    ),
    "turnover": Group(
        "turnover time", ("validation_turnover_time",), "days that a unit stays, on validation days"
    ),
    "bellman": Group(
        "Bellman error", ("bellman_error",),
        "mean distance between the critic and its targets, units of reward: it falls where learning settles",
        log=True,
    ),
    "q": Group(
        "Q-values", ("q_mean", "q_min", "q_max", "target_min", "target_max"),
        "mean and range of the critic's values and of their targets; a range that runs away is Q-learning "
        "coming apart",
    ),
    "value": Group("value", ("value_mean",), "mean of the value network"),
    "explained": Group(
        "explained variance", ("explained_variance",), "share of the returns that the value network explains"
    ),
    "critic": Group("critic loss", ("critic_loss", "value_loss"), "squared error of the critic", log=True),
    "policy": Group("policy loss", ("policy_loss", "actor_loss"), "the loss that moves the policy"),
    "kl": Group("KL divergence", ("kl",), "how far one update moves the policy"),
    "clip": Group("clipped share", ("clip_fraction",), "share of actions whose gain PPO cut off"),
    "exploration": Group("exploration", ("std", "noise"), "standard deviation of the actions"),
    "entropy": Group("entropy", ("entropy",), "of the policy's Gaussian"),
    "bound": Group("actions at a bound", ("share_at_bound",), "share of actions at their limits"),
    "zero": Group("reviews without an order", ("share_orders_zero",), "share of reviews that order nothing"),
    "orders": Group("mean order", ("order_mean",), "in days of mean demand"),
    "reward": Group("mean reward", ("reward_mean",), "per order, exploration included"),
    "gradient": Group(
        "gradient norm", ("gradient_norm", "actor_gradient_norm", "critic_gradient_norm"),
        "length of the gradient before clipping", log=True,
    ),
    "rate": Group("learning rate", ("learning_rate",), "of the optimiser"),
    "seconds": Group(
        "seconds per chunk", ("train_seconds", "validation_seconds"), "wall time between two evaluations"
    ),
}  # fmt: skip


class Line(NamedTuple):
    """One metric of one run."""

    run: str
    key: str
    update: np.ndarray  # [K]
    value: np.ndarray  # [K]; NaN where it was not logged


class Panel(NamedTuple):
    """One picture."""

    group: Group
    lines: list[Line]


def panels(found: Sequence[Run], what: Iterable[str] = ()) -> list[Panel]:
    """The curves of the runs, picture by picture.

    Args:
        what: names of groups or of metrics; empty takes every group that a run has logged.

    Raises:
        InvrlError: a run without a log, or a name that no run has logged.
    """
    logs = {run.name: run.metrics() for run in found}
    silent = [name for name, log in logs.items() if not log]
    if silent:
        raise InvrlError(f"{silent[0]} has logged nothing", hint="incumbents are tuned, not trained; drop it")
    present = {key for log in logs.values() for record in log for key in record} - {"update"}
    groups = [_group(name, present) for name in what] or [g for g in GROUPS.values() if present & set(g.keys)]
    return [
        Panel(
            group,
            [_line(name, log, key) for name, log in logs.items() for key in group.keys if key in log[-1]],
        )
        for group in groups
    ]


def _group(name: str, present: set[str]) -> Group:
    group = GROUPS.get(name) or Group(name.replace("_", " "), (name,), "")
    if not present & set(group.keys):
        known = [g for g, (_, keys, *_) in GROUPS.items() if present & set(keys)]
        raise InvrlError(f"no run has logged `{name}`", hint=nearest(name, [*known, *sorted(present)]))
    return group


def _line(name: str, log: list[dict[str, float]], key: str) -> Line:
    value = np.array([record.get(key, np.nan) for record in log])
    return Line(name, key, np.array([record["update"] for record in log]), value)


COLOURS = ("#0b6e99", "#c2410c", "#047857", "#7e22ce", "#b45309", "#be185d", "#4d7c0f", "#475569")
"""One per run."""
STYLES = ("-", (0, (5, 2)), (0, (1, 2)), (0, (1, 2)), (0, (1, 2)))
"""One per metric of a picture."""


def draw(found: list[Panel], path: Path) -> None:
    """Write the panels to a new picture file, three in a row, one colour per run."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    across = min(3, len(found))
    rows = -(-len(found) // across)
    figure = Figure(figsize=(4.2 * across, 2.9 * rows + 0.5), layout="constrained")
    places = np.atleast_1d(figure.subplots(rows, across)).ravel()
    runs = list(dict.fromkeys(line.run for panel in found for line in panel.lines))
    for place, panel in zip(places, found, strict=False):
        _draw_panel(place, panel, runs)
    for place in places[len(found) :]:
        place.set_visible(False)
    handles = {line.get_label(): line for place in places for line in place.lines if line.get_label() in runs}
    figure.legend(
        handles.values(),
        handles.keys(),
        loc="outside lower center",
        ncols=min(len(runs), across),
        frameon=False,
    )
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "invrl"}):  # text stays text
        figure.savefig(path, dpi=150, metadata={"Date": None} if path.suffix == ".svg" else None)


def _draw_panel(place: Any, panel: Panel, runs: list[str]) -> None:
    keys = list(dict.fromkeys(line.key for line in panel.lines))
    for line in panel.lines:
        first = line.key == keys[0]
        place.plot(
            line.update, line.value, color=COLOURS[runs.index(line.run) % len(COLOURS)],
            linestyle=STYLES[keys.index(line.key) % len(STYLES)], linewidth=1.6 if first else 1.1,
            label=line.run if first else "_", marker="o" if line.update.size == 1 else None,
        )  # fmt: skip
    if wants_log(panel):
        place.set_yscale("log")
    else:
        low, high = focus([line.value for line in panel.lines])
        place.set_ylim(low, high)
    others = "; ".join(f"{'- -' if k == 1 else '···'} {key}" for k, key in enumerate(keys) if k in (1, 2))
    place.set_title(panel.group.title + (f"   ({others})" if others else ""), loc="left", fontsize=10)
    place.set_xlabel("updates", fontsize=9)
    place.tick_params(labelsize=8)
    place.spines[["top", "right"]].set_visible(False)


def wants_log(panel: Panel) -> bool:
    """A logarithmic axis: where it suits the group, and the values are positive and span a decade."""
    values = np.concatenate([line.value for line in panel.lines])
    low, high = np.nanmin(values), np.nanmax(values)
    return panel.group.log and bool(low > 0 and high > 10 * low)


def focus(values: Sequence[np.ndarray]) -> tuple[float, float]:
    """A range that shows where curves go, not where the untrained network began.

    All values of the second half of every curve are in it, and of the first half what lies
    within two such heights.
    """
    later = np.concatenate([v[v.size // 2 :] for v in values])
    low, high = float(np.nanmin(later)), float(np.nanmax(later))
    room = max(high - low, 0.02 * max(abs(low), abs(high)), 1e-12)
    everything = np.concatenate(list(values))
    top, bottom = (
        min(float(np.nanmax(everything)), high + 2 * room),
        max(float(np.nanmin(everything)), low - 2 * room),
    )
    pad = 0.05 * ((top - bottom) or room)
    return bottom - pad, top + pad
