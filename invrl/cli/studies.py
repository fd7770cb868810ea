"""`invrl studies`: what searches found, and what tuning effort bought."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from invrl.cli.console import Format, Json, Out, emit, say
from invrl.cli.options import Plugin

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="List and show studies; tuning curve, sensitivity, frontier.",
)

EXAMPLES = """Examples:

invrl studies curve runs --out curve.png

invrl tune --algo ds --reg both --only --space "objective.stockout_weight=choice 10 20 50" --sampler grid

invrl studies frontier runs --out frontier.png
"""
Places = Annotated[
    list[Path] | None,
    typer.Argument(metavar="[DIR]...", help="Studies, or folders of studies; default: runs/."),
]
Levels = Annotated[
    list[str] | None,
    typer.Option(
        "--level", help="A horizontal line in the picture: NAME=VALUE, such as optimum=0.8543; repeatable."
    ),
]
PICTURES = (".png", ".svg", ".pdf")


def _found(places: list[Path] | None, needs_test: bool = True) -> list[Any]:
    from invrl.errors import InvrlError
    from invrl.scoring.comparison import order
    from invrl.tuning.study import below

    folders = places or [Path("runs")]
    found = below(folders)
    if needs_test:
        found = [study for study in found if study.records("test.jsonl")]
    if not found:
        raise InvrlError(f"no finished study below {folders[0]}", hint="`invrl tune` makes one")
    return sorted(found, key=lambda study: order(study.plan.config.algo, study.plan.config.reg))


def _one_objective(studies: list[Any]) -> list[Any]:
    """The studies whose trials can be ranked."""
    from invrl.errors import InvrlError

    found = [study for study in studies if not study.plan.is_frontier]
    if not found:
        raise InvrlError(
            "the trials minimise different objectives: none of them is best",
            hint=f"`invrl studies frontier {studies[0].path}`",
        )
    return found


@app.command()
def ls(
    places: Places = None,
    plugin: Plugin = None,
    format: Format = "table",
    json: Json = False,
    out: Out = None,
) -> None:
    """List all studies: cell, sampler, trials, best so far."""
    from invrl.tuning.study import trials_of

    lines = []
    for study in _found(places, needs_test=False):
        trials, config = trials_of(study), study.plan.config
        scores = [t.score for t in trials if t.status == "done"]
        lines.append({
            "study": str(study.path), "cell": f"{config.algo}/{config.reg}", "data": config.data.source,
            "sampler": study.plan.sampler, "trials": len(trials), "runs": sum(len(t.seeds) for t in trials),
            "diverged": sum(t.status == "diverged" for t in trials),
            "seconds": sum(t.seconds for t in trials),
            "best validation": None if study.plan.is_frontier else min(scores, default=None),
        })  # fmt: skip
    emit(lines, format=format, json_flag=json, out=out)


@app.command()
def show(
    study: Path, plugin: Plugin = None, format: Format = "table", json: Json = False, out: Out = None
) -> None:
    """Show every trial of a study, best first; those of a frontier in their order."""
    from invrl.tuning.study import read_study, shown_order, tests_of, trials_of

    found = read_study(study)
    tested = {trial: test["objective"] for trial, test in tests_of(found).items()}
    lines = [
        {"trial": t.number, **{k.rpartition(".")[2]: _word(v) for k, v in t.values.items()},
         "runs": len(t.seeds), "status": t.status, "validation": t.score, "test": tested.get(t.number),
         "seconds": t.seconds}
        for t in shown_order(found, trials_of(found))
    ]  # fmt: skip
    emit(lines, format=format, json_flag=json, out=out, title=str(study))


def _word(value: Any) -> Any:
    return "-".join(map(str, value)) if isinstance(value, list) else value


@app.command(epilog=EXAMPLES)
def curve(
    places: Places = None,
    level: Levels = None,
    plugin: Plugin = None,
    format: Format = "table",
    json: Json = False,
    out: Out = None,
) -> None:
    """Tuning curve: expected score of the best of k trials, as a table, a sketch or a picture (--out)."""
    from invrl.tuning import curve as curves
    from invrl.tuning.pictures import draw_curves

    studies = _one_objective(_found(places))
    trials, levels = curves.merged(studies), _levels(studies, level)
    if _drawn(out, lambda path: draw_curves(trials, levels, path)):
        return
    if format == "table" and not json and out is None:
        _sketch(trials)
    counts = () if json or format in ("csv", "json") or out else (1, 2, 3, 5, 10, 20, 50)
    lines = curves.rows(trials, counts)
    emit(
        lines,
        format=format,
        json_flag=json,
        out=out,
        payload={"curves": curves.rows(trials), "levels": levels},
    )
    if format == "table" and levels:
        say("level lines: " + ", ".join(f"{name} {value:.4g}" for name, value in levels.items()))
    say("expected, low, high: mean and 5-95 % range over random orders of the trials, one seed each")
    _say_stopped(trials)


@app.command()
def sensitivity(
    places: Places = None,
    level: Levels = None,
    plugin: Plugin = None,
    format: Format = "table",
    json: Json = False,
    out: Out = None,
) -> None:
    """Sensitivity: how much the result of each cell depends on its hyper-parameters."""
    from invrl.tuning import curve as curves
    from invrl.tuning.pictures import draw_sensitivity

    studies = _one_objective(_found(places))
    trials = curves.merged(studies)
    if _drawn(out, lambda path: draw_sensitivity(trials, _levels(studies, level), path)):
        return
    emit(curves.spread_rows(trials), format=format, json_flag=json, out=out)
    _say_stopped(trials)


def _say_stopped(trials: list[Any]) -> None:
    """Halving tests the survivors alone: what a user with few trials gets is not seen."""
    stopped, tried = sum(cell.pruned for cell in trials), sum(len(cell.score) for cell in trials)
    if stopped:
        say(f"{stopped} of {tried} trials were stopped early and never tested; they count as the worst that")
        say("was, so few trials look better than they are: search with --halving 0 for an honest curve")


@app.command(epilog=EXAMPLES)
def frontier(
    places: Places = None,
    reference: Annotated[
        str | None,
        typer.Option(help="Cell (algorithm/form) that the others are compared with; default: the incumbent."),
    ] = None,
    incumbent: Annotated[
        bool, typer.Option(help="Add the incumbent with its safety factor moved, which is hindsight.")
    ] = True,
    bootstrap: Annotated[int, typer.Option(help="Bootstrap samples for each interval.")] = 1000,
    plugin: Plugin = None,
    format: Format = "table",
    json: Json = False,
    out: Out = None,
) -> None:
    """Frontier: stockout rate against turnover time, of studies over the weights of the objective."""
    from invrl.scoring.intervals import COVERS
    from invrl.tuning import frontier as frontiers
    from invrl.tuning.pictures import draw_frontier

    studies = _found(places)
    frontiers.check_same_data(studies)
    moved = frontiers.incumbent(studies[0], bootstrap) if incumbent else None
    learned = frontiers.merged([frontiers.frontier(study, bootstrap) for study in studies])
    cells = [*learned, *([moved] if moved else [])]
    reference = reference or cells[-1 if moved else 0].name
    if _drawn(out, lambda path: draw_frontier(cells, reference, path)):
        return
    equal = frontiers.at_equal_stockout(cells, reference, frontiers.common_rates(cells))
    payload = frontiers.payload(cells, equal, reference)
    if format == "table" and not json and out is None and equal:
        emit(frontiers.equal_rows(equal), title=f"turnover time (days) against {reference} at equal stockout")
    emit(frontiers.rows(learned), format=format, json_flag=json, out=out, payload=payload)
    say(f"± half a 95 % interval; differences are paired, * excludes 0; {COVERS}")


def _drawn(out: Path | None, draw: Callable[[Path], None]) -> bool:
    """Whether `out` names a picture, which is then drawn."""
    from invrl.pilot.plot import check_picture

    if out is None or out.suffix not in PICTURES:
        return False
    check_picture(out)
    draw(out)
    say(f"wrote {out}")
    return True


def _levels(studies: list[Any], words: list[str] | None) -> dict[str, float]:
    """Level lines: what the user gave, and the incumbent of the first study's best run."""
    from invrl.errors import InvrlError
    from invrl.runs import directory

    levels = {}
    for word in words or []:
        name, _, value = word.partition("=")
        try:
            levels[name] = float(value)
        except ValueError:
            raise InvrlError(f"--level `{word}` is not NAME=VALUE", hint="such as optimum=0.8543") from None
    for run in directory.below(studies[0].path):
        policies = run.read("results.json").get("splits", {}).get("test", {}).get("policies", {})
        if "incumbent" in policies:
            return {"incumbent": policies["incumbent"]["objective"][0], **levels}
    return levels


def _sketch(trials: list[Any]) -> None:
    import numpy as np
    from rich.console import Console
    from rich.text import Text

    from invrl.cli.plot import COLOURS
    from invrl.cli.sketch import sketch
    from invrl.tuning.curve import expected

    lines = [expected(cell) for cell in trials]
    if max(map(len, lines)) < 2:
        return
    later = np.concatenate([line[min(1, line.size - 1) :] for line in lines])
    low, high = float(later.min()), float(later.max())
    drawn = sketch([(np.arange(1, line.size + 1), line) for line in lines], low, high, 60, 8)
    console = Console(highlight=False)
    for k, row in enumerate(drawn):
        text = Text(f"{ {0: f'{high:.4g}', len(drawn) - 1: f'{low:.4g}'}.get(k, ''):>9} ", "dim")
        for letter, who in row:
            text.append(letter, COLOURS[who % len(COLOURS)] if who >= 0 else "")
        console.print(text)
    for who, cell in enumerate(trials):
        console.print(Text(f"{'':>10}● {cell.name}", COLOURS[who % len(COLOURS)]))
