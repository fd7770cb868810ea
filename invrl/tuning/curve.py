"""What tuning effort buys: the test score of the best policy found against the configurations tried.

The configurations count in random order; after k of them the one with the best validation score is
taken, and its test score is what counts (Dodge et al. 2019).
"""

from __future__ import annotations

from math import comb
from typing import Any, NamedTuple

import numpy as np

from invrl.tuning.study import Study, trials_of


class Trials(NamedTuple):
    """The configurations tried in one cell."""

    algo: str
    reg: str
    validation: np.ndarray  # [n, S] objective per seed; infinite where a run diverged
    score: np.ndarray  # [n, S] objective on the reported split; the worst there where a run diverged
    seconds: np.ndarray  # [n] of training one seed
    pruned: int = 0  # how many were stopped early and never judged

    @property
    def name(self) -> str:
        return f"{self.algo}/{self.reg}"


class Curve(NamedTuple):
    """Scores after k = 1 ... n configurations; every field [n]."""

    expected: np.ndarray
    low: np.ndarray
    high: np.ndarray
    seconds: np.ndarray  # expected training time behind k configurations


def best_of(validation: np.ndarray, score: np.ndarray) -> np.ndarray:
    """[n] expected score of the policy that validation chooses among k = 1 ... n of the trials.

    The trials come in random order: trial i of rank r is the best of k drawn from n with
    probability C(n - 1 - r, k - 1) / C(n, k). (Dodge et al. 2019, without replacement.)

    Args:
        validation, score: [n].
    """
    n = validation.size
    ranked = score[np.argsort(validation, kind="stable")]
    chance = np.array([[comb(n - 1 - r, k - 1) / comb(n, k) for r in range(n)] for k in range(1, n + 1)])
    return chance @ ranked


def expected(trials: Trials) -> np.ndarray:
    """[n] mean score of users who try k configurations with one seed each."""
    each = [best_of(*seed) for seed in zip(trials.validation.T, trials.score.T, strict=True)]
    return np.mean(each, axis=0)


def curve(trials: Trials, draws: int = 2000, seed: int = 0) -> Curve:
    """What users get who try k configurations in a random order with one random seed each.

    The mean, and the middle 90 % of them: the band holds both sources of luck.
    """
    n, seeds = trials.validation.shape
    rng = np.random.default_rng(seed)
    order = rng.permuted(np.tile(np.arange(n), (draws, 1)), axis=1)  # [draws, n]
    which = rng.integers(seeds, size=(draws, n))
    validation, score = trials.validation[order, which], trials.score[order, which]
    best = np.minimum.accumulate(validation, axis=1)
    place = np.maximum.accumulate(np.where(validation <= best, np.arange(n), 0), axis=1)  # where it was found
    found = np.take_along_axis(score, place, axis=1)
    low, high = np.quantile(found, [0.05, 0.95], axis=0)
    return Curve(expected(trials), low, high, trials.seconds.mean() * np.arange(1, n + 1))


def trials_in(study: Study, measure: str = "objective") -> Trials:
    """The configurations of a study with their test scores, seeds together.

    A run that diverged or was pruned scores like the worst that ended.
    """
    tested = {(r["trial"], r["seed"]): r["test"][measure] for r in study.records("test.jsonl")}
    found = trials_of(study)
    seeds = max(len(t.seeds) for t in found)
    found = [t for t in found if len(t.seeds) == seeds]
    score = np.array([[tested.get((t.number, s), np.inf) for s in t.seeds] for t in found])
    validation = np.where(np.isfinite(score), np.stack([t.scores for t in found]), np.inf)
    score = np.where(np.isfinite(score), score, score[np.isfinite(score)].max(initial=0.0))
    config = study.plan.config
    seconds, pruned = np.array([t.seconds for t in found]) / seeds, sum(t.status == "pruned" for t in found)
    return Trials(config.algo, config.reg, validation, score, seconds, pruned)


def rows(trials: list[Trials], counts: tuple[int, ...] = ()) -> list[dict[str, Any]]:
    """A table: one line per cell and number of configurations."""
    lines = []
    for cell in trials:
        found = curve(cell)
        for k in range(1, found.expected.size + 1):
            if counts and k not in counts and k != found.expected.size:
                continue
            lines.append({
                "cell": cell.name, "configurations": k, "seconds": float(found.seconds[k - 1]),
                "expected": float(found.expected[k - 1]),
                "low": float(found.low[k - 1]), "high": float(found.high[k - 1]),
            })  # fmt: skip
    return lines


def merged(studies: list[Study], measure: str = "objective") -> list[Trials]:
    """One set of trials per cell; several studies of a cell count together."""
    cells: dict[tuple[str, str], list[Trials]] = {}
    for study in studies:
        if study.records("test.jsonl"):
            found = trials_in(study, measure)
            cells.setdefault((found.algo, found.reg), []).append(found)
    return [_joined(parts) for parts in cells.values()]


def _joined(parts: list[Trials]) -> Trials:
    seeds = min(p.validation.shape[1] for p in parts)
    return Trials(
        parts[0].algo, parts[0].reg,
        np.concatenate([p.validation[:, :seeds] for p in parts]),
        np.concatenate([p.score[:, :seeds] for p in parts]),
        np.concatenate([p.seconds for p in parts]), sum(p.pruned for p in parts),
    )  # fmt: skip


def spread_rows(trials: list[Trials]) -> list[dict[str, Any]]:
    """Per cell: quantiles of the test score over configurations, how many were stopped or diverged."""
    return [
        {
            "cell": cell.name, "configurations": cell.score.shape[0], "seeds": cell.score.shape[1],
            "stopped": cell.pruned,
            "diverged": int((~np.isfinite(cell.validation)).any(1).sum()) - cell.pruned,
            **{f"{q} %": float(np.quantile(cell.score.mean(1), q / 100)) for q in (0, 25, 50, 75, 100)},
            "seed sd": float(cell.score.std(1, ddof=1).mean()) if cell.score.shape[1] > 1 else None,
        }
        for cell in trials
    ]  # fmt: skip
