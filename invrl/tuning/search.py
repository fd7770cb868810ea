"""The search: which runs to train next, in which order, and what is made of them at the end."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TypeVar

import numpy as np

from invrl.config.schema import Config
from invrl.config.toml import to_toml
from invrl.demand.panel import Panel
from invrl.devices import placement
from invrl.experiment import Experiment
from invrl.runs import checkpoints, directory
from invrl.runs.directory import Run
from invrl.scoring.comparison import GRID_MEASURES
from invrl.scoring.intervals import weighted_means
from invrl.scoring.rules import learned, make_sums, measured
from invrl.tables.whole import write_text
from invrl.training import session, trainer
from invrl.tuning.lanes import Job, Program, make_program, run, shape_of, width_for
from invrl.tuning.space import ADAPTIVE, BATCH
from invrl.tuning.study import Study, best_of, first_of, kept_runs, pending, tested, trials_of

T = TypeVar("T")

Train = Callable[[list[Job], int, Callable[[Job], None]], None]
"""(jobs, limit, report): trains jobs in place until each has ended or done `limit` updates."""


def here(panel: Panel, devices: int | None = None) -> Train:
    """Trains on this machine's devices, the runs of one shape in one program.

    Args:
        panel: of every job.
        devices: None takes all local ones.
    """
    import jax

    count = devices or jax.local_device_count()
    programs: dict[str, Program] = {}

    def train(jobs: list[Job], limit: int, report: Callable[[Job], None]) -> None:
        for members in _by_shape(jobs, lambda job: job.config):
            shape = shape_of(members[0].config)
            if repr(shape) not in programs:
                experiment = Experiment(shape, panel, devices=1)
                width = width_for(experiment, len(members), count)
                programs[repr(shape)] = make_program(experiment, width, count)
            run(programs[repr(shape)], members, limit, report)

    return train


def _by_shape(items: Iterable[T], config: Callable[[T], Config]) -> list[list[T]]:
    """Items whose runs fit one program, together."""
    groups: dict[str, list[T]] = defaultdict(list)
    for item in items:
        groups[repr(shape_of(config(item)))].append(item)
    return list(groups.values())


def search(study: Study, trials: int, seeds: int, train: Train, watch: Callable[[Job], None]) -> None:
    """Train every run of the study that has not ended.

    Args:
        watch: called with every run that ends.
    """
    keys = pending(study, trials, seeds)
    adaptive = study.plan.sampler in ADAPTIVE
    for batch in _batches(keys, BATCH) if adaptive else [keys]:
        jobs = [study.job(*key) for key in batch]

        def report(job: Job) -> None:
            if job.ended:
                study.save(job)
                watch(job)

        for limit, jobs_left in _rungs(study, jobs):
            train(jobs_left, limit, report)


def _batches(keys: list[tuple[int, int]], size: int) -> list[list[tuple[int, int]]]:
    """Keys whose trials an adaptive sampler proposes together."""
    numbers = sorted({trial // size for trial, _ in keys})
    return [[key for key in keys if key[0] // size == number] for number in numbers]


def _rungs(study: Study, jobs: list[Job]) -> Iterable[tuple[int, list[Job]]]:
    """(limit, runs that go on): all to the end, or successive halving (Jamieson & Talwalkar 2016).

    At each rung the configurations with the best mean validation score go on, 1 in `halving`;
    the others are saved as pruned.
    """
    train, eta = study.plan.config.train, study.plan.halving
    limit = train.updates
    rungs = [limit]
    while eta and rungs[0] // eta >= train.evaluate_every and len(rungs) < 4:
        rungs.insert(0, rungs[0] // eta)
    for limit in rungs[:-1]:
        yield limit, jobs
        jobs = _survivors(study, jobs, eta)
    yield rungs[-1], jobs


def _survivors(study: Study, jobs: list[Job], eta: int) -> list[Job]:
    scores: dict[int, list[float]] = defaultdict(list)
    for job in jobs:
        scores[job.label[0]].append(job.score)
    ranked = sorted(scores, key=lambda trial: (np.mean(scores[trial]), trial))
    kept = set(ranked[: max(1, -(-len(ranked) // eta))])
    for job in jobs:
        if job.label[0] not in kept and not job.ended:
            study.save(job, pruned=True)
    return [job for job in jobs if job.label[0] in kept]


# ---- the end: test data are read, once -----------------------------------------------------


def finish(study: Study, panel: Panel) -> list[Run]:
    """Test every run of the study, write `best.toml` and the best configuration's runs.

    A frontier has no best: its first configuration's runs are written, and no `best.toml`.

    Raises:
        InvrlError: exit code 3; every configuration diverged.
    """
    trials = trials_of(study)
    if study.plan.is_frontier:
        first = first_of(trials)
        _test_all(study, panel)
        return [_kept_run(study, panel, first.number, seed, 1) for seed in first.seeds]
    best = best_of(trials)
    _test_all(study, panel)
    config = study.job(best.number, best.seeds[0]).config
    write_text(study.path / "best.toml", to_toml(config))
    return [_kept_run(study, panel, best.number, seed, len(trials)) for seed in best.seeds]


def _test_all(study: Study, panel: Panel) -> None:
    """Append the test measures of the runs that lack them, shape by shape."""
    known = {key for key in tested(study) if study.pairs(*key).exists()}
    done = [(r["trial"], r["seed"]) for r in study.records() if r["status"] == "done"]
    jobs = [study.job(*key) for key in done if key not in known]
    for members in _by_shape(jobs, lambda job: job.config):
        shape = shape_of(members[0].config)
        experiment = Experiment(shape, panel)
        like = trainer.start(experiment).best
        sums, test = make_sums(learned(experiment.policy), shape), experiment.whole("test")
        for job in members:
            trial, seed, _ = job.label
            params = checkpoints.load(study.policy(trial, seed), like)
            values = measured(test, sums(params, test), job.config)  # its prices
            means = weighted_means(values, experiment.weight_of("test"))
            checkpoints.save(study.pairs(trial, seed), {m: np.float32(values[m]) for m in GRID_MEASURES})
            study.append("test.jsonl", {"trial": trial, "seed": seed, "test": means})


def _kept_run(study: Study, panel: Panel, trial: int, seed: int, trials: int) -> Run:
    """A run of the study as a run directory; the one that is there if it is of this trial."""
    place = Run(study.path / f"{kept_runs(study)}-{seed}")
    manifest = place.read("manifest.json")
    if manifest.get("trial") == trial and place.read("results.json"):
        place.write("manifest.json", manifest | {"trials": trials})
        return place
    config = study.job(trial, seed).config
    experiment = Experiment(config, panel)
    record = next(r for r in study.records() if (r["trial"], r["seed"]) == (trial, seed))
    (place.path / "checkpoints").mkdir(parents=True, exist_ok=True)
    write_text(place.path / "config.toml", to_toml(config))
    about = directory.manifest(study.plan.fingerprint, placement.describe(), seed)
    origin = {"study": study.name, "trial": trial, "trials": trials, "seconds": {"wall": record["seconds"]}}
    place.write("manifest.json", about | origin)
    (place.path / "metrics.jsonl").write_bytes(study.curve(trial, seed).read_bytes())
    checkpoints.save(place.normaliser, experiment.normaliser)
    loop = _ended_loop(experiment, study, record)
    checkpoints.save(place.best, loop.best)
    session.score_learned(experiment, place, loop)
    return place


def _ended_loop(experiment: Experiment, study: Study, record: dict) -> trainer.Loop:
    """What scoring needs of a run that a study trained."""
    loop = trainer.start(experiment)
    best = checkpoints.load(study.policy(record["trial"], record["seed"]), loop.best)
    return replace(
        loop, best=best, best_update=np.asarray(record["best_update"]), update=np.asarray(record["updates"]),
        prices=loop.prices._replace(stockout=float(record["stockout_price"])),
    )  # fmt: skip
