"""The event study as a picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from invrl.errors import InvrlError
from invrl.pilot.report import TITLES, UNITS, Report, event_rows
from invrl.tables.whole import refuse_unwritable

LABELS = {"stockout": "effect, percentage points", "turnover": "effect, days"}
INK, BEFORE, AFTER = "#333333", "#8a8f98", "#0b6e99"


def check_picture(path: Path) -> None:
    """Refuse a name that cannot be written, before any work is done."""
    if path.suffix not in (".png", ".svg", ".pdf"):
        raise InvrlError(f"{path} is no picture name", hint="end it in .png, .svg or .pdf")
    refuse_unwritable(path)
    try:
        import matplotlib  # noqa: F401
    except ImportError:
        raise InvrlError("pictures need matplotlib", hint="pip install 'invrl[plots]'") from None


def plot_events(report: Report, path: Path) -> None:
    """One panel per outcome: effect by bin with 95 % intervals, grey before the start.

    Raises:
        InvrlError: see `check_picture`.
    """
    check_picture(path)
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.5, 3.1 * len(report.findings)), layout="constrained")
    axes = np.atleast_1d(figure.subplots(len(report.findings), 1, sharex=True))
    for axis, outcome in zip(axes, report.findings, strict=True):
        _panel(axis, report, outcome)
    unit = {1: "day", 7: "week"}.get(report.facts["bin"], f"{report.facts['bin']}-day period")
    axes[-1].set_xlabel(f"{unit}s since the start of the pilot")
    figure.supxlabel(
        f"Points: against the last {unit} before the start, with 95 % intervals; the outermost pool what "
        f"lies beyond.\nLine and band: average over the pilot against all {unit}s before it.",
        fontsize=8,
        color=INK,
    )
    figure.align_ylabels(axes)
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "invrl"}):  # text stays text
        figure.savefig(path, dpi=150, metadata={"Date": None} if path.suffix == ".svg" else None)


def _panel(axis: object, report: Report, outcome: str) -> None:
    from matplotlib.axes import Axes
    from matplotlib.ticker import MaxNLocator

    assert isinstance(axis, Axes)
    finding = report.findings[outcome]
    rows = event_rows(outcome, finding.events)
    axis.axhline(0, color=INK, linewidth=0.8)
    axis.axvline(-0.5, color=INK, linewidth=0.8, linestyle=(0, (4, 3)))
    for colour, side in (
        (BEFORE, [r for r in rows if r["bin"] < 0]),
        (AFTER, [r for r in rows if r["bin"] >= 0]),
    ):
        known = [r for r in side if r["low"] is not None]
        axis.vlines(
            [r["bin"] for r in known], [r["low"] for r in known], [r["high"] for r in known],
            color=colour, linewidth=2, alpha=0.55,
        )  # fmt: skip
        axis.plot([r["bin"] for r in known], [r["effect"] for r in known], "o", color=colour, markersize=5)
        axis.plot(
            [r["bin"] for r in side if r["low"] is None], [0 for r in side if r["low"] is None],
            "o", color="white", markeredgecolor=colour, markersize=5,
        )  # fmt: skip
    one = finding.effect
    last = max(r["bin"] for r in rows)
    axis.fill_between([-0.5, last + 0.5], one.low, one.high, color=AFTER, alpha=0.12, linewidth=0)
    axis.plot([-0.5, last + 0.5], [one.value, one.value], color=AFTER, linewidth=1.2)
    span = f"{one.low:+.3g} to {one.high:+.3g}"
    title = f"{TITLES[outcome]}: {one.value:+.3g} {UNITS[outcome]} (95 % interval {span})"
    axis.set_title(title.replace("-", "\N{MINUS SIGN}"), loc="left", fontsize=11)
    axis.set_ylabel(LABELS[outcome])
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axis.spines[["top", "right"]].set_visible(False)
    axis.margins(x=0.02)
