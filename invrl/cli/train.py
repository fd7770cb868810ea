"""`invrl train` and `invrl resume`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from invrl.cli.console import Json, emit, say, speak_of
from invrl.cli.options import (
    AlgoName,
    ConfigName,
    DataName,
    OutDir,
    Overrides,
    Plugin,
    Quiet,
    RegName,
    Seed,
    name_unread,
    say_alike,
    say_rounded,
)

Hosts = Annotated[
    str | None,
    typer.Option(help="Train on several hosts together: ADDRESS:PORT/COUNT/INDEX, or auto under Slurm."),
]

EXAMPLES = """Examples:

invrl train --algo ds --reg both

invrl train --config freshretail --algo ds --reg base --seed 1 train.updates=200
"""


def train(
    overrides: Overrides = None,
    algo: AlgoName = None,
    reg: RegName = None,
    config: ConfigName = None,
    data: DataName = None,
    seed: Seed = None,
    name: Annotated[
        str | None, typer.Option(help="Name of the run, to which an id is added.", rich_help_panel="Output")
    ] = None,
    out: OutDir = Path("runs"),
    hosts: Hosts = None,
    plugin: Plugin = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Train a policy (or tune an incumbent), then score it beside the incumbents."""
    from invrl.devices import placement

    placement.prepare(hosts)
    from invrl.cli.options import load_config
    from invrl.devices.hosts import first, scratch
    from invrl.training import session

    config_ = load_config(config, overrides, algo=algo, reg=reg, data=data, seed=seed)
    experiment = session.load_experiment(config_)
    config_ = experiment.config
    run = session.begin(experiment, out if first() else scratch(), name or f"{config_.algo}-{config_.reg}")
    quiet = quiet or not first()
    _describe(experiment, quiet)
    content = _watched(lambda watch: session.train(experiment, run, watch), run, config_, quiet)
    if first():
        show(content, run, json)


def resume(
    name: Annotated[str, typer.Argument(metavar="RUN", help="A run's path or name.")],
    overrides: Overrides = None,
    hosts: Hosts = None,
    plugin: Plugin = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Go on with an interrupted run, or lengthen one that ended (train.updates=+500).

    The learning rate then follows the longer schedule from where it stands.
    """
    from invrl.devices import placement

    placement.prepare(hosts)
    from invrl.devices.hosts import copied, first
    from invrl.runs import directory
    from invrl.training import session

    run = directory.find(name)
    run = run if first() else directory.Run(copied(run.path))
    changed = session.resumed_config(run, overrides or [])
    quiet = quiet or not first()
    content = _watched(lambda watch: session.resume(run, changed, watch), run, changed, quiet)
    if first():
        show(content, run, json)


def _describe(experiment: Any, quiet: bool) -> None:
    speak_of(experiment.panel.step)
    if quiet:
        return
    from invrl.cli.data_picture import without_training
    from invrl.demand.describe import NAMED
    from invrl.devices import placement

    panel, config = experiment.panel, experiment.config
    parts = ", ".join(
        f"{name} {part.pairs.size:,} pairs, days {part.measure + 1}-{part.stop}"
        for name, part in experiment.parts.items()
    )
    say(f"{config.data.source}: {panel.pairs:,} pairs x {panel.days} days ({panel.knowledge} demand)")
    say(f"  {parts}")
    if pairs := experiment.untrained:
        say(f"  {without_training(len(pairs), list(pairs[:NAMED]))}")
    if panel.forecasts:
        first, share = panel.missing_forecasts()
        names = ", ".join(panel.forecasts)
        say(f"  own forecasts from {first} on: {names}; the seasonal mean on {share:.1%} of pair-days")
    name_unread(config.data)
    say_alike(panel)
    say_rounded(config)
    plan = experiment.memory_plan()
    if sum(plan.values()) > WORTH_SAYING:
        shares = ", ".join(f"{name} {size / 1e9:.1f} GB" for name, size in plan.items())
        say(f"  memory: {shares}, of {placement.memory() / 1e9:.0f} GB")
    for name in experiment.parts:
        if experiment.pieces(name) > 1:
            say(f"  {name} does not fit in memory at once: {experiment.pieces(name)} pieces in turn")


WORTH_SAYING = 1e9
"""Bytes of memory."""


def _watched(work: Any, run: Any, config: Any, quiet: bool) -> dict[str, Any]:
    """Run with a live bar; Ctrl-C says how to go on."""
    from invrl.cli.progress import TrainingProgress

    with TrainingProgress(config, quiet) as progress:
        try:
            return work(progress.watch)
        except KeyboardInterrupt:
            progress.stop()
            say(f"interrupted; go on with: invrl resume {run.path}")
            raise


def show(content: dict[str, Any], run: Any, json: bool) -> None:
    """The test table, the run's path, and what to do next."""
    from invrl.scoring import totals
    from invrl.scoring.intervals import COVERS
    from invrl.scoring.objectives import priced_for, said
    from invrl.scoring.totals import sample

    split = content["splits"]["test"]
    if json:
        emit([], json_flag=True, payload={"run": str(run.path), **content})
        return
    speak_of(content.get("step", "day"))
    main = content["policy"]
    rows = [_row(name, split, main) for name in split["policies"]]
    objective = said(priced_for(run.config, content["stockout_price"]))
    all_days, days = split["days"], split["measured_days"]
    counted = f"{all_days} days" if days == all_days else f"{days:g} of {all_days} days"
    title = f"test: {split['pairs']:,} pairs x {counted}, {split['demand']} demand"
    emit(rows, title=f"{title}\n{objective}")
    if run.config.split.by == "days" and run.config.split.test_days == 0:
        say("split.test_days is 0: these are the validation days again, which chose the policy", "yellow")
    say(f"± half a 95 % interval, clustered by SKU; * significant; {COVERS}", "dim")
    say(f"vs it: the objective of {main} against the row's, paired", "dim")
    if days < all_days:
        say("days count from the first arrival of an order on: raise split.warmup_days for more", "dim")
    say("at equal SR: turnover against it, its safety stock moved to the same stockout rate", "dim")
    together = sample(run.pairs("test"), run.config)
    emit(totals.rows(split["totals"]), title=totals.TITLE)
    for line in totals.notes(split["totals"], together, run.config.evaluation.weights):
        say(line, "dim")
    if content["strongest"]:
        say(f"the incumbent to beat, chosen on validation: {content['strongest']}{_outlook(content)}", "dim")
    if "clairvoyant" in split["policies"]:
        say("clairvoyant: a bound, no policy: knows demand, sets stock freely, no packs or caps", "dim")
    _say_if_beaten(content, split, main)
    say(f"run:  {run.path}")
    say(f"next: invrl evaluate {run.path} --by velocity   or   invrl compare")


def _say_if_beaten(content: dict[str, Any], split: dict[str, Any], main: str) -> None:
    """A sentence where the classical rule stays best."""
    from invrl.scoring.intervals import Estimate

    found = split["differences"].get(content["strongest"])
    if found is None or found["objective"][0] <= 0:
        return
    delta = Estimate(*found["objective"])
    low = 100 * delta.mean / split["policies"][main]["objective"][0]
    sure = "" if delta.significant else " (may be chance)"
    text = f"the objective of {content['strongest']} is {low:.1f} % below that of {main}{sure}"
    say(f"the classical rule stays best here: {text}")


def _outlook(content: dict[str, Any]) -> str:
    if "forecast" not in content:
        return ""
    return f", all by the forecast `{content['forecast']}` and {content['distribution']} quantiles"


def _row(name: str, split: dict[str, Any], main: str) -> dict[str, Any]:
    from invrl.scoring.intervals import Estimate, percent, plus_minus, signed

    values = {measure: Estimate(*triple) for measure, triple in split["policies"][name].items()}
    row = {
        "policy": name,
        "stockout %": plus_minus(values["stockout_rate"], 100),
        "turnover d": plus_minus(values["turnover_time"]),
        "objective": f"{values['objective'].mean:.3f}",
        "vs it (%)": "",
        "at equal SR (d)": "",
    }
    equal = split.get("equal_stockout", {}).get(name)
    if equal:
        row["at equal SR (d)"] = signed(Estimate(*equal["turnover_time"]))
    if name not in (main, "clairvoyant"):
        delta = Estimate(*split["differences"][name]["objective"])
        row["vs it (%)"] = percent(delta, values["objective"].mean)
    return row
