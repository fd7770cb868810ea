"""Learning curves, the diagnostics of the chosen runs, and how far training days flatter."""

from __future__ import annotations

import numpy as np

from invrl import registry
from invrl.charts import learning, svg
from invrl.charts.learning import GROUPS, Line, Panel
from invrl.charts.svg import Frame, Scale
from invrl.experiment import Experiment
from invrl.report.facts import Facts, cell_label, form_ink, form_order
from invrl.report.markup import SMALL, figure, folded, legend, make_section, side_by_side, table, words
from invrl.runs.directory import Run
from invrl.scoring.comparison import Cell
from invrl.scoring.intervals import weighted_means
from invrl.scoring.rules import Rule, classical, make_simulate
from invrl.training import session

DIAGNOSTICS = ("stockout", "turnover", "bellman", "q", "explained", "kl", "bound", "zero", "gradient")


def section(facts: Facts) -> str:
    cells = [cell for cell in facts.comparison.cells if cell.reg and facts.best_run(cell).metrics()]
    if not cells:
        return ""
    algos = list(dict.fromkeys(cell.algo for cell in cells))
    learning = [_learning(facts, algo) for algo in algos]
    diagnostics = [_diagnostics(facts, [cell for cell in cells if cell.algo == algo]) for algo in algos]
    intro = (
        "The objective on validation days while training goes on; lower is better. The policy of the dot "
        "was kept. Updates of different algorithms are different amounts of work."
    )
    more = [
        folded(f"Diagnostics of {algo.upper()}", part) for algo, part in zip(algos, diagnostics, strict=True)
    ]
    body = side_by_side(*learning, _gap(facts, cells))
    return make_section("learning", "Learning", words(intro), body, *more)


def _learning(facts: Facts, algo: str) -> str:
    """All runs of one algorithm; those of the chosen configurations stand out."""
    chosen = {name for cell in facts.comparison.cells for name in cell.runs}
    found = [run for run in facts.found.values() if run.config.algo == algo]
    lines = learning.panels(found, ["objective"])[0].lines
    lines = [line for line in lines if line.key == "validation_objective"]
    level = _rival_on_validation(facts)
    inks = {run.name: form_ink(run.config.reg) for run in found}
    kept = {run.name: run.needed("results.json")["best_update"] for run in found if run.name in chosen}
    picture = _chart(Panel(GROUPS["objective"], lines), inks, level, kept)
    forms = sorted({run.config.reg for run in found}, key=form_order)
    entries = [(form_ink(reg), "line", reg.upper()) for reg in forms]
    pale = " Pale lines: configurations that validation did not choose." if len(kept) < len(found) else ""
    caption = f"{_lowest(facts, lines)}{pale}"
    if facts.rival and level is not None:
        entries.append(("incumbent", "dashed", f"{facts.rival.name}, tuned"))
        caption += f" The {facts.rival.name} has {level:.3f}."
    return figure(picture, caption, legend(entries), algo.upper())


def _lowest(facts: Facts, lines: list[Line]) -> str:
    best = min(lines, key=lambda line: np.nanmin(line.value))
    k = int(np.nanargmin(best.value))
    form = facts.found[best.run].config.reg.upper()
    return f"The lowest is *{form}* with {best.value[k]:.3f} at update {best.update[k]:,}."


def _rival_on_validation(facts: Facts) -> float | None:
    if facts.rival is None:
        return None
    policies = facts.content["splits"]["validation"]["policies"]
    return policies[facts.rival.name]["objective"][0] if facts.rival.name in policies else None


def _chart(
    panel: Panel, inks: dict[str, str], level: float | None = None, kept: dict[str, int] | None = None
) -> str:
    """Curves over updates; the main metric solid, further ones thin.

    Args:
        inks: run -> colour.
        level: where a dashed line goes.
        kept: run -> update whose policy was kept, marked by a dot; lines of other runs are pale.
    """
    group, lines = panel
    values = [line.value for line in lines]
    low, high = learning.focus(values)
    if level is not None:
        pad = 0.05 * (high - low)
        low, high = min(low, level - pad), max(high, level + pad)
    y = _log_scale(values) if learning.wants_log(panel) else Scale(low, high)
    last = max(float(line.update[-1]) for line in lines)
    frame = Frame(44, 24, SMALL - 54, 150, Scale(0.0, last), y)
    drawn = [
        svg.line(frame, line.update, line.value, inks[line.run], _kind(line, lines[0].key, kept))
        for line in lines
    ]
    ends = [_dot(frame, line, inks[line.run], kept[line.run]) for line in lines if kept and line.run in kept]
    if level is not None:
        v = float(frame.up(level))
        drawn.append(svg.segment(frame.left, v, frame.right, v, "incumbent", "dashed"))
    return svg.svg(SMALL, 216, svg.axes(frame, "updates", group.title), *drawn, *ends, label=group.title)


def _kind(line: Line, main: str, kept: dict[str, int] | None) -> str:
    if kept is not None and line.run not in kept:
        return "pale"
    return "" if line.key == main else "thin dashed"


def _log_scale(values: list[np.ndarray]) -> Scale:
    low, high = min(np.nanmin(v) for v in values), max(np.nanmax(v) for v in values)
    return Scale(float(low) / 1.15, float(high) * 1.15, log=True)


def _dot(frame: Frame, line: Line, ink: str, update: int) -> str:
    k = int(np.argmin(np.abs(line.update - update)))
    u, v = float(frame.across(line.update[k])), float(frame.up(line.value[k]))
    return svg.marker(u, v, "small", ink, f"{line.run}: {line.value[k]:.4g} at update {line.update[k]:,}")


def _diagnostics(facts: Facts, cells: list[Cell]) -> str:
    """The chosen runs' other metrics, one colour per form."""
    chosen = [facts.best_run(cell) for cell in cells]
    inks = {run.name: form_ink(run.config.reg) for run in chosen}
    logged = {key for run in chosen for key in run.metrics()[-1]}
    wanted = [name for name in DIAGNOSTICS if logged & set(GROUPS[name].keys)]
    entries = legend([(form_ink(run.config.reg), "line", run.config.reg.upper()) for run in chosen])
    return side_by_side(
        *(figure(_chart(panel, inks), _tells(panel), entries) for panel in learning.panels(chosen, wanted))
    )


def _tells(panel: Panel) -> str:
    """The group's words as sentences, with what is dashed."""
    first, *others = dict.fromkeys(line.key for line in panel.lines)
    words = f"{panel.group.tells[0].upper()}{panel.group.tells[1:]}."
    return f"{words} Solid: {first}; dashed: {', '.join(others)}." if others else words


def _gap(facts: Facts, cells: list[Cell]) -> str:
    """How much of an advantage over the incumbent survives on days that were not trained on."""
    beside = facts.content["splits"]["test"]["policies"]  # an incumbent may have been scored alone
    if facts.rival is None or facts.rival.name not in facts.numbers or facts.rival.name not in beside:
        return ""
    name = facts.rival.name
    base = _rival_objectives(facts, name)
    rows = []
    for cell in cells:
        run = facts.best_run(cell)
        mine = _objectives(facts, run)
        change = {split: 100 * (mine[split] / base[split] - 1) for split in mine}
        rows.append({"policy": cell_label(cell), **{split: _percent(c) for split, c in change.items()}})
    note = (
        f"The objective against the {name}'s on the same days, whose safety factor was tuned on the "
        "training days too. An advantage that is large on training days and gone on test days was *learned "
        "by heart*."
    )
    return f"<figure><h3>Does it hold where it did not learn?</h3>{table(rows, note, 'slim')}</figure>"


def _percent(change: float) -> str:
    return f"{round(change, 1) + 0.0:+.1f} %".replace("-", "\N{MINUS SIGN}")


def _objectives(facts: Facts, run: Run) -> dict[str, float]:
    policies = run.needed("results.json")["splits"]
    experiment = facts.experiment_of(run)
    rule, shared, _ = session.restore(run, experiment)
    name = run.needed("results.json")["policy"]
    return {
        "training": _on_training(experiment, rule, shared, None),
        "validation": policies["validation"]["policies"][name]["objective"][0],
        "test": policies["test"]["policies"][name]["objective"][0],
    }


def _rival_objectives(facts: Facts, name: str) -> dict[str, float]:
    rule = classical(registry.get("baseline", name), facts.experiment.config)
    splits = facts.content["splits"]
    return {
        "training": _on_training(facts.experiment.incumbents, rule, None, facts.numbers[name]),
        "validation": splits["validation"]["policies"][name]["objective"][0],
        "test": splits["test"]["policies"][name]["objective"][0],
    }


def _on_training(experiment: Experiment, rule: Rule, shared: object, own: np.ndarray | None) -> float:
    experiment = experiment.as_it_was
    dataset = experiment.train
    mine = None if own is None else own[:, dataset.pairs]
    found = make_simulate(rule, experiment.config)(shared, dataset, mine)
    return weighted_means(found, experiment.weight[dataset.pairs])["objective"]
