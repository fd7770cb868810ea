"""Many training runs in one compiled program.

Runs whose shapes agree share a program. Each of its lanes holds one run with numbers of its own:
hyper-parameters, prices, seed. Lanes are vmapped within a device and spread over the devices; a
lane whose run has ended takes the next run, so that a run that stops early costs no more time.
Nothing is computed across lanes: a run that diverges leaves the others as they are.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.sharding import PartitionSpec

from invrl import registry
from invrl.algorithms.contract import Metrics
from invrl.config.schema import Config
from invrl.config.sections import section_of
from invrl.config.setting import settings, traced_names
from invrl.devices import placement
from invrl.experiment import Experiment
from invrl.metrics import Prices, Totals
from invrl.scoring.intervals import weighted_means
from invrl.scoring.rules import learned, make_run, measured
from invrl.simulator import Episode
from invrl.training.trainer import Loop, advance, finished, non_finite, start


@dataclass
class Job:
    """One training run: a configuration with a seed, and how far it has come."""

    config: Config
    label: Any = None
    loop: Loop | None = None  # its state is None while the run sits in a lane
    state: Any = None  # the algorithm's, while it waits between two calls of `run`
    log: list[dict[str, float]] = field(default_factory=list)
    seconds: float = 0.0  # its share of the wall time
    diverged: str = ""  # which metric, and when

    @property
    def ended(self) -> bool:
        return bool(self.diverged) or (self.loop is not None and finished(self.loop, self.config.train))

    @property
    def score(self) -> float:
        """Lowest validation score; infinite after a divergence."""
        return float("inf") if self.diverged or self.loop is None else float(self.loop.best_score)


class Program(NamedTuple):
    """A compiled program for the runs of one shape."""

    experiment: Experiment  # on one device
    lanes: int
    devices: int
    step: Callable[..., tuple[Any, Metrics, list[Totals]]]
    """(states, hypers, prices), each [lanes, ...] -> (states, metrics [lanes], validation sums per group)."""
    seat: Callable[[Any, Array | int, Any], Any]
    """(states, lane, state) -> states with the state in that lane."""


def make_program(experiment: Experiment, width: int, devices: int) -> Program:
    """The program of an experiment made for one device.

    Args:
        width: lanes per device.
        devices: to spread the lanes over.
    """
    config, policy = experiment.config, experiment.policy
    update = registry.get("algorithm", config.algo).update(experiment.problem)
    simulate = make_run(learned(policy), config.supply.unmet)

    def one(lane: tuple[Any, Any, Prices], data: tuple[tuple[Episode, ...], ...]) -> tuple:
        state, metrics = update(*lane, data[0])
        return state, metrics, [simulate(state.params, episode, None, 1) for episode in data[1]]

    def local(lanes: Any, data: Any) -> tuple:
        if width == 1:  # not vmap, which computes both branches of every condition
            return jax.lax.map(lambda lane: one(lane, data), lanes)
        return jax.vmap(one, in_axes=(0, None))(lanes, data)

    here, cut = PartitionSpec(), PartitionSpec(placement.AXIS)
    mesh = placement.mesh(devices)
    spread = jax.shard_map(local, mesh=mesh, in_specs=(cut, here), out_specs=cut, check_vma=False)
    chunk = jax.jit(spread, donate_argnums=0)
    parts = experiment.whole("train").episodes, experiment.whole("validation").episodes
    data = placement.replicate(parts, devices)

    def seat(states: Any, lane: Array | int, state: Any) -> Any:
        def put(old: Array, new: Array) -> Array:
            mine = jnp.arange(old.shape[0]).reshape(-1, *[1] * (old.ndim - 1)) == lane
            return jnp.where(mine, new[None], old)

        return jax.tree.map(put, states, state)

    return Program(
        experiment, width * devices, devices,
        lambda states, hypers, price: chunk((states, hypers, price), data),
        jax.jit(seat, donate_argnums=0, out_shardings=jax.sharding.NamedSharding(mesh, cut)),
    )  # fmt: skip


def run(program: Program, jobs: Iterable[Job], limit: int, report: Callable[[Job], None]) -> None:
    """Train the jobs, in place, until each has ended or done `limit` updates.

    Args:
        report: called with every job that has ended or come to the limit.
    """
    waiting = deque(job for job in jobs if not (job.ended or _at(job, limit)))
    seats: list[Job | None] = [None] * program.lanes
    states = None
    while waiting or any(seats):
        began = time.perf_counter()
        for lane, seated in enumerate(seats):
            if seated is None and waiting:
                job = seats[lane] = waiting.popleft()
                states = _sit_down(program, states, lane, job)
        busy = [(lane, job) for lane, job in enumerate(seats) if job]
        states, metrics, sums = program.step(states, *_numbers(seats))
        params, metrics, sums = jax.device_get((states.params, metrics, sums))
        seconds = (time.perf_counter() - began) / len(busy)
        for lane, job in busy:
            _advance(program.experiment, job, _lane((params, metrics, sums), lane), seconds)
            if job.ended or _at(job, limit):
                job.state = None if job.ended else _lane(states, lane)
                seats[lane] = None
                report(job)


def _lane(tree: Any, lane: int) -> Any:
    """What is in one lane of arrays [lanes, ...]."""
    return jax.tree.map(lambda x: x[lane], tree)


def _at(job: Job, limit: int) -> bool:
    return job.loop is not None and int(job.loop.update) >= limit


def _sit_down(program: Program, states: Any, lane: int, job: Job) -> Any:
    """The states with the job's own in its lane."""
    if job.loop is None:
        begun = start(program.experiment, job.config)
        job.loop, job.state = begun.replace(state=None), begun.state
    if states is None:
        copies = jax.tree.map(lambda x: jnp.stack([x] * program.lanes), job.state)
        states = placement.put(copies, program.devices)
    state, job.state = job.state, None
    return program.seat(states, lane, state)


def _numbers(seats: list[Job | None]) -> tuple[Any, Prices]:
    """Hyper-parameters and prices [lanes]; an empty lane repeats another's."""
    spare = next(job for job in seats if job)
    jobs = [job or spare for job in seats]
    hypers = [registry.get("algorithm", job.config.algo).hyper(job.config) for job in jobs]

    def stack(*values: Any) -> np.ndarray:
        return np.asarray(values, np.float32)

    price = [job.loop.prices for job in jobs if job.loop]  # whoever sits in a lane has begun
    return jax.tree.map(stack, *hypers), jax.tree.map(stack, *price)


def _advance(
    experiment: Experiment, job: Job, found: tuple[Any, Metrics, list[Totals]], seconds: float
) -> None:
    """Log one chunk of a job, keep its best parameters, note a divergence.

    Args:
        found: parameters, metrics and validation sums of the job's lane.
    """
    assert job.loop is not None
    params, metrics, sums = found
    done = int(job.loop.update) + job.config.train.evaluate_every
    values = measured(experiment.whole("validation"), sums, job.config)
    means = weighted_means(values, experiment.weight_of("validation"))
    numbers = {name: float(value) for name, value in metrics.items()}
    numbers |= {f"validation_{name}": value for name, value in means.items()}
    job.seconds += seconds
    bad = non_finite(numbers)
    if bad:
        job.diverged = f"{bad[0]} is not finite at update {done}"
        return
    job.log.append({"update": done, **numbers, "train_seconds": seconds, "validation_seconds": 0.0})
    job.loop = advance(job.loop, params, means, done, job.config)


# ---- which runs share a program ------------------------------------------------------------


def shape_of(config: Config) -> Config:
    """The config with the numbers of every lane set to their defaults: equal for runs of one program."""
    known = settings(type(config))
    for section in (section_of(config.algo), "objective"):
        plain = known[section].default
        default = {name: getattr(plain, name) for name in traced_names(type(plain))}
        config = replace(config, **{section: replace(getattr(config, section), **default)})
    return replace(config, **{name: known[name].default for name in traced_names(type(config))})


def width_for(experiment: Experiment, jobs: int, devices: int) -> int:
    """Lanes per device: as many as keep the device busy and fit its memory, no more than there are jobs."""
    fits = placement.lanes_for(experiment.train.pairs.size, _state_bytes(experiment))
    return min(fits, -(-jobs // devices))


def _state_bytes(experiment: Experiment) -> int:
    config, problem = experiment.config, experiment.problem
    algorithm = registry.get("algorithm", config.algo)
    init = partial(algorithm.init, problem, algorithm.hyper(config))
    return placement.size_of(jax.eval_shape(init, jax.random.key(config.seed)))
