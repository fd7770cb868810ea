"""`invrl runs plot`: what training logged, as a picture or in the terminal."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from invrl.cli.console import say
from invrl.cli.options import Plugin

if TYPE_CHECKING:
    from rich.text import Text

    from invrl.charts.learning import Line, Panel

EXAMPLES = """Examples:

invrl runs plot runs/ds-both-1a2b3c

invrl runs plot runs/ddpg-none-1a2b3c runs/ddpg-base-4d5e6f --what objective,bellman,q --out learning.png
"""
COLOURS = ("cyan", "yellow", "green", "magenta", "red", "blue", "white")


def plot(
    names: Annotated[list[str], typer.Argument(metavar="RUN...", help="Runs, or folders of runs.")],
    what: Annotated[
        str | None,
        typer.Option(help="Groups (objective, bellman, q, kl, bound, ...) or metrics to draw, with commas."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            help="New file: .png or .svg; default: a sketch in the terminal.", rich_help_panel="Output"
        ),
    ] = None,
    plugin: Plugin = None,
) -> None:
    """Plot learning curves and diagnostics: Bellman error, Q range, KL, actions at a bound ..."""
    from invrl.charts import learning
    from invrl.runs import directory

    if out is not None:
        from invrl.pilot.plot import check_picture

        check_picture(out)
    wanted = [word.strip() for word in (what or "").split(",") if word.strip()]
    runs = directory.find_all(names)
    found = learning.panels([run for run in runs if run.metrics()] or runs, wanted)
    if out is None:
        _print(found)
        return
    learning.draw(found, out)
    say(f"wrote {out}")


def _print(found: list[Panel]) -> None:
    """One sketch per group, runs in colours, the scale at the left, first and last value at the right."""
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False)
    runs = list(dict.fromkeys(line.run for panel in found for line in panel.lines))
    for panel in found:
        title = Text(panel.group.title, "bold")
        title.append(f"  {panel.group.tells}" if panel.group.tells else "", "dim")
        console.print(title)
        for row in _sketched(panel, runs, max(10, min(60, console.width - 12))):
            console.print(row)
        for line in panel.lines:
            console.print(_summary(panel, line, runs), soft_wrap=True)
        console.print()


def _sketched(panel: Panel, runs: list[str], width: int) -> list[Text]:
    from rich.text import Text

    from invrl.charts.learning import focus
    from invrl.cli.sketch import sketch

    main = [line for line in panel.lines if line.key == panel.lines[0].key]
    low, high = focus([line.value for line in main])
    rows = sketch([(line.update, line.value) for line in main], low, high, width)
    texts = []
    for k, row in enumerate(rows):
        edge = {0: f"{high:.4g}", len(rows) - 1: f"{low:.4g}"}.get(k, "")
        text = Text(f"{edge:>9} ", "dim")
        for letter, who in row:
            text.append(letter, COLOURS[runs.index(main[who].run) % len(COLOURS)] if who >= 0 else "")
        texts.append(text)
    first, last = (f"{edge(line.update[k] for line in main):,.0f}" for edge, k in ((min, 0), (max, -1)))
    return [*texts, Text(f"{'update':>9} {first}{last:>{width - len(first)}}", "dim")]


def _summary(panel: Panel, line: Line, runs: list[str]) -> Text:
    import numpy as np
    from rich.text import Text

    known = line.value[np.isfinite(line.value)]
    text = Text(" " * 10)
    text.append(
        "● " if line.key == panel.lines[0].key else "  ", COLOURS[runs.index(line.run) % len(COLOURS)]
    )
    text.append(f"{line.run} {line.key}: {known[0]:.4g} to {known[-1]:.4g}")
    text.append(f", lowest {known.min():.4g}, highest {known.max():.4g}", "dim")
    return text
