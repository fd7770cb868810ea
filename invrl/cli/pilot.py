"""`invrl pilot`: judge a pilot, plan one, and check the judge."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from invrl.cli.console import Format, Json, Out, emit, say
from invrl.errors import InvrlError, nearest

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="Judge a pilot by difference-in-differences, plan one, and check the judge.",
)

File = Annotated[Path, typer.Argument(help="CSV or Parquet, one row per unit and day.", show_default=False)]
Column = Annotated[
    list[str] | None,
    typer.Option(
        "--column",
        metavar="ROLE=NAME",
        help="What the file calls a role: unit, date, stockout, inventory, sales, treated, post, "
        "treatment_date, weight, cluster. A unit may be several columns: unit=sku,warehouse.",
        rich_help_panel="Data",
    ),
]
Outcome = Annotated[
    list[str] | None,
    typer.Option("--outcome", help="stockout or turnover; default both.", rich_help_panel="Data"),
]
Cap = Annotated[
    float, typer.Option(min=1, help="Longest turnover time of a unit, days.", rich_help_panel="Data")
]
Seed = Annotated[int, typer.Option(min=0, help="Seed of the simulation.", rich_help_panel="Simulation")]


def _analysis(**kwargs: Any) -> Any:
    return typer.Option(rich_help_panel="Analysis", **kwargs)


@app.command(
    epilog="[cyan]invrl pilot analyse pilot.csv --plot effect.png[/]\n\n"
    "[cyan]invrl pilot analyse pilot.parquet --column unit=sku,warehouse --column cluster=sku --json[/]"
)
def analyse(
    file: File,
    column: Column = None,
    outcome: Outcome = None,
    covariate: Annotated[
        list[str] | None,
        typer.Option(
            "--covariate", help="Another column to compare before the pilot.", rich_help_panel="Data"
        ),
    ] = None,
    cap: Cap = 365.0,
    bin: Annotated[int, _analysis(help="Days per point of the event study.")] = 7,
    before: Annotated[int | None, _analysis(help="Use only so many days before the start.")] = None,
    after: Annotated[int | None, _analysis(help="Use only so many days from the start on.")] = None,
    washout: Annotated[
        int, _analysis(help="Leave out so many days from the start: old orders still arrive.")
    ] = 0,
    leads: Annotated[int, _analysis(help="Points before the start; earlier ones are pooled.")] = 8,
    lags: Annotated[int, _analysis(help="Points after the start; later ones are pooled.")] = 12,
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

    _new(out)
    if plot is not None:
        check_picture(plot)
    panel = read_table(file, _columns(column), _outcomes(outcome), covariate or [])
    report = run(panel, Window(bin, before, after, washout, leads, lags, cap))
    lines, found = read(report), tables(report)
    if plot is not None:
        plot_events(report, plot)
        say(f"wrote {plot}")
    screen = format == "table" and not out
    for name in _chosen(table or ("all" if screen else "effect"), found):
        emit(
            _upright(found[name]) if screen and name in ("effect", "years") else found[name],
            format=format,
            json_flag=json,
            out=out,
            title=TITLES[name],
            payload=document(report, lines),
        )
        if json or format == "json":
            return
    for line in lines:
        say(f"- {line}")


TITLES = {
    "effect": "Effect of the pilot",
    "waves": "By wave",
    "events": "Event study",
    "placebo": "Placebo dates: nothing happened, so about zero",
    "balance": "Before the pilot (difference in standard deviations)",
    "years": "The same months a year before",
}


def _upright(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Quantities down, outcomes across: what fits a terminal."""
    heads = [" ".join(str(row[k]) for k in ("outcome", "group") if k in row) for row in rows]
    names = [name for name in rows[0] if name not in ("outcome", "group")]
    return [{"": name} | {h: row[name] for h, row in zip(heads, rows, strict=True)} for name in names]


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
    epilog="[cyan]invrl pilot year-on-year days.csv --from 2025-07-01 --to 2025-08-31[/]\n\n"
    "[cyan]invrl pilot year-on-year days.parquet --from 2025-07-01 --to 2025-08-31 --outcome turnover[/]",
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

    _new(out)
    days = _day("--from", first), _day("--to", last)
    panel = read_table(file, _columns(column), _outcomes(outcome), treatment=False)
    rows = [compare(panel, name, *days, cap=cap) for name in panel.outcomes]
    screen = format == "table" and not out
    title = "The same months a year before"
    emit(
        _upright(rows) if screen else rows, format=format, json_flag=json, out=out, title=title, payload=rows
    )
    say(
        "- Demand, assortment and calendar also changed within the year: this is a change, not an effect. "
        "Controls that kept the old policy would tell the two apart."
    )


@app.command(
    epilog="[cyan]invrl pilot plan days.csv --stockout -1 --turnover -5[/]\n\n"
    "[cyan]invrl pilot plan days.csv --stockout -1 --days 28 --days 56 --pairs 200 --pairs 500[/]"
)
def plan(
    file: File,
    stockout: Annotated[
        float | None, _analysis(help="Smallest effect worth finding, percentage points.")
    ] = None,
    turnover: Annotated[float | None, _analysis(help="Smallest effect worth finding, days.")] = None,
    days: Annotated[
        list[int] | None, _analysis(help="Length of the pilot; repeat. Default 28, 56, 84 as they fit.")
    ] = None,
    pairs: Annotated[
        list[int] | None, _analysis(help="Treated pairs; repeat. Default: the fewest that do.")
    ] = None,
    before: Annotated[int, _analysis(help="Days of history before the start.")] = 56,
    washout: Annotated[int, _analysis(help="Days from the start that will be left out.")] = 0,
    power: Annotated[float, _analysis(help="Wanted chance of finding the effect.")] = 0.8,
    controls: Annotated[float, _analysis(help="Control pairs for each treated pair.")] = 1.0,
    most: Annotated[int | None, _analysis(help="Most treated pairs; default what the file holds.")] = None,
    column: Column = None,
    cap: Cap = 365.0,
    replications: Annotated[
        int, typer.Option(help="Simulated pilots per number.", rich_help_panel="Simulation")
    ] = 1000,
    seed: Seed = 0,
    format: Format = "table",
    json: Json = False,
    out: Out = None,
) -> None:
    """How many pairs and days a pilot needs, by simulation on your own panel."""
    from invrl.pilot.planning import Question
    from invrl.pilot.planning import plan as run
    from invrl.pilot.table import read_table

    _new(out)
    wanted = {"stockout": stockout, "turnover": turnover}
    effects = {name: value for name, value in wanted.items() if value is not None}
    panel = read_table(file, _columns(column), list(effects), treatment=False)
    fitting = days or [d for d in (28, 56, 84) if before + d <= int(panel.day.max() - panel.day.min()) + 1]
    question = Question(
        effects, fitting or [28], pairs or (), before, washout, power, controls, most, replications, cap
    )
    rows = run(panel, question, seed)
    emit(
        rows,
        format=format,
        json_flag=json,
        out=out,
        title=f"Pilots that find the effect ({power:.0%} wanted)",
    )
    say(
        "- Draw the treated pairs by lot among all candidates. The plan supposes that the coming days "
        "vary like those in the file and that the effect is there from the first counted day on."
    )
    if any(row["enough"] == "no" for row in rows):
        say(
            "- Where `enough` is no: more pairs (--most), more days, or only effects as large as `detectable`."
        )


@app.command(
    epilog="[cyan]invrl pilot simulate[/]\n\n"
    "[cyan]invrl pilot simulate --pairs 2000 --share 0.1 --waves 3[/]\n\n"
    "[cyan]invrl pilot simulate --picked worst[/]"
)
def simulate(
    pairs: Annotated[int, _analysis(help="Pairs, treated and controls.")] = 400,
    share: Annotated[float, _analysis(help="Share of them treated.")] = 0.5,
    before: Annotated[int, _analysis(help="Days before the start.")] = 56,
    after: Annotated[int, _analysis(help="Days after the start.")] = 56,
    stockout: Annotated[float, _analysis(help="True effect, percentage points.")] = -0.83,
    turnover: Annotated[float, _analysis(help="True effect, days.")] = -9.53,
    persistence: Annotated[float, _analysis(help="Correlation from one day to the next.")] = 0.8,
    waves: Annotated[int, _analysis(min=1, help="Waves of starts, two weeks apart.")] = 1,
    picked: Annotated[
        str, _analysis(help="lot, or worst: the pairs with most stockouts before the start.")
    ] = "lot",
    replications: Annotated[
        int, typer.Option(help="Number of simulated pilots.", rich_help_panel="Simulation")
    ] = 200,
    seed: Seed = 0,
    format: Format = "table",
    json: Json = False,
    out: Out = None,
) -> None:
    """Pilots with a known effect: bias, coverage of the interval, size of the tests."""
    from invrl.pilot.simulation import Process, agreement, process_trial
    from invrl.pilot.simulation import simulate as run

    _new(out)
    process = Process(pairs, share, before, after, stockout, turnover, persistence, waves, picked)
    make = process_trial(process)
    rows = run(make, replications, seed)
    shown = _upright(rows) if format == "table" and not out else rows
    title = f"{replications} pilots of {pairs} pairs"
    emit(shown, format=format, json_flag=json, out=out, title=title, payload=rows)
    say("- coverage should be 95; pretrend_rejects and placebo_rejects 5 (all in %).")
    try:
        say(f"- closed form and pyfixest differ by at most {agreement(make, seed=seed):.1g} on 3 of them.")
    except InvrlError as error:
        say(f"- not compared with pyfixest: {error.hint}")
    if picked == "worst":
        say("- Hand-picked by their recent stockouts, the pairs improve by themselves: look at the bias.")


def _columns(given: list[str] | None) -> dict[str, str]:
    columns = {}
    for text in given or []:
        role, mark, name = text.partition("=")
        if not mark or not name:
            raise InvrlError(f"--column {text} is not ROLE=NAME", hint="for example --column unit=sku_wh")
        columns[role] = name
    return columns


def _outcomes(given: list[str] | None) -> list[str]:
    choices = ("stockout", "turnover")
    for name in given or []:
        if name not in choices:
            raise InvrlError(f"no outcome `{name}`", hint=nearest(name, choices))
    return list(dict.fromkeys(given or choices))


def _day(option: str, text: str) -> int:
    from datetime import date

    try:
        return (date.fromisoformat(text) - date(1970, 1, 1)).days
    except ValueError:
        raise InvrlError(f"{option} {text} is no date", hint="write 2025-07-31") from None


def _new(out: Path | None) -> None:
    if out is not None and out.exists():
        raise InvrlError(f"{out} exists already", hint="nothing is overwritten: choose another name")
