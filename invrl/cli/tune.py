"""`invrl tune`: a search over hyper-parameters."""

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
    say_rounded,
)

EXAMPLES = """Examples:

invrl tune --algo ds --reg both --trials 10

invrl tune --config independent --algo ppo --reg base --trials 50 --seeds 3 --sampler quasi

invrl tune --algo ds --reg base --sampler grid --space "objective.stockout_weight=choice 10 30 90"

Run it again and it goes on where it was; a larger --trials adds to what is there.
"""
SEARCH = "Search"


def tune(
    overrides: Overrides = None,
    algo: AlgoName = None,
    reg: RegName = None,
    config: ConfigName = None,
    data: DataName = None,
    trials: Annotated[int, typer.Option(min=1, help="Configurations to try.", rich_help_panel=SEARCH)] = 10,
    seeds: Annotated[
        int, typer.Option(min=1, help="Training runs (seeds) of each configuration.", rich_help_panel=SEARCH)
    ] = 1,
    sampler: Annotated[
        str,
        typer.Option(
            help="How to choose: random, quasi, grid or tpe; fixed tries one configuration.",
            rich_help_panel=SEARCH,
        ),
    ] = "random",
    space: Annotated[
        list[str] | None,
        typer.Option(
            help='A key to search and its range: KEY="log 1e-4 1e-2"; repeatable.', rich_help_panel=SEARCH
        ),
    ] = None,
    only: Annotated[
        bool, typer.Option("--only", help="Search the keys of --space alone.", rich_help_panel=SEARCH)
    ] = False,
    halving: Annotated[
        int,
        typer.Option(
            min=0, help="Successive halving: keep 1 in N at each step; 0: keep all.", rich_help_panel=SEARCH
        ),
    ] = 0,
    executor: Annotated[
        str, typer.Option(help="Where to train: local, or ray (a cluster).", rich_help_panel=SEARCH)
    ] = "local",
    seed: Seed = None,
    name: Annotated[
        str | None,
        typer.Option(help="Name of the study; default: tune-<algo>-<reg>.", rich_help_panel="Output"),
    ] = None,
    out: OutDir = Path("runs"),
    plugin: Plugin = None,
    json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Search hyper-parameters, many trainings in one program. Run it again to continue."""
    from invrl.devices import placement

    placement.prepare()
    from invrl.cli.options import load_config
    from invrl.runs.writing import checked_name, only_writer
    from invrl.training import session
    from invrl.tuning import search, study

    base = load_config(config, overrides, algo=algo, reg=reg, data=data, seed=seed)
    lines = () if sampler == "fixed" else _space(config, base.algo, space or [], only)
    _check(sampler, executor, halving)
    experiment = session.load_experiment(base)
    speak_of(experiment.panel.step)
    plan = study.Plan(experiment.config, lines, sampler, halving, experiment.panel.fingerprint())
    _check_scores(plan)
    found = study.open_study(out / checked_name(name or f"tune-{base.algo}-{base.reg}"), plan)
    with only_writer(found.path):
        _go_on(found, trials, seeds, _executor(executor, experiment.panel), quiet)
        runs = search.finish(found, experiment.panel)
    _show(found, runs, json)


def _go_on(found: Any, trials: int, seeds: int, executor: Any, quiet: bool) -> None:
    from invrl.tuning import search

    if not quiet:
        _describe(found, trials, seeds)
    try:
        search.search(found, trials, seeds, executor, _watch(found, trials, seeds, quiet))
    except KeyboardInterrupt:
        say("interrupted; run the same command again to go on")
        raise


def _space(config: str | None, algo: str, words: list[str], only: bool) -> Any:
    from invrl import registry
    from invrl.config import reading
    from invrl.tuning.space import space_of

    if only:
        return space_of(words)
    return space_of(registry.get("algorithm", algo).space, reading.search_lines(config, algo), words)


def _check(sampler: str, executor: str, halving: int) -> None:
    from invrl.errors import InvrlError, nearest
    from invrl.tuning.space import SAMPLERS

    if sampler not in SAMPLERS:
        raise InvrlError(f"no sampler `{sampler}`", hint=nearest(sampler, SAMPLERS))
    if executor not in ("local", "ray"):
        raise InvrlError(f"no executor `{executor}`", hint="local or ray")
    if executor == "ray" and halving:
        raise InvrlError("--halving needs --executor local", hint="leave out one of the two")
    if halving == 1:
        raise InvrlError("--halving must be at least 2", hint="2 or 3; 0 for none")


def _check_scores(plan: Any) -> None:
    from invrl.errors import InvrlError
    from invrl.tuning.space import ADAPTIVE

    if plan.is_frontier and (plan.halving or plan.sampler in ADAPTIVE):
        what = "--halving" if plan.halving else f"--sampler {plan.sampler}"
        raise InvrlError(
            f"{what} compares scores, and trials with different objectives have none in common",
            hint="leave the objective out of the search, or use random, quasi or grid without --halving",
        )


def _executor(name: str, panel: Any) -> Any:
    from invrl.tuning import search

    if name == "local":
        return search.here(panel)
    from invrl.tuning.cluster import on_ray

    return on_ray(panel)


def _describe(found: Any, trials: int, seeds: int) -> None:
    from invrl.tuning.space import most
    from invrl.tuning.study import pending

    left = len(pending(found, trials, seeds))
    trials = int(min(trials, most(found.plan.sampler, found.plan.space)))
    say(f"{found.path}: {trials} configurations x {seeds} seeds, {left} runs to train")
    for dimension in found.plan.space:
        say(f"  {dimension.key} = {dimension}")
    say_rounded(found.plan.config)


def _watch(found: Any, trials: int, seeds: int, quiet: bool) -> Any:
    from invrl.tuning.study import pending

    left = len(pending(found, trials, seeds))
    count = 0

    def watch(job: Any) -> None:
        nonlocal count
        count += 1
        if quiet:
            return
        trial, seed, values = job.label
        score = f"validation {job.score:.4f}" if not job.diverged else f"diverged: {job.diverged}"
        words = ", ".join(f"{key.rpartition('.')[2]} {value}" for key, value in values.items())
        say(f"[{count}/{left}] trial {trial} seed {seed}: {score}, {job.seconds:.1f} s; {words}")

    return watch


def _show(found: Any, runs: list[Any], json: bool) -> None:
    from invrl.tuning.study import best_of, shown_order, trials_of

    trials, frontier = trials_of(found), found.plan.is_frontier
    best = None if frontier else best_of(trials)
    payload = {
        "study": str(found.path), "trials": len(trials), "frontier": frontier,
        "best": best and best.number, "values": best and best.values,
        "validation": best and best.score, "runs": [str(run.path) for run in runs],
    }  # fmt: skip
    if json:
        emit([], json_flag=True, payload=payload)
        return
    cell = f"{found.plan.config.algo}/{found.plan.config.reg}"
    what = f"{len(trials)} objectives, none best" if frontier else f"best of {len(trials)} on validation"
    emit([_trial(found, t) for t in shown_order(found, trials)[:10]], title=f"{cell}: {what}")
    if frontier:
        say(f"next: invrl studies frontier {found.path}")
        return
    say(f"best: {found.path / 'best.toml'}; its runs: {', '.join(run.name for run in runs)}")
    say(f"next: invrl compare {found.path}    invrl studies curve {found.path}")


def _trial(found: Any, trial: Any) -> dict[str, Any]:
    row = {"trial": trial.number, **{k: str(v) for k, v in trial.values.items()}}
    if not found.plan.is_frontier:
        return row | {"validation": trial.score, "runs": trial.status}
    lines = [r["validation"] for r in found.records() if r["trial"] == trial.number and r["validation"]]
    means = {m: sum(one[m] for one in lines) / len(lines) if lines else None for m in MEANS}
    rate = means["stockout_rate"]
    shown = {"stockout %": None if rate is None else 100 * rate, "turnover d": means["turnover_time"]}
    return row | shown | {"runs": trial.status}


MEANS = ("stockout_rate", "turnover_time")
