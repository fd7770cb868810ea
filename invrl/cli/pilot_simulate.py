"""`invrl pilot simulate`: pilots whose effect is known, to check the judge."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from invrl.cli.console import Format, Json, Out, emit, say
from invrl.cli.options import DataName, Overrides
from invrl.cli.pilot_options import Seed, analysis, refuse_existing, refuse_together, upright
from invrl.errors import InvrlError

EXAMPLES = """Examples:

invrl pilot simulate

invrl pilot simulate --run runs/ds-both-1a2b3c --before 28 --after 28

invrl pilot simulate --pairs 2000 --share 0.1 --waves 3 --picked worst
"""


def simulate(
    overrides: Overrides = None,
    pairs: Annotated[int, analysis(help="Pairs: treated and controls together.")] = 400,
    share: Annotated[float, analysis(help="Share of the pairs that is treated.")] = 0.5,
    before: Annotated[int, analysis(help="Days before the start.")] = 56,
    after: Annotated[int, analysis(help="Days after the start.")] = 56,
    waves: Annotated[int, analysis(min=1, help="Waves of starts, two weeks apart.")] = 1,
    picked: Annotated[
        str, analysis(help="How treated pairs are chosen: lot, or worst (most stockouts before the start).")
    ] = "lot",
    shift: Annotated[
        float | None,
        analysis(help="The new policy is the incumbent with its safety factor raised by this; default 0.5."),
    ] = None,
    run: Annotated[
        str | None, analysis(help="The new policy is that of this run, on the data of the run.")
    ] = None,
    data: DataName = None,
    statistical: Annotated[
        bool, analysis("--statistical", help="Draw outcomes with an exact effect, without an inventory.")
    ] = False,
    stockout: Annotated[float | None, analysis(help="--statistical: effect, points. Default -0.83.")] = None,
    turnover: Annotated[float | None, analysis(help="--statistical: effect, days. Default -9.53.")] = None,
    persistence: Annotated[
        float | None, analysis(help="--statistical: correlation of a day with the next. Default 0.8.")
    ] = None,
    example: Annotated[
        Path | None,
        typer.Option(help="Write one such pilot to this new CSV file, and stop.", rich_help_panel="Output"),
    ] = None,
    replications: Annotated[
        int, typer.Option(help="Number of simulated pilots.", rich_help_panel="Simulation")
    ] = 200,
    seed: Seed = 0,
    format: Format = "table",
    json: Json = False,
    out: Out = None,
) -> None:
    """Simulate pilots with a known effect: bias, coverage of the interval, size of the tests.

    The pilots run in the inventory simulator: treated pairs change their policy at the start, and the
    truth is what the same pairs would have done on the same demand without.
    """
    import numpy as np

    from invrl.pilot.simulation import Design, Process, agreement, process_trial
    from invrl.pilot.simulation import simulate as analyse_all
    from invrl.pilot.table import write_table

    refuse_existing(out)
    refuse_existing(example)
    design = Design(pairs, share, before, after, waves, picked)
    effects = {"stockout": stockout, "turnover": turnover, "persistence": persistence}
    given: dict[str, Any] = {name: value for name, value in effects.items() if value is not None}
    if statistical:
        refuse_together("--statistical", shift=shift, run=run, data=data)
        make = process_trial(Process(**design._asdict(), **given))
    else:
        refuse_together("the inventory simulator", "these go with --statistical", **given)
        make = _rehearsal(design, shift, run, data, overrides or [], seed)
    if example is not None:
        table, truth = make(np.random.default_rng(seed))
        write_table(table, example)
        known = ", ".join(f"{name} {round(value, 6):+.3g}" for name, value in truth.items())
        say(f"wrote {example}: its true effect is {known}")
        return
    rows = analyse_all(make, replications, seed)
    shown = upright(rows) if format == "table" and not out else rows
    title = f"{replications} pilots of {pairs} pairs"
    emit(shown, format=format, json_flag=json, out=out, title=title, payload=rows)
    say(
        "- coverage should be 95, or more where pairs differ in their effect; "
        "pretrend_rejects and placebo_rejects 5 (all in %)."
    )
    try:
        say(f"- closed form and pyfixest differ by at most {agreement(make, seed=seed):.1g} on 3 of them.")
    except InvrlError as error:
        say(f"- not compared with pyfixest: {error.hint}")
    if picked == "worst":
        say("- Hand-picked by their recent stockouts, the pairs improve by themselves: look at the bias.")


def _rehearsal(
    design: Any, shift: float | None, run: str | None, data: str | None, words: list[str], seed: int
) -> Any:
    """The trial maker in the inventory simulator; on a generated panel unless data are given."""
    from invrl.devices import placement

    placement.prepare()
    from invrl.cli.options import load_config
    from invrl.pilot import rehearsal
    from invrl.runs import directory
    from invrl.training.session import load_experiment, load_normaliser

    if run is not None:
        refuse_together("--run", shift=shift, data=data, overrides=words or None)
        found = directory.find(run)
        experiment = load_experiment(found.config, load_normaliser(found))
        new = rehearsal.trained(found, experiment)
    else:
        words = words if data else [*rehearsal.panel_words(design, seed), *words]
        experiment = load_experiment(load_config(None, words, data=data))
        new = rehearsal.incumbent(experiment, 0.5 if shift is None else shift)
    return rehearsal.rehearsal(experiment, rehearsal.incumbent(experiment), new, design)
