"""`invrl pilot`: judge a pilot, plan one, and check the judge."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from invrl.cli.console import Format, Json, Out, emit, say
from invrl.cli.pilot_options import (
    Cap,
    Column,
    File,
    Outcome,
    Seed,
    analysis,
    columns,
    day,
    outcomes,
    refuse_existing,
    upright,
)
from invrl.cli.pilot_simulate import EXAMPLES, simulate
from invrl.errors import InvrlError, nearest

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Analyse a pilot, plan one, and validate the estimator by simulation.",
)

TITLES = {
    "effect": "Effect of the pilot",
    "waves": "By wave",
    "events": "Event study",
    "placebo": "Placebo dates: nothing happened, so about zero",
    "balance": "Before the pilot (difference in standard deviations)",
    "years": "The same months a year before",
}


@app.command(
    epilog="Examples:\n\ninvrl pilot analyse pilot.csv --plot effect.png\n\n"
    "invrl pilot analyse pilot.parquet --column unit=sku,warehouse --column cluster=sku --json"
)
def analyse(
    file: File,
    column: Column = None,
    outcome: Outcome = None,
    covariate: Annotated[
        list[str] | None,
        typer.Option(
            "--covariate",
            help="A further column to compare before the pilot; repeatable.",
            rich_help_panel="Data",
        ),
    ] = None,
    cap: Cap = 365.0,
    bin: Annotated[int, analysis(help="Days per point of the event study.")] = 7,
    before: Annotated[int | None, analysis(help="Days before the start to use; default: all.")] = None,
    after: Annotated[int | None, analysis(help="Days from the start on to use; default: all.")] = None,
    washout: Annotated[
        int, analysis(help="Days from the start to leave out, as old orders still arrive.")
    ] = 0,
    leads: Annotated[int, analysis(help="Points before the start; earlier ones are pooled.")] = 8,
    lags: Annotated[int, analysis(help="Points after the start; later ones are pooled.")] = 12,
    plot: Annotated[
        Path | None,
        typer.Option(help="Event study as .png, .svg or .pdf.", rich_help_panel="Output"),
    ] = None,
    table: Annotated[
        str,
        typer.Option(help="effect, waves, events, placebo, balance, years or all.", rich_help_panel="Output"),
    ] = "",
    format: Format = "table",
    json: Json = False,
    out: Out = None,
) -> None:
    """The effect of a pilot on stockout rate and turnover time, and what speaks against it.

    The file says who was treated from when: `treatment_date` (empty for controls), or `treated` and `post`.
    """
    from invrl.pilot.contrast import Window
    from invrl.pilot.plot import check_picture, plot_events
    from invrl.pilot.reading import read
    from invrl.pilot.report import analyse as run
    from invrl.pilot.report import document, tables
    from invrl.pilot.table import read_table

    refuse_existing(out)
    if plot is not None:
        check_picture(plot)
    panel = read_table(file, columns(column), outcomes(outcome), covariate or [])
    report = run(panel, Window(bin, before, after, washout, leads, lags, cap))
    lines, found = read(report), tables(report)
    screen = format == "table" and not out
    for name in _chosen(table or ("all" if screen else "effect"), found):
        emit(
            _fitting(name, found[name]) if screen else found[name],
            format=format,
            json_flag=json,
            out=out,
            title=TITLES[name],
            payload=document(report, lines),
        )
        if json or format == "json":
            lines = []  # they are part of the document
            break
    if plot is not None:
        plot_events(report, plot)
        say(f"wrote {plot}")
    for line in lines:
        say(f"- {line}")


def _fitting(name: str, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows as they fit a terminal."""
    if name in ("effect", "years"):
        return upright(rows)
    return [{k: v for k, v in row.items() if k != "days before"} for row in rows]


def _chosen(wanted: str, found: dict[str, list[dict[str, Any]]]) -> list[str]:
    if wanted == "all":
        plain = [name for name in found if found[name] and name not in ("waves", "events")]
        waves = ["waves"] if len({row["start"] for row in found["waves"]}) > 1 else []
        return plain[:1] + waves + plain[1:]
    if wanted not in found:
        raise InvrlError(f"no table `{wanted}`", hint=nearest(wanted, [*found, "all"]))
    if not found[wanted]:
        raise InvrlError(f"the table `{wanted}` is empty for this file", hint="the days for it are missing")
    return [wanted]


@app.command(
    name="year-on-year",
    epilog="Examples:\n\ninvrl pilot year-on-year days.csv --from 2025-07-01 --to 2025-08-31\n\n"
    "invrl pilot year-on-year days.parquet --from 2025-07-01 --to 2025-08-31 --outcome turnover",
)
def year_on_year(
    file: File,
    first: Annotated[str, typer.Option("--from", help="First day, 2025-07-01.", rich_help_panel="Data")],
    last: Annotated[str, typer.Option("--to", help="Last day, 2025-08-31.", rich_help_panel="Data")],
    column: Column = None,
    outcome: Outcome = None,
    cap: Cap = 365.0,
    format: Format = "table",
    json: Json = False,
    out: Out = None,
) -> None:
    """The same months a year apart, paired by unit; works without controls, and proves less."""
    from invrl.pilot.comparison import year_on_year as compare
    from invrl.pilot.table import read_table

    refuse_existing(out)
    days = day("--from", first), day("--to", last)
    panel = read_table(file, columns(column), outcomes(outcome), treatment=False)
    rows = [compare(panel, name, *days, cap=cap) for name in panel.outcomes]
    screen = format == "table" and not out
    title = "The same months a year before"
    shown = upright(rows) if screen else rows
    emit(shown, format=format, json_flag=json, out=out, title=title, payload=rows)
    say(
        "- Demand, assortment and calendar also changed within the year: this is a change, not an effect. "
        "Controls that kept the old policy would tell the two apart."
    )


@app.command(
    epilog="Examples:\n\ninvrl pilot plan days.csv --stockout -1 --turnover -5\n\n"
    "invrl pilot plan days.csv --stockout -1 --days 28 --days 56 --pairs 200 --pairs 500"
)
def plan(
    file: File,
    stockout: Annotated[float | None, analysis(help="Smallest effect to detect, percentage points.")] = None,
    turnover: Annotated[float | None, analysis(help="Smallest effect to detect, days.")] = None,
    days: Annotated[
        list[int] | None,
        analysis(help="Length of the pilot in days; repeatable. Default: 28, 56, 84, as they fit."),
    ] = None,
    pairs: Annotated[
        list[int] | None, analysis(help="Treated pairs; repeatable. Default: the fewest that are enough.")
    ] = None,
    before: Annotated[int, analysis(help="Days of history before the start.")] = 56,
    washout: Annotated[int, analysis(help="Days from the start to leave out.")] = 0,
    power: Annotated[float, analysis(help="Probability of detecting the effect.")] = 0.8,
    controls: Annotated[float, analysis(help="Control pairs for each treated pair.")] = 1.0,
    most: Annotated[
        int | None, analysis(help="Upper limit of treated pairs; default: what the file holds.")
    ] = None,
    column: Column = None,
    cap: Cap = 365.0,
    replications: Annotated[
        int, typer.Option(help="Simulated pilots for each design.", rich_help_panel="Simulation")
    ] = 1000,
    seed: Seed = 0,
    format: Format = "table",
    json: Json = False,
    out: Out = None,
) -> None:
    """Plan a pilot: how many pairs and days it needs, by simulation on your own panel."""
    from invrl.pilot.planning import Question
    from invrl.pilot.planning import plan as run
    from invrl.pilot.table import read_table

    refuse_existing(out)
    wanted = {"stockout": stockout, "turnover": turnover}
    effects = {name: value for name, value in wanted.items() if value is not None}
    panel = read_table(file, columns(column), list(effects), treatment=False)
    fitting = days or [d for d in (28, 56, 84) if before + d <= int(panel.day.max() - panel.day.min()) + 1]
    question = Question(
        effects, fitting or [28], pairs or (), before, washout, power, controls, most, replications, cap
    )
    rows = run(panel, question, seed)
    screen = format == "table" and not out
    shown = [{k: v for k, v in row.items() if k != "false_alarms"} for row in rows] if screen else rows
    title = f"What pilots would find ({power:.0%} power wanted)"
    emit(shown, format=format, json_flag=json, out=out, title=title, payload=rows)
    say(
        "- Draw the treated pairs by lot among all candidates. The plan supposes that the coming days "
        "vary like those in the file and that the effect is there from the first counted day on."
    )
    if len(set(panel.cluster.tolist())) < len(panel.names):
        say("- Whole clusters are drawn; if you may split them between both groups, plan without `cluster`.")
    if any(row["enough"] == "no" for row in rows):
        say("- Where `enough` is no: allow more pairs (--most), run longer, or settle for `detectable`.")


app.command(epilog=EXAMPLES)(simulate)
