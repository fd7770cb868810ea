"""What all sections of a report start from: the runs, their comparison, and the best of them."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from invrl import registry
from invrl.config.schema import Config
from invrl.demand.panel import Panel
from invrl.demand.splits import PARTS
from invrl.errors import InvrlError
from invrl.experiment import Experiment
from invrl.policies.heads import Head
from invrl.runs.directory import Run
from invrl.scoring import comparison
from invrl.scoring.comparison import Cell, Comparison
from invrl.scoring.objectives import Scoring
from invrl.training import session

SPLITS = ("test", "validation")


@dataclass(frozen=True)
class Facts:
    """The runs of a report.

    Attributes:
        found: finished runs by name.
        skipped: names of runs that are not finished.
        comparison: one cell per (algorithm, form), the best by validation, and the incumbents.
        main: the best learned cell by validation; the only cell's own where nothing was learned.
        rival: the incumbent beside it, or None.
        run: the run of `main` with the best validation score.
        experiment: of `run`; its panel serves all runs.
    """

    found: dict[str, Run]
    skipped: list[str]
    comparison: Comparison
    main: Cell
    rival: Cell | None
    run: Run
    experiment: Experiment

    @property
    def split(self) -> str:
        return self.comparison.split

    @property
    def pairs(self) -> np.ndarray:
        """[N'] the pairs of the split, as indices into the panel."""
        return self.experiment.parts[self.split].pairs

    @property
    def weight(self) -> np.ndarray:
        """[N'] of those pairs."""
        return self.experiment.weight[self.pairs]

    @cached_property
    def content(self) -> dict[str, Any]:
        """`results.json` of `run`."""
        return self.run.read("results.json")

    @cached_property
    def numbers(self) -> dict[str, np.ndarray]:
        """Incumbent -> its numbers [k, N], tuned again as the run tuned them."""
        names = [cell.algo for cell in self.comparison.cells if cell.reg is None]
        tuned = [name for name in names if registry.get("baseline", name).axes]
        return {name: session.retuned(self.run, self.experiment, name) for name in tuned}

    def experiment_of(self, run: Run) -> Experiment:
        """Another run's experiment on the same panel."""
        if run.name == self.run.name:
            return self.experiment
        mine = self.experiment
        other = Experiment(run.config, mine.panel, session.load_normaliser(run))
        if other.features == mine.features:  # then the episodes are the same: make them once
            for name in ("train", self.split):
                other.__dict__[name] = getattr(mine, name)
        return other

    def best_run(self, cell: Cell) -> Run:
        """The cell's run with the best validation score."""
        return min((self.found[name] for name in cell.runs), key=validation_score)


def gather(found: list[Run], reference: str | None, split: str, resamples: int) -> Facts:
    """Read the runs and choose the best.

    Args:
        reference: cell that differences refer to; None takes `ddpg/both`, or for a single learned
            cell the incumbent beside it.

    Raises:
        InvrlError: no finished run, runs on different data, or data that changed since.
    """
    if split not in SPLITS:
        raise InvrlError(f"no results on `{split}`", hint=f"one of {', '.join(SPLITS)}")
    first = comparison.compare(found, reference, split, 0)
    learned = [cell for cell in first.cells if cell.reg]
    if reference is None and len(learned) == 1:
        reference = next((cell.name for cell in first.cells if cell.algo == "incumbent"), None)
    compared = comparison.compare(found, reference, split, resamples)
    runs = {run.name: run for run in found if run.name not in compared.skipped}
    if len(runs) + len(compared.skipped) < len(found):
        raise InvrlError("two of the runs have the same name", hint="rename the directory of one of them")
    cells = [cell for cell in compared.cells if cell.reg] or compared.cells
    best = min(cells, key=lambda cell: np.mean([validation_score(runs[name]) for name in cell.runs]))
    run = min((runs[name] for name in best.runs), key=validation_score)
    rival = _rival(compared.cells, best, run.read("results.json").get("strongest"))
    return Facts(runs, compared.skipped, compared, best, rival, run, session.experiment_of(run))


def validation_score(run: Run) -> float:
    """The score on validation days that the run's checkpoint was kept by."""
    content = run.read("results.json")
    return Scoring(run.config.objective, False).validation(run, content, content["policy"])


def _rival(cells: list[Cell], main: Cell, strongest: str | None) -> Cell | None:
    """The strongest incumbent on validation, where it was scored beside the run."""
    known = {
        cell.name: cell for cell in cells if cell.reg is None and cell.name not in (main.name, "clairvoyant")
    }
    return known.get(strongest or "incumbent") or next(iter(known.values()), None)


def narrowed(experiment: Experiment, split: str, pairs: np.ndarray) -> Experiment:
    """The experiment with only a few of a part's pairs in it, everything else as it was.

    The longest lead time of each review period stays in the training part: the network's
    input has a row per day of it.

    Args:
        pairs: indices into the panel.
    """
    few = copy(experiment)
    for name in (*PARTS, "policy", "incumbents"):
        few.__dict__.pop(name, None)
    train = experiment.parts["train"]
    few.parts = experiment.parts | {
        "train": train._replace(pairs=slowest(experiment.panel, train.pairs)),
        split: experiment.parts[split]._replace(pairs=pairs),
    }
    return few


def slowest(panel: Panel, pairs: np.ndarray) -> np.ndarray:
    """Of the given pairs, per review period the one with the longest lead time."""
    assert panel.lead_time is not None and panel.review_period is not None
    lead = np.atleast_2d(panel.lead_time).max(0)[pairs]
    period = panel.review_period[pairs]
    return np.array([pairs[np.argmax(np.where(period == p, lead, -1))] for p in np.unique(period)])


def data_label(config: Config) -> str:
    """The data's short name."""
    return Path(config.data.path).stem if config.data.path else config.data.source


def cell_label(cell: Cell) -> str:
    """`DS, form BOTH`, or the incumbent's name in words."""
    return f"{cell.algo.upper()} {cell.reg.upper()}" if cell.reg else cell.algo.replace("_", " ")


def ink_of(cell: Cell) -> str:
    """The colour of a cell: its form's, or grey for incumbents."""
    if cell.reg:
        return form_ink(cell.reg)
    return "clairvoyant" if cell.algo == "clairvoyant" else "incumbent"


def form_ink(reg: str) -> str:
    """The colour of a form: one after the other in the registry's order."""
    place = form_order(reg)
    return INKS[place % len(INKS)] if place < len(registry.HEADS) else "text"


INKS = ("none", "base", "coeff", "both", "pil", "pil_coeff", "form_7", "form_8")
"""Colours of the style sheet; those of a user's own forms come last."""


def head_of(reg: str | None) -> Head | None:
    """The form of a cell; None for incumbents, and where the user's own form is not loaded."""
    return registry.get("head", reg) if reg in registry.HEADS else None


def form_order(reg: str) -> int:
    """The paper's four, those of the registry behind them, then a form that is not loaded."""
    forms = list(registry.HEADS)
    return forms.index(reg) if reg in forms else len(forms)
