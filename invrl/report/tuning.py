"""How much tuning a policy form needs: the best policy found against the configurations tried."""

from __future__ import annotations

import numpy as np

from invrl import registry
from invrl.charts import svg
from invrl.charts.svg import Frame, Scale
from invrl.config.reading import to_tree
from invrl.report.facts import Facts, form_ink, form_order, validation_score
from invrl.report.markup import SMALL, figure, legend, make_section, side_by_side
from invrl.runs.directory import Run
from invrl.tuning.curve import Trials, expected, merged
from invrl.tuning.study import read_study


def section(facts: Facts) -> str:
    found = list(facts.found.values())
    studies = dict.fromkeys(run.path.parent for run in found if (run.path.parent / "study.json").exists())
    alone = [run for run in found if run.path.parent not in studies]
    tried = merged([read_study(path) for path in studies]) + by_cell(alone, facts.split)
    trials = [cell for cell in tried if len(cell.validation) > 1]
    if not trials:
        return ""
    trials.sort(key=lambda t: form_order(t.reg))
    algos = dict.fromkeys(t.algo for t in trials)
    figures = [_figure(facts, algo, [t for t in trials if t.algo == algo]) for algo in algos]
    return make_section("tuning", "Tuning", side_by_side(*(f for f in figures if f)))


def by_cell(found: list[Run], split: str) -> list[Trials]:
    """The trials of every learned cell; runs that differ by their seed only are one trial."""
    cells: dict[tuple[str, str], dict[str, list[tuple[float, float]]]] = {}
    for run in found:
        config = run.config
        if config.algo in registry.BASELINES:
            continue
        content = run.read("results.json")
        score = content["splits"][split]["policies"][content["policy"]]["objective"][0]
        same = repr(to_tree(config) | {"seed": None})
        cells.setdefault((config.algo, config.reg), {}).setdefault(same, []).append(
            (validation_score(run), score)
        )
    return [_trials(*cell, list(tried.values())) for cell, tried in cells.items()]


def _trials(algo: str, reg: str, tried: list[list[tuple[float, float]]]) -> Trials:
    validation, score = np.array([np.mean(seeds, axis=0) for seeds in tried]).T
    return Trials(algo, reg, validation[:, None], score[:, None], np.zeros(len(tried)))


def _figure(facts: Facts, algo: str, trials: list[Trials]) -> str:
    if not trials:
        return ""
    lines = [expected(t) for t in trials]
    level = facts.rival.means["objective"].mean if facts.rival else None
    values = [*np.concatenate(lines), *([level] if level is not None else [])]
    most = max(line.size for line in lines)
    frame = Frame(44, 24, SMALL - 54, 150, Scale(0.8, most + 0.2), svg.around(values, 0.1))
    drawn = [
        svg.line(frame, np.arange(1, line.size + 1), line, form_ink(t.reg)) + _dots(frame, line, t)
        for t, line in zip(trials, lines, strict=True)
    ]
    if level is not None:
        v = float(frame.up(level))
        drawn.append(svg.segment(frame.left, v, frame.right, v, "incumbent", "dashed"))
    stride = max(1, most // 8)
    marks = [(float(k), str(k)) for k in range(1, most + 1, stride)]
    axes = svg.axes(frame, "configurations tried", "objective", marks)
    picture = svg.svg(SMALL, 216, axes, *drawn, label="Tuning curve")
    caption = (
        f"Expected objective on {facts.split} days of the policy that validation picks, when only so many "
        "of the configurations are tried, in random order. A line that is *low from the start* needs "
        "little tuning."
    )
    entries = [(form_ink(t.reg), "line", t.reg.upper()) for t in trials]
    named = [("incumbent", "dashed", facts.rival.name)] if facts.rival else []
    return figure(picture, caption, legend([*entries, *named]), algo.upper())


def _dots(frame: Frame, line: np.ndarray, trials: Trials) -> str:
    return "".join(
        svg.marker(
            float(frame.across(k + 1)),
            float(frame.up(value)),
            "small",
            form_ink(trials.reg),
            f"{k + 1}: {value:.4g}",
        )
        for k, value in enumerate(line)
    )
