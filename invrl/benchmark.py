"""How fast this machine runs the production code, and how near that is to its own limits.

Every figure is a median of warm calls of the functions that `train` and `evaluate` run, on
episodes of random demand. To add one: a function that returns `Work`, and its line in WORKS.
"""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from invrl import machine, placement, registry
from invrl.algorithms.contract import Problem, compiled
from invrl.baselines.forecast_base_stock import INCUMBENT
from invrl.config import Config, Network
from invrl.demand.episodes import Dataset, Group
from invrl.errors import InvrlError, nearest
from invrl.evaluation import Rule, classical, learned, make_simulate
from invrl.machine import Limits
from invrl.metrics import Prices, Totals, prices
from invrl.policies.network import Policy, make_policy
from invrl.simulator import Episode

FEATURES = 8
"""Rows of features that the network sees beside the inventory."""
LEAD_TIMES = (1, 7)
"""Days; drawn evenly per pair."""
SLOTS = LEAD_TIMES[1] + 1
"""Rows of inventory."""


class Case(NamedTuple):
    """One line of the table."""

    what: str  # a name in WORKS
    pairs: int
    days: int
    review_period: int


class Work(NamedTuple):
    """Something to time, and what it must do at least."""

    run: Callable[[], Any]
    """Does it once; returns the arrays to wait for."""
    flops: float
    """Operations of the network's matrix products in one run."""
    bytes: float
    """Bytes of the episodes read in one run."""


class Preset(NamedTuple):
    pairs: tuple[int, ...]
    days: tuple[int, ...]
    """All pairs and review periods run on the first; the others show how time grows with days."""
    review_period: tuple[int, ...]


PRESETS = {
    "laptop": Preset((1_000, 10_000), (90, 30, 365), (1, 2, 7)),
    "paper": Preset((1_000, 10_000, 55_000), (90, 30, 365), (1, 2, 7)),
    "tmall": Preset((10_000, 100_000, 1_000_000), (90,), (1, 7)),
}


class OnDevice(Dataset):
    """A dataset whose results stay where they are: only the compiled rollout is timed."""

    def gather(self, results: list) -> list[np.ndarray]:
        jax.block_until_ready(results)
        return [np.zeros(1)] * len(Totals._fields)


def random_dataset(pairs: int, days: int, period: int, seed: int = 0, block: int | None = None) -> OnDevice:
    """Episodes of random demand: one random block, repeated; the last cycle may pass the last day."""
    plan = placement.plan(pairs, block)
    one = _random_block(plan.block, days, period, seed)
    index = np.arange(plan.blocks * plan.block).reshape(plan.blocks, plan.block)
    blocks = jax.tree.map(lambda x: np.broadcast_to(x, (plan.blocks, *x.shape)), one)
    blocks = blocks.replace(weight=(index < pairs).astype(np.float32))
    group = Group(placement.put(blocks, plan.devices), np.where(index < pairs, index, -1), plan.devices)
    return OnDevice((group,), np.arange(pairs), np.ones(1, np.float32), days)


def _random_block(pairs: int, days: int, period: int, seed: int = 0) -> Episode:
    rng = np.random.default_rng(seed)
    cycles, longest = -(-days // period), LEAD_TIMES[1]
    scale = rng.lognormal(1.0, 1.0, pairs).astype(np.float32)
    lead_time = rng.integers(LEAD_TIMES[0], longest + 1, pairs).astype(np.int8)
    initial = np.zeros((longest + 1, pairs), np.float32)
    initial[0] = scale * (lead_time + period)
    inside = np.arange(cycles * period).reshape(cycles, period, 1) < days
    demand = rng.poisson(scale, (cycles, period, pairs)).astype(np.float32)
    arrays: dict[str, Any] = {
        "demand": demand * inside,
        "measured": np.broadcast_to(inside, demand.shape),
        "active": np.ones((cycles, pairs), bool),
        "lead_time": np.broadcast_to(lead_time, (cycles, pairs)),
        "features": rng.standard_normal((cycles, FEATURES, pairs), np.float32),
        "regressors": np.broadcast_to(scale, (cycles, 4, pairs)),
        "level": np.broadcast_to(scale, (cycles, pairs)),
        "scale": scale,
        "spread": np.sqrt(scale),
        "initial": initial,
        "max_order": 60 * scale,
        "max_position": 120 * scale,
        "weight": np.ones(pairs, np.float32),
    }
    return Episode(**arrays)


READ = ("demand", "measured", "active", "lead_time")
"""What every policy's rollout reads of an episode."""


def _bytes(dataset: Dataset, *more: str) -> float:
    episodes = [group.episode for group in dataset.groups]
    return float(sum(getattr(episode, name).nbytes for episode in episodes for name in (*READ, *more)))


def base_stock(dataset: Dataset, config: Config) -> Work:
    """Forward rollout of a base-stock policy at one safety factor."""
    config = replace(config, baseline=replace(config.baseline, forecast="mean"))
    rule = classical(INCUMBENT, config)
    simulate = make_simulate(Rule(lambda z, _, seen: rule.act(None, z, seen)), config)
    return Work(lambda: simulate(np.ones((1, 1), np.float32), dataset), 0.0, _bytes(dataset))


def network(dataset: Dataset, config: Config) -> Work:
    """Forward rollout of the config's network behind its head."""
    policy = _policy(dataset, config)
    simulate = make_simulate(learned(policy), config)
    params = placement.replicate(policy.init(jax.random.key(config.seed)), dataset.groups[0].devices)
    return Work(lambda: simulate(params, dataset), _flops(dataset, config), _bytes(dataset, "features"))


def training(dataset: Dataset, config: Config, algo: str, passes: float) -> Work:
    """One update of an algorithm on all pairs.

    Args:
        passes: the update's matrix products in units of a forward rollout's.
    """
    all_pairs = replace(getattr(config, algo), batch_pairs=dataset.pairs.size)
    one = replace(config.train, evaluate_every=1)
    config = replace(config, algo=algo, train=one, **{algo: all_pairs})
    algorithm = registry.get("algorithm", algo)
    problem, hyper = Problem(config, _policy(dataset, config), dataset), algorithm.hyper(config)
    price = Prices(*map(jnp.float32, prices(config.objective)))
    update = compiled(algorithm, problem)
    state = algorithm.init(problem, hyper, jax.random.key(config.seed))
    state = placement.replicate(state, dataset.groups[0].devices)

    def run() -> Any:
        nonlocal state
        state, metrics = update(state, hyper, price)
        return state, metrics

    return Work(run, passes * _flops(dataset, config), _bytes(dataset, "features"))


ds = partial(training, algo="ds", passes=4.0)
"""Forward, once more to rebuild what the backward pass needs, and twice in the backward pass."""


def with_relu(work: Callable[[Dataset, Config], Work]) -> Callable[[Dataset, Config], Work]:
    """The same for BASE on a 64 x 64 ReLU network, whatever the config says."""
    relu = Network((64, 64), "relu")
    return lambda dataset, config: work(dataset, replace(config, reg="base", network=relu))


WORKS: dict[str, Callable[[Dataset, Config], Work]] = {
    "base_stock": base_stock,
    "network": network,
    "network_relu": with_relu(network),
    "ds": ds,
    "ds_relu": with_relu(ds),
}
"""Everything `invrl bench --what` knows."""


def _policy(dataset: Dataset, config: Config) -> Policy:
    head = registry.get("head", config.reg)
    return make_policy(config.network, head, FEATURES, SLOTS)


def _flops(dataset: Dataset, config: Config) -> float:
    """Of one forward rollout: a multiplication and an addition per weight, pair and review."""
    weights = sum(a * b for a, b in itertools.pairwise(_widths(config)))
    return 2.0 * weights * sum(group.episode.active.size for group in dataset.groups)


def _widths(config: Config) -> tuple[int, ...]:
    """Inputs, hidden layers, outputs."""
    outputs = len(registry.get("head", config.reg).start)
    return (FEATURES + SLOTS, *config.network.hidden, outputs)


def cases(what: Sequence[str], preset: Preset) -> list[Case]:
    """All pairs and review periods on the first `days`; the middle size on the other days.

    Raises:
        InvrlError: a name that is not in WORKS, or a size that does not fit this machine's memory.
    """
    for name in what:
        if name not in WORKS:
            raise InvrlError(f"no benchmark `{name}`", hint=nearest(name, WORKS))
    (first, *others), middle = preset.days, preset.pairs[len(preset.pairs) // 2]
    sizes = [(n, first, p) for n in preset.pairs for p in preset.review_period]
    sizes += [(middle, days, preset.review_period[0]) for days in others]
    most = max(data_bytes(*size) for size in sizes)
    if most > machine.total_memory():
        raise InvrlError(f"the episodes alone need {most / 1e9:.1f} GB", hint="give fewer --pairs or --days")
    return [Case(name, *size) for name in what for size in sizes]


def data_bytes(pairs: int, days: int, period: int) -> int:
    """Bytes of the episodes of a case."""
    return pairs * sum(leaf.nbytes for leaf in jax.tree.leaves(_random_block(1, days, period)))


Row = dict[str, Any]
"""A measured case: the fields of `Case`, then those that `measure` adds."""
KEYS = Case._fields


def measure(case: Case, config: Config, limit: Limits, repeats: int, block: int | None = None) -> Row:
    """Time one case.

    Returns the case with: compile_seconds (first call less a warm one), seconds (median of the warm
    calls), fastest, slowest, sku_days_per_second, peak_memory and data_memory (bytes), device_memory
    (bytes or None), limit (`copy` or `matmul`, what binds) and limit_share (least time / time).
    """
    machine.forget_peak()
    dataset = random_dataset(case.pairs, case.days, case.review_period, config.seed, block)
    work = WORKS[case.what](dataset, config)
    first, seconds = machine.clock(work.run, repeats)
    median = statistics.median(seconds)
    least = {"copy": work.bytes / limit.copy, "matmul": work.flops / limit.matmul}
    binding = max(least, key=lambda name: least[name])
    return {
        **case._asdict(),
        "compile_seconds": max(first - median, 0.0),
        "seconds": median,
        "fastest": min(seconds),
        "slowest": max(seconds),
        "sku_days_per_second": case.pairs * case.days / median,
        "peak_memory": machine.peak_memory(),
        "data_memory": data_bytes(case.pairs, case.days, case.review_period),
        "device_memory": machine.device_peak_memory(),
        "limit": binding,
        "limit_share": least[binding] / median,
    }


def with_growth(rows: Sequence[Row]) -> list[Row]:
    """Rows with `growth`: seconds per SKU-day over those of the largest case of the same what and
    review period; 1 throughout means that time grows in proportion to pairs and days."""
    largest: dict[Any, float] = {}
    for row in sorted(rows, key=lambda row: row["pairs"] * row["days"]):
        largest[row["what"], row["review_period"]] = row["sku_days_per_second"]
    return [
        row | {"growth": largest[row["what"], row["review_period"]] / row["sku_days_per_second"]}
        for row in rows
    ]


def parameters(cases: Sequence[Case], config: Config, repeats: int) -> dict[str, Any]:
    """What was chosen, for the head of the output."""
    values = {name: sorted({getattr(case, name) for case in cases}) for name in KEYS}
    widths = "-".join(map(str, _widths(config)))
    network = f"{widths} {config.network.activation} {config.reg}"
    return {**values, "lead_time": LEAD_TIMES, "network": network, "repeats": repeats}


def compare(new: Sequence[Row], old: Sequence[Row], tolerance: float) -> list[Row]:
    """Cases of both: SKU-days/s then and now, their ratio, and whether it fell by more than `tolerance`.

    Raises:
        InvrlError: no case in common.
    """
    before = {tuple(row[key] for key in KEYS): row["sku_days_per_second"] for row in old}
    rows = []
    for row in new:
        key = tuple(row[name] for name in KEYS)
        if key in before:
            now, then = row["sku_days_per_second"], before[key]
            verdict = "slower" if now < (1 - tolerance) * then else "ok"
            speeds = {"old": then, "new": now, "ratio": now / then, "verdict": verdict}
            rows.append(dict(zip(KEYS, key, strict=True)) | speeds)
    if not rows:
        raise InvrlError("the old benchmark has no case in common with this one", hint="give the same sizes")
    return rows
