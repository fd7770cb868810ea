"""A study on disk: append-only, readable while it runs, continued by running it again.

<out>/<name>/
    study.json       what is searched: base config, space, sampler, seeds, data fingerprint
    trials.jsonl     one line per training run that has ended, in the order they ended
    curves/          <trial>-<seed>.jsonl, what each run logged
    policies/        <trial>-<seed>.npz, each run's best parameters
    test.jsonl       the test measures of every run, read once, after the last run
    pairs/           <trial>-<seed>.npz, the two that the paper's tables show, pair by pair
    best.toml        the configuration chosen on validation, for `invrl train --config`
    best-<seed>/     its runs, as run directories: `compare`, `report`, `recommend` ... take them

A study that moves the objective is a frontier and has no best: in place of the last two it has
`first-<seed>/`, the runs of its first trial, and `invrl studies frontier` shows them all.
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from invrl.config import reading
from invrl.config.schema import Config
from invrl.errors import InvrlError
from invrl.runs import checkpoints, strict
from invrl.runs.directory import read_lines, write_json
from invrl.runs.writing import append_line
from invrl.scoring.objectives import PRICES
from invrl.tuning.lanes import Job
from invrl.tuning.space import ADAPTIVE, BATCH, SAMPLERS, Dimension, History, most, parse


class Plan(NamedTuple):
    """What defines a study; a study on disk goes on only under the same plan."""

    config: Config  # the base; its seed is the first of the runs' seeds
    space: tuple[Dimension, ...]
    sampler: str
    halving: int  # runs kept are 1 in so many at each rung; 0 trains all to their end
    fingerprint: str  # of the data

    @property
    def is_frontier(self) -> bool:
        """The trials differ in what they minimise: their scores are no measure of which is best."""
        return any(f"objective.{key}" in {d.key for d in self.space} for key in PRICES)

    def to_tree(self) -> dict[str, Any]:
        return {
            "config": reading.to_tree(self.config),
            "space": {d.key: str(d) for d in self.space},
            "sampler": self.sampler, "halving": self.halving, "data_fingerprint": self.fingerprint,
        }  # fmt: skip


@dataclass(frozen=True)
class Study:
    """A study directory with its plan."""

    path: Path
    plan: Plan

    @property
    def name(self) -> str:
        return self.path.name

    def records(self, name: str = "trials.jsonl") -> list[dict[str, Any]]:
        """The lines of a log; one cut off by a kill is left out."""
        return read_lines(self.path / name)

    def append(self, name: str, record: dict[str, Any]) -> None:
        """Add a line; what a kill left of the one before is cut off first."""
        append_line(self.path / name, record)

    def curve(self, trial: int, seed: int) -> Path:
        return self.path / "curves" / f"{trial:04d}-{seed}.jsonl"

    def policy(self, trial: int, seed: int) -> Path:
        return self.path / "policies" / f"{trial:04d}-{seed}.npz"

    def pairs(self, trial: int, seed: int) -> Path:
        return self.path / "pairs" / f"{trial:04d}-{seed}.npz"

    def values(self, trial: int) -> dict[str, Any]:
        """What the sampler proposes for a trial; it knows the trials of earlier batches, if adaptive."""
        known: History = []
        if self.plan.sampler in ADAPTIVE:
            tried = trials_of(self)
            for one in tried:
                if one.number == trial:
                    return one.values
            known = [(t.values, t.score) for t in tried if t.number < trial // BATCH * BATCH]
        return SAMPLERS[self.plan.sampler](self.plan.space, trial, self.plan.config.seed, known)

    def job(self, trial: int, seed: int) -> Job:
        """The training run of a trial and a seed, from its start."""
        values = self.values(trial)
        config = reading.with_values(self.plan.config, values.items())
        return Job(replace(config, seed=seed), (trial, seed, values))

    def save(self, job: Job, pruned: bool = False) -> None:
        """Keep what a run left: its curve and policy first, so that a line in the log has both."""
        trial, seed, values = job.label
        assert job.loop is not None
        curve = self.curve(trial, seed)
        curve.write_text("".join(strict.text(line) + "\n" for line in job.log), encoding="utf-8")
        checkpoints.save(self.policy(trial, seed), job.loop.best)
        best = next((line for line in job.log if line["update"] == int(job.loop.best_update)), {})
        self.append("trials.jsonl", {
            "trial": trial, "seed": seed, "values": values,
            "status": "diverged" if job.diverged else "pruned" if pruned else "done",
            "note": job.diverged, "score": job.score if math.isfinite(job.score) else None,
            "best_update": int(job.loop.best_update), "updates": int(job.loop.update),
            "seconds": round(job.seconds, 3), "stockout_price": float(job.loop.prices.stockout),
            "validation": {k.removeprefix("validation_"): v for k, v in best.items() if k in KEPT},
        })  # fmt: skip


KEPT = [f"validation_{m}" for m in ("objective", "stockout_rate", "turnover_time", "cost")]


def open_study(path: Path, plan: Plan) -> Study:
    """The study in a directory, new or to be continued.

    Raises:
        InvrlError: the directory holds something else, or a study of another plan.
    """
    file, tree = path / "study.json", plan.to_tree()
    if file.exists():
        _refuse_other(path, json.loads(file.read_text(encoding="utf-8")), tree)
    elif path.exists() and any(path.iterdir()):
        raise InvrlError(f"{path} exists and is no study", hint="choose another --name")
    for folder in ("curves", "policies", "pairs"):
        (path / folder).mkdir(parents=True, exist_ok=True)
    if not file.exists():
        write_json(file, tree)
    return Study(path, plan)


def _refuse_other(path: Path, old: dict[str, Any], new: dict[str, Any]) -> None:
    before, now = (dict(reading.flatten(json.loads(json.dumps(tree)))) for tree in (old, new))
    odd = sorted(key for key in before.keys() | now.keys() if before.get(key) != now.get(key))
    if odd:
        raise InvrlError(
            f"{path} is another study: {odd[0]} was {before.get(odd[0])!r}, is {now.get(odd[0])!r}",
            hint="choose another --name",
        )


def read_study(path: Path) -> Study:
    """A study from its directory alone."""
    try:
        return Study(path, _plan(json.loads((path / "study.json").read_text(encoding="utf-8"))))
    except FileNotFoundError:
        raise InvrlError(f"no study in {path}", hint="`invrl tune` makes one") from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InvrlError(f"{path}/study.json is damaged: {error}", hint="copy the study again") from None


def _plan(tree: dict[str, Any]) -> Plan:
    """The plan that `Plan.to_tree` wrote."""
    space = tuple(parse(key, line) for key, line in tree["space"].items())
    config = reading.build(tree["config"])
    return Plan(config, space, tree["sampler"], tree["halving"], tree["data_fingerprint"])


def below(paths: Iterable[Path]) -> list[Study]:
    """The studies in or below some directories."""
    files = [file for path in paths for file in sorted(path.glob("**/study.json"))]
    return [read_study(file.parent) for file in dict.fromkeys(files)]


class Trial(NamedTuple):
    """A configuration, its seeds together."""

    number: int
    values: dict[str, Any]
    seeds: tuple[int, ...]
    scores: np.ndarray  # [S] lowest validation scores; infinite where a run diverged
    seconds: float  # of all its runs
    status: str  # the worst of its runs

    @property
    def score(self) -> float:
        """What a configuration is chosen by."""
        return float(self.scores.mean())


def trials_of(study: Study) -> list[Trial]:
    """The configurations tried so far, by number."""
    together: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for record in study.records():
        together[record["trial"]].append(record)
    return [_trial(number, together[number]) for number in sorted(together)]


def _trial(number: int, records: list[dict[str, Any]]) -> Trial:
    records = sorted(records, key=lambda r: r["seed"])
    scores = np.array([math.inf if r["score"] is None else r["score"] for r in records])
    statuses = {r["status"] for r in records}
    status = next(s for s in ("diverged", "pruned", "done") if s in statuses)
    seeds = tuple(r["seed"] for r in records)
    return Trial(number, records[0]["values"], seeds, scores, sum(r["seconds"] for r in records), status)


def tested(study: Study) -> dict[tuple[int, int], dict[str, Any]]:
    """(trial, seed) -> its line of the test; empty before the end."""
    return {(r["trial"], r["seed"]): r for r in study.records("test.jsonl")}


def tests_of(study: Study) -> dict[int, dict[str, float]]:
    """trial -> its test measures, means over its seeds; empty before the end."""
    together: dict[int, list[dict[str, float]]] = defaultdict(list)
    for (trial, _), record in sorted(tested(study).items()):
        together[trial].append(record["test"])
    return {
        trial: {m: float(np.mean([s[m] for s in seeds])) for m in seeds[0]}
        for trial, seeds in together.items()
    }


def best_of(trials: list[Trial]) -> Trial:
    """The configuration with the lowest mean validation score over its seeds; pruned ones do not run.

    Raises:
        InvrlError: exit code 3; every configuration diverged.
    """
    most = max((len(t.seeds) for t in trials), default=0)
    complete = [t for t in trials if t.status == "done" and len(t.seeds) == most]
    if not complete:
        raise InvrlError("every configuration diverged", hint="search smaller learning rates", exit_code=3)
    return min(complete, key=lambda t: t.score)


def first_of(trials: list[Trial]) -> Trial:
    """What stands for a frontier where one run must: its first trial that ended.

    Raises:
        InvrlError: exit code 3; every configuration diverged.
    """
    best_of(trials)
    return next(t for t in trials if t.status == "done")


def shown_order(study: Study, trials: list[Trial]) -> list[Trial]:
    """Best first; a frontier's by number."""
    return trials if study.plan.is_frontier else sorted(trials, key=lambda t: (t.status != "done", t.score))


def kept_runs(study: Study) -> str:
    """How the run directories of a study begin."""
    return "first" if study.plan.is_frontier else "best"


def pending(study: Study, trials: int, seeds: int) -> list[tuple[int, int]]:
    """(trial, seed) that no line of the log has yet."""
    trials = int(min(trials, most(study.plan.sampler, study.plan.space)))
    done = {(r["trial"], r["seed"]) for r in study.records()}
    first = study.plan.config.seed
    wanted = [(t, s) for t in range(trials) for s in range(first, first + seeds)]
    return [key for key in wanted if key not in done]
