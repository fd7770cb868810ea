"""Pictures of studies, with matplotlib: tuning curves, sensitivity, frontier."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from invrl import registry
from invrl.charts.learning import COLOURS
from invrl.tuning.curve import Trials, curve
from invrl.tuning.frontier import Frontier, at_equal_stockout, common_rates

STYLES = {"ds": "-", "ddpg": "--", "ppo": ":"}


def _colour(reg: str) -> str:
    """One after the other in the registry's order."""
    forms = list(registry.HEADS)
    return COLOURS[forms.index(reg) % len(COLOURS) if reg in forms else -1]


def draw_curves(trials: list[Trials], levels: dict[str, float], path: Path) -> None:
    """Expected test objective against configurations tried, and against training time.

    Args:
        levels: name -> objective, drawn as level lines (the incumbent, the optimum).
    """
    figure, (left, right) = _figure(2)
    curves = [curve(cell) for cell in trials]
    for cell, found in zip(trials, curves, strict=True):
        look = _look(cell.name)
        k = np.arange(1, found.expected.size + 1)
        left.plot(k, found.expected, label=cell.name, **look)
        left.fill_between(k, found.low, found.high, color=look["color"], alpha=0.1, linewidth=0)
        right.plot(found.seconds, found.expected, **look)
    low, high = _limits([found.expected for found in curves], list(levels.values()))
    for place in (left, right):
        for name, level in levels.items():
            place.axhline(level, color="#64748b", linewidth=1, linestyle=(0, (4, 3)), zorder=0)
            name = f"{name} {level:.4g}, above" if level > high else name
            place.annotate(name, (0.99, min(level, high)), xycoords=("axes fraction", "data"), ha="right",
                           va="top", fontsize=8, color="#64748b")  # fmt: skip
        place.set_ylim(low, high)
    left.set(xlabel="configurations tried", ylabel="test objective of the best on validation", xscale="log")
    counts = [k for k in (1, 2, 5, 10, 20, 50, 100) if k <= max(cell.score.shape[0] for cell in trials)]
    left.set_xticks(counts, [str(k) for k in counts], minor=False)
    left.minorticks_off()
    right.set(xlabel="training time behind them, seconds", xscale="log")
    figure.legend(loc="outside lower center", ncols=min(4, len(trials)), frameon=False)
    _save(figure, path)


def draw_sensitivity(trials: list[Trials], levels: dict[str, float], path: Path) -> None:
    """How the test objective spreads over the configurations of each cell."""
    figure, (place,) = _figure(1)
    rng = np.random.default_rng(0)
    for k, cell in enumerate(trials):
        score = cell.score.mean(1)
        across = k + 0.24 * (rng.random(score.size) - 0.5)
        place.scatter(across, score, s=16, color=_colour(cell.reg), alpha=0.6, linewidth=0)
        place.hlines(np.median(score), k - 0.28, k + 0.28, color=_colour(cell.reg), linewidth=2)
    for name, level in levels.items():
        place.axhline(level, color="#64748b", linewidth=1, linestyle=(0, (4, 3)), zorder=0, label=name)
    place.set_xticks(range(len(trials)), [cell.name for cell in trials])
    place.set(ylabel="test objective of each configuration")
    scores = np.concatenate([cell.score.mean(1) for cell in trials])
    if scores.min() > 0 and scores.max() > 5 * scores.min():
        place.set_yscale("log")
    _save(figure, path)


def draw_frontier(cells: list[Frontier], reference: str, path: Path) -> None:
    """Stockout rate against turnover time, and the stock saved against the reference at equal stockout rate.

    The bands are the paired difference's: what moves all cells alike is not in them.
    """
    figure, (left, right) = _figure(2, sharey=False)
    rates = common_rates(cells, 25)
    equal = at_equal_stockout(cells, reference, rates)
    learned = np.concatenate([cell.stockout_rate[0] for cell in cells if "/" in cell.name])
    low, high = 0.8 * learned.min(), 1.25 * learned.max()
    for cell in cells:
        look, rate, days = _look(cell.name), cell.stockout_rate[0], cell.turnover_time[0]
        near = (low <= rate) & (rate <= high)
        mark = "o" if "/" in cell.name else None
        left.plot(days[near], 100 * rate[near], marker=mark, markersize=4, label=cell.name, **look)
        deltas = np.array([one.delta for one in equal if one.cell == cell.name and one.delta])
        if deltas.size:
            right.plot(100 * rates, deltas[:, 0], **look)
            right.fill_between(100 * rates, *deltas[:, 1:].T, color=look["color"], alpha=0.08, linewidth=0)
    right.axhline(0, **_look(reference))
    left.set(xlabel="turnover time, days", ylabel="stockout rate, %", yscale="log")
    right.set(xlabel="stockout rate, %", ylabel=f"turnover time against {reference}, days", xscale="log")
    for axis in (left.yaxis, right.xaxis):
        axis.set_major_locator(_locator())
        axis.set_major_formatter("{x:g}")
        axis.set_minor_formatter("")
    figure.legend(loc="outside lower center", ncols=min(5, len(cells)), frameon=False)
    _save(figure, path)


def _look(name: str) -> dict[str, Any]:
    """Colour by form and line by algorithm; incumbents are grey."""
    algo, _, reg = name.partition("/")
    return {"color": _colour(reg) if reg else "#64748b", "linestyle": STYLES.get(algo, "-")}


def _locator() -> Any:
    from matplotlib.ticker import LogLocator

    return LogLocator(subs=(1, 2, 5))


def _figure(across: int, sharey: bool = True) -> tuple[Any, Any]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5.2 * across + 0.6, 4.0), layout="constrained")
    places = np.atleast_1d(figure.subplots(1, across, sharey=sharey))
    for place in places:
        place.spines[["top", "right"]].set_visible(False)
        place.tick_params(labelsize=9)
    return figure, places


def _limits(lines: list[np.ndarray], levels: list[float]) -> tuple[float, float]:
    """From the best to where the fifth configuration leads: the first may be anything.

    A level far above would press the lines flat, and is left out.
    """
    values = np.concatenate([line[min(4, line.size - 1) :] for line in lines])
    top = 2 * float(values.max()) - float(values.min())
    values = np.array([*values, *(level for level in levels if level <= top)])
    low, high = float(values.min()), float(values.max())
    pad = 0.06 * ((high - low) or abs(high) or 1.0)
    return low - pad, high + pad


def _save(figure: Any, path: Path) -> None:
    from matplotlib import rc_context

    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "invrl"}):  # text stays text
        figure.savefig(path, dpi=150, metadata={"Date": None} if path.suffix == ".svg" else None)
