"""`invrl report`: one self-contained page about runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from invrl.cli.console import say
from invrl.cli.options import Plugin, Quiet
from invrl.tables.whole import refuse_unwritable

EXAMPLES = """Examples:

invrl report runs/ds-both-1a2b3c --out report.html

invrl report runs/study --reference ddpg/both --out study.html
"""


def report(
    names: Annotated[list[str], typer.Argument(metavar="RUN|DIR...", help="Runs, or folders of runs.")],
    out: Annotated[Path, typer.Option(help="The new HTML file.", rich_help_panel="Output")] = Path(
        "report.html"
    ),
    reference: Annotated[
        str | None,
        typer.Option(help="Cell (algorithm/form) that the others are compared with, such as ddpg/both."),
    ] = None,
    split: Annotated[str, typer.Option(help="Days to report on: test or validation.")] = "test",
    bootstrap: Annotated[int, typer.Option(min=0, help="Bootstrap samples for each interval.")] = 1000,
    plugin: Plugin = None,
    quiet: Quiet = False,
) -> None:
    """Write one HTML page: results, frontier, curves, traces, policy pictures, data, manifest."""
    from invrl.devices import placement

    refuse_unwritable(out)
    placement.prepare()
    from invrl.report import page
    from invrl.report.facts import gather
    from invrl.runs import directory

    facts = gather(directory.find_all(names), reference, split, bootstrap)
    text = page.render(facts, None if quiet else lambda section: say(f"  {section}", "dim"))
    page.write(text, out)
    say(
        f"wrote {out}: {len(facts.found)} run{'s' if len(facts.found) != 1 else ''}, {len(text) / 1e6:.1f} MB"
    )
