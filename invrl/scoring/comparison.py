"""Runs side by side: the best configuration of each cell, as signed differences to a reference.

The paper's grid: one block per algorithm, columns NONE BASE COEFF BOTH, rows stockout rate
(percentage points) and turnover time (days). Differences are paired: same pairs, same days,
same demand. Cells are chosen by validation only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from invrl import registry
from invrl.config.reading import to_tree
from invrl.config.schema import Config, Objective
from invrl.config.sections import section_of
from invrl.errors import InvrlError
from invrl.runs.directory import Run
from invrl.scoring.intervals import Estimate, interval, percent, plus_minus, seeds_resampled, signed
from invrl.scoring.objectives import Scoring, scoring, tree
from invrl.scoring.totals import SUMMED, Sample, sample, totals

GRID_MEASURES = ("stockout_rate", "turnover_time")
CELL_MEASURES = (*GRID_MEASURES, "cost", "objective", *SUMMED)


@dataclass(frozen=True)
class Cell:
    """The chosen configuration of one (algo, reg), its seeds averaged pair by pair."""

    algo: str
    reg: str | None
    runs: tuple[str, ...]
    trials: int  # configurations it was chosen from
    values: dict[str, np.ndarray]  # measure -> [N'], mean over seeds
    per_seed: dict[str, np.ndarray]  # measure -> [S, N']
    spread: dict[str, float]  # measure -> standard deviation over seeds of the mean
    means: dict[str, Estimate]
    deltas: dict[str, Estimate] | None = None  # to the reference; None for the reference itself

    @property
    def name(self) -> str:
        return f"{self.algo}/{self.reg}" if self.reg else self.algo


@dataclass(frozen=True)
class Comparison:
    cells: list[Cell]
    reference: str
    split: str
    pairs: int
    demand: str  # known, censored or uncensored
    skipped: list[str]  # runs that are not finished
    objective: Objective  # of all figures
    sample: Sample  # the pairs
    strongest: str | None  # incumbent on validation


def compare(
    found: list[Run], reference: str | None, split: str, resamples: int, objective: Sequence[str] = ()
) -> Comparison:
    """The cells of the given runs.

    Incumbents scored beside the runs become cells of their own. A run named twice counts once.

    Args:
        reference: a cell's name; None takes ddpg/both if there, else the first learned cell.
        objective: `key=value` words of an objective to score all runs again under; empty: their own.

    Raises:
        InvrlError: no finished run, runs on different data, or under different objectives.
    """
    found = list({run.path.resolve(): run for run in found}.values())
    loaded = [(run, run.read("results.json")) for run in found]
    skipped = [run.name for run, content in loaded if not content]
    loaded = [(run, content) for run, content in loaded if content]
    if not loaded:
        raise InvrlError("no finished runs to compare", hint="train some: `invrl train --algo ds --reg both`")
    same_data(
        [(run.name, run.config, content["data_fingerprint"]) for run, content in loaded],
        hint="name the runs to compare, or a directory that holds one study",
    )
    score = scoring(loaded, list(objective))
    cells = [_cell(members, split, resamples, score) for members in _by_cell(loaded).values()]
    cells += _beside(loaded, split, resamples, {cell.name for cell in cells}, score)
    cells.sort(key=lambda cell: order(cell.algo, cell.reg))
    chosen = _reference(cells, reference)
    pairs = loaded[0][0].pairs(split)
    cells = [_with_delta(cell, chosen, pairs, resamples) for cell in cells]
    demand, counted = loaded[0][1]["splits"][split]["demand"], sample(pairs, loaded[0][0].config)
    figures = len(counted.weight), demand, skipped, score.objective, counted
    return Comparison(cells, chosen.name, split, *figures, loaded[0][1].get("strongest"))


def same_data(found: list[tuple[str, Config, str]], hint: str) -> None:
    """Paired differences need the same pairs, days, supply and measures.

    Args:
        found: (name, config, data fingerprint) of what is to be compared.

    Raises:
        InvrlError: two of them differ in one of these.
    """

    def key(config: Config, fingerprint: str) -> tuple[str, str]:
        return fingerprint, repr([config.supply, config.split, config.evaluation])

    (first, same), *others = [(name, key(config, fingerprint)) for name, config, fingerprint in found]
    for name, own in others:
        if own != same:
            raise InvrlError(f"{name} and {first} were not run on the same data, supply and split", hint=hint)


def _by_cell(loaded: list[tuple[Run, dict]]) -> dict[tuple, list[tuple[Run, dict]]]:
    cells: dict[tuple, list[tuple[Run, dict]]] = {}
    for run, content in loaded:
        cells.setdefault((content["algo"], content["reg"]), []).append((run, content))
    return cells


def _cell(members: list[tuple[Run, dict]], split: str, resamples: int, score: Scoring) -> Cell:
    """The best configuration of one cell by its mean validation score over seeds."""
    configurations: dict[str, list[tuple[Run, dict]]] = {}
    sections = {section_of(algo) for algo in registry.ALGORITHMS}
    for run, content in members:
        others = sections - {section_of(run.config.algo)}  # sections that this run never read
        tree = to_tree(run.config) | dict.fromkeys({"seed", *others})
        configurations.setdefault(repr(tree), []).append((run, content))

    def mean(seeds: list[tuple[Run, dict]]) -> float:
        return float(np.mean([score.validation(run, content, content["policy"]) for run, content in seeds]))

    best = min(configurations.values(), key=mean)
    trials = _trials(configurations)
    _, content = best[0]
    arrays = [(score.pairs(run, split), content["policy"]) for run, content in best]
    names = tuple(sorted(run.name for run, _ in best))
    return _make_cell(content["algo"], content["reg"], names, trials, arrays, resamples)


def _trials(configurations: dict[str, list[tuple[Run, dict]]]) -> int:
    """Configurations behind a cell: the best run of a search stands for all that were tried there."""
    searched: dict[str, int] = {}
    alone = 0
    for seeds in configurations.values():
        manifest = seeds[0][0].read("manifest.json")
        if "trials" in manifest:
            searched[str(seeds[0][0].path.parent)] = manifest["trials"]
        else:
            alone += 1
    return alone + sum(searched.values())


def _beside(
    loaded: list[tuple[Run, dict]], split: str, resamples: int, taken: set[str], score: Scoring
) -> list[Cell]:
    """The incumbents scored beside any run; of those tuned differently, the best on validation."""
    ways: dict[str, dict[str, tuple[Run, dict]]] = {}
    for run, content in loaded:
        way = repr([run.config.baseline, run.config.objective, content["stockout_price"]])
        for name in content["splits"][split]["policies"]:
            if name not in taken | {content["policy"]} and "/" not in name:
                ways.setdefault(name, {}).setdefault(way, (run, content))
    cells = []
    for name, known in ways.items():
        scores = [score.validation(run, content, name) for run, content in known.values()]
        run, _ = list(known.values())[int(np.argmin(scores))]
        arrays = [(score.pairs(run, split), name)]
        cells.append(_make_cell(name, None, (run.name,), len(known), arrays, resamples))
    return cells


def _make_cell(
    algo: str, reg: str | None, names: tuple[str, ...], trials: int, arrays: list[tuple[dict, str]],
    resamples: int,
) -> Cell:  # fmt: skip
    first = arrays[0][0]
    weight = first["weight"].astype(np.float64)
    per_seed = {m: np.stack([a[f"{policy}:{m}"] for a, policy in arrays]) for m in CELL_MEASURES}
    values = {m: seeds.mean(0) for m, seeds in per_seed.items()}
    spread = {
        m: float((seeds @ weight / weight.sum()).std(ddof=min(1, len(seeds) - 1)))
        for m, seeds in per_seed.items()
    }
    means = {
        m: interval(
            seeds_resampled(seeds, weight, first["cluster"], resamples, f"{algo}/{reg}" if reg else algo)
        )
        for m, seeds in per_seed.items()
    }
    return Cell(algo, reg, names, trials, values, per_seed, spread, means)


def _with_delta(cell: Cell, reference: Cell, pairs: dict[str, np.ndarray], resamples: int) -> Cell:
    if cell.name == reference.name:
        return cell
    weight, clusters = pairs["weight"].astype(np.float64), pairs["cluster"]
    deltas = {
        m: interval(
            seeds_resampled(cell.per_seed[m], weight, clusters, resamples, cell.name)
            - seeds_resampled(reference.per_seed[m], weight, clusters, resamples, reference.name)
        )
        for m in CELL_MEASURES
    }
    return replace(cell, deltas=deltas)


def order(algo: str, reg: str | None) -> tuple[int, int, str]:
    """Algorithms in the registry's order, forms in theirs, then incumbents."""
    tables = list(registry.ALGORITHMS), list(registry.HEADS), list(registry.BASELINES)
    if algo in tables[0]:
        return tables[0].index(algo), tables[1].index(reg) if reg in tables[1] else 99, ""
    return 100 + (tables[2].index(algo) if algo in tables[2] else 99), 0, algo


def _reference(cells: list[Cell], name: str | None) -> Cell:
    known = {cell.name: cell for cell in cells}
    if name is None:
        name = "ddpg/both" if "ddpg/both" in known else cells[0].name
    if name not in known:
        raise InvrlError(f"no cell `{name}` among the runs", hint=f"one of {', '.join(known)}")
    return known[name]


def grid_rows(comparison: Comparison) -> dict[str, list[dict[str, Any]]]:
    """Algorithm -> the paper's two rows; incumbents under the name `incumbents`.

    A cell is `+1.23±0.10*`: the difference to the reference, half its 95 % interval, and a
    star where the interval excludes zero.
    """
    blocks: dict[str, list[Cell]] = {}
    for cell in comparison.cells:
        blocks.setdefault(cell.algo if cell.reg else "incumbents", []).append(cell)
    heading = {"stockout_rate": "stockout rate (pp)", "turnover_time": "turnover time (days)"}
    return {
        block: [
            {"": heading[m], **{(cell.reg or cell.algo): delta_text(cell, m) for cell in cells}}
            for m in GRID_MEASURES
        ]
        for block, cells in blocks.items()
    }


def delta_text(cell: Cell, measure: str) -> str:
    if cell.deltas is None:
        return "-"
    return signed(cell.deltas[measure], 100 if measure in ("stockout_rate", "fill_rate") else 1)


def absolute_rows(comparison: Comparison) -> list[dict[str, Any]]:
    """One row per cell: means ± half their intervals; the objective against the reference's."""
    rows = []
    for cell in comparison.cells:
        rows.append({
            "policy": cell.name, "runs": len(cell.runs), "trials": cell.trials,
            "stockout %": plus_minus(cell.means["stockout_rate"], 100),
            "turnover d": plus_minus(cell.means["turnover_time"], 1),
            "objective": f"{cell.means['objective'].mean:.3f}",
            "cost": f"{cell.means['cost'].mean:.3f}",
            "vs ref (%)": _percent(cell),
        })  # fmt: skip
    return rows


def _percent(cell: Cell) -> str:
    """The paired difference of the objective, in per cent of the reference."""
    if cell.deltas is None:
        return "-"
    delta = cell.deltas["objective"]
    return percent(delta, cell.means["objective"].mean - delta.mean)


def payload(comparison: Comparison) -> dict[str, Any]:
    """The JSON of `invrl compare`."""

    def cell_tree(cell: Cell) -> dict[str, Any]:
        tree: dict[str, Any] = {
            "algo": cell.algo, "reg": cell.reg, "runs": list(cell.runs), "trials": cell.trials,
            "n_pairs": comparison.pairs, "totals": totals(cell.values, comparison.sample),
        }  # fmt: skip
        for m in CELL_MEASURES:
            tree[m], tree[f"{m}_ci"] = cell.means[m].mean, [cell.means[m].low, cell.means[m].high]
            tree[f"{m}_seed_sd"] = cell.spread[m]
            delta = cell.deltas[m] if cell.deltas else None
            tree[f"{m}_delta"] = delta.mean if delta else None
            tree[f"{m}_delta_ci"] = [delta.low, delta.high] if delta else None
        return tree

    return {
        "schema": 1, "split": comparison.split, "demand": comparison.demand,
        "reference": comparison.reference, "strongest": comparison.strongest,
        "objective": tree(comparison.objective),
        "cells": [cell_tree(cell) for cell in comparison.cells], "skipped": comparison.skipped,
    }  # fmt: skip
