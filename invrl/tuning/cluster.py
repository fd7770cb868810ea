"""The search fanned out over a Ray cluster: every run is a task, retried if its worker is lost.

A worker trains on one device in the program of `search.here`, so a run comes out the same on every
worker of one kind of machine, and up to rounding as beside others on several devices. Start a cluster
with `ray start` (or none: one is made on this machine); `invrl` must be installed on its machines.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from invrl.demand.panel import Panel
from invrl.errors import InvrlError
from invrl.tuning.lanes import Job
from invrl.tuning.search import Train, here

RETRIES = 5
"""Times that a run is trained again after its worker was lost."""


def on_ray(panel: Panel, address: str | None = None) -> Train:
    """Trains on a Ray cluster: the one that `address` or RAY_ADDRESS names, else one made here.

    Raises:
        InvrlError: Ray is not installed.
    """
    try:
        import ray
    except ImportError:
        raise InvrlError("executor ray needs Ray", hint="pip install 'invrl[ray]'") from None
    if not ray.is_initialized():
        ray.init(address=address, log_to_driver=False, include_dashboard=False)
    gpus = 1 if ray.cluster_resources().get("GPU") else 0
    same = {"env_vars": {"XLA_FLAGS": os.environ.get("XLA_FLAGS", "")}}  # threads change the last digits
    task = ray.remote(num_cpus=1, num_gpus=gpus, max_retries=RETRIES, runtime_env=same)(_work)
    shared, key = ray.put(panel), panel.fingerprint()

    def train(jobs: list[Job], limit: int, report: Callable[[Job], None]) -> None:
        waiting = {task.remote(shared, key, job.config, limit): job for job in jobs}
        while waiting:
            done, _ = ray.wait(list(waiting), num_returns=1)
            job = waiting.pop(done[0])
            job.loop, job.log, job.seconds, job.diverged = ray.get(done[0])
            report(job)

    return train


_PROGRAMS: dict[str, Train] = {}
"""Per data set, what this worker process has compiled."""


def _work(panel: Panel, key: str, config: Any, limit: int) -> tuple[Any, ...]:
    """One run, on a worker."""
    train = _PROGRAMS.setdefault(key, here(panel, devices=1))
    job = Job(config)
    train([job], limit, lambda _: None)
    loop = jax.tree.map(np.asarray, job.loop)
    return loop, job.log, job.seconds, job.diverged
