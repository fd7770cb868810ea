"""What `invrl bench` times: the functions that `train` and `evaluate` run, on random episodes.

To add one: a function that returns `Work`, and its line in WORKS.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from invrl import registry
from invrl.algorithms.contract import Problem, compiled
from invrl.baselines.forecast_base_stock import INCUMBENT
from invrl.config.schema import Config, Network
from invrl.config.sections import section_of
from invrl.demand.columns import Columns
from invrl.demand.episodes import Dataset, Group, Window, build_episode
from invrl.devices import placement
from invrl.errors import InvrlError, nearest
from invrl.metrics import Prices, Totals, prices
from invrl.policies.network import Policy, make_policy
from invrl.recommend import orders
from invrl.recommend.orderer import network_orderer
from invrl.scoring.rules import Rule, classical, learned, make_simulate
from invrl.simulator import Action, Episode, Observation

FEATURES = 8
"""Rows of features that the network sees beside the inventory."""
LEAD_TIMES = (1, 7)
"""Days; drawn evenly per pair."""
SLOTS = LEAD_TIMES[1] + 1
"""Rows of inventory."""


class Work(NamedTuple):
    """Something to time, and what it must do at least."""

    run: Callable[[], Any]
    """Does it once; returns the arrays to wait for."""
    flops: float
    """Operations of the network's matrix products in one run."""
    bytes: float
    """Bytes of the episodes read in one run."""


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
        "demand_rate": np.broadcast_to(scale, (cycles, pairs)),
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
    rule = classical(INCUMBENT, config)
    normal, mean = 0, 0  # of the one forecast that it is given here

    def act(z: Array, _: Any, seen: Observation) -> Action:
        return rule.act(None, (z, normal, mean), seen)

    simulate = make_simulate(Rule(act, lambda e: e.replace(features=e.regressors[:, :1])), config)
    return Work(lambda: simulate(jnp.float32(1.0), dataset), 0.0, _bytes(dataset))


def network(dataset: Dataset, config: Config) -> Work:
    """Forward rollout of the config's network behind its head."""
    policy = _policy(dataset, config)
    simulate = make_simulate(learned(policy), config)
    params = placement.replicate(policy.init(jax.random.key(config.seed)), dataset.groups[0].devices)
    return Work(lambda: simulate(params, dataset), _flops(dataset, config), _bytes(dataset, "features"))


def training(dataset: Dataset, config: Config, algo: str, flops: Callable[[Dataset, Config], float]) -> Work:
    """One update of an algorithm on all pairs.

    Args:
        flops: (data, config) -> operations of the update's matrix products.
    """
    name, one = section_of(algo), replace(config.train, evaluate_every=1)
    section = getattr(config, name)
    if hasattr(section, "batch_pairs"):
        section = replace(section, batch_pairs=dataset.pairs.size)
    config = replace(config, algo=algo, train=one, **{name: section})
    if name == "ddpg":  # a buffer for one rollout at least
        room = max(config.ddpg.replay, 2 * _reviews(dataset))
        config = replace(config, ddpg=replace(config.ddpg, replay=room))
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

    return Work(run, flops(dataset, config), _bytes(dataset, "features"))


def ds_flops(dataset: Dataset, config: Config) -> float:
    """Forward, once more to rebuild what the backward pass needs, and twice in the backward pass."""
    return 4.0 * _flops(dataset, config)


def ppo_flops(dataset: Dataset, config: Config) -> float:
    """Policy and value once to collect; both forward and twice backward in every epoch."""
    return (2.0 + 6.0 * config.ppo.epochs) * _flops(dataset, config)


def ddpg_flops(dataset: Dataset, config: Config) -> float:
    """The rollout; per gradient step the critic (3), its target (2), and the actor through it (5)."""
    steps = config.ddpg.gradient_steps * config.ddpg.minibatch
    return _flops(dataset, config) * (1.0 + 10.0 * steps / _reviews(dataset))


ds = partial(training, algo="ds", flops=ds_flops)


def with_relu(work: Callable[[Dataset, Config], Work]) -> Callable[[Dataset, Config], Work]:
    """The same for BASE on a 64 x 64 ReLU network, whatever the config says."""
    relu = Network((64, 64), "relu")
    return lambda dataset, config: work(dataset, replace(config, reg="base", network=relu))


def recommend(dataset: Dataset, config: Config) -> Work:
    """One order per pair, from as many days of history as the dataset has."""
    index, devices = dataset.groups[0].index, dataset.groups[0].devices
    period, days = dataset.groups[0].episode.demand.shape[-2], dataset.days
    one = _random_request(index.shape[1], days, config.seed)
    window = Window(days, days, days + 1, 1, period, SLOTS, 0.0, 7.0)
    build = partial(build_episode, window=window, supply=config.supply, config=config.features)
    rows = jax.eval_shape(build, one.columns).features.shape[-2]
    head = registry.get("head", config.reg)
    policy = make_policy(config.network, head, rows, SLOTS)
    shared = placement.replicate(policy.init(jax.random.key(config.seed)), devices)
    run = orders.compiled(network_orderer(policy, shared, SLOTS, head), config)
    blocks = jax.tree.map(lambda x: np.broadcast_to(x, (len(index), *x.shape)), one)
    blocks = placement.put(blocks, devices)
    flops = _products((rows + SLOTS, *widths(config)[1:]), dataset.pairs.size)
    return Work(lambda: run(shared, blocks, window, devices), flops, float(blocks.columns.demand.nbytes))


def _random_request(pairs: int, days: int, seed: int) -> orders.Block:
    rng = np.random.default_rng(seed)
    scale = rng.lognormal(1.0, 1.0, pairs).astype(np.float32)
    inventory = rng.poisson(scale, (SLOTS, pairs)).astype(np.float32)
    columns: dict[str, Any] = {
        "demand": rng.poisson(scale, (days, pairs)).astype(np.float32),
        "ahead": np.zeros((SLOTS, 0, pairs), np.float32),
        "static": np.zeros((0, pairs), np.float32),
        "regressors": None,
        "lead_time": rng.integers(LEAD_TIMES[0], LEAD_TIMES[1] + 1, (1, pairs)).astype(np.int8),
        "first_review": np.full(pairs, days, np.int32),
        "initial_stock": inventory[0],
        "scale": scale,
        "spread": np.sqrt(scale),
        "weight": np.ones(pairs, np.float32),
    }
    limits: dict[str, Any] = {
        "pack": np.zeros(pairs, np.float32),
        "minimum": np.zeros(pairs, np.float32),
        "maximum": np.full(pairs, np.inf, np.float32),
        "active": np.ones(pairs, bool),
    }
    return orders.Block(Columns(**columns), jnp.asarray(inventory), None, **limits)


WORKS: dict[str, Callable[[Dataset, Config], Work]] = {
    "base_stock": base_stock,
    "network": network,
    "network_relu": with_relu(network),
    "ds": ds,
    "ds_relu": with_relu(ds),
    "ppo": partial(training, algo="ppo", flops=ppo_flops),
    "ddpg": partial(training, algo="ddpg", flops=ddpg_flops),
    "recommend": recommend,
}
"""Everything `invrl bench --what` knows, but for the algorithms of a plugin."""


def work_of(name: str) -> Callable[[Dataset, Config], Work]:
    """What is timed under a name: a line of `WORKS`, or an algorithm that a plugin registered.

    The matrix products of an algorithm with settings of its own are unknown: copying alone limits it.

    Raises:
        InvrlError: neither.
    """
    if name in WORKS:
        return WORKS[name]
    if name not in registry.ALGORITHMS:
        known = [*WORKS, *registry.ALGORITHMS]
        raise InvrlError(f"no benchmark `{name}`", hint=f"{nearest(name, known)}; --plugin brings others")
    known_flops = {"ds": ds_flops, "ppo": ppo_flops, "ddpg": ddpg_flops}
    return partial(training, algo=name, flops=known_flops.get(section_of(name), lambda *_: 0.0))


def _policy(dataset: Dataset, config: Config) -> Policy:
    head = registry.get("head", config.reg)
    return make_policy(config.network, head, FEATURES, SLOTS)


def _flops(dataset: Dataset, config: Config) -> float:
    """Of one forward rollout."""
    return _products(widths(config), _reviews(dataset))


def _products(layers: tuple[int, ...], decisions: int) -> float:
    """Operations: a multiplication and an addition per weight and decision."""
    return 2.0 * decisions * sum(a * b for a, b in itertools.pairwise(layers))


def _reviews(dataset: Dataset) -> int:
    """Decisions in one rollout."""
    return sum(group.episode.active.size for group in dataset.groups)


def widths(config: Config) -> tuple[int, ...]:
    """Inputs, hidden layers, outputs."""
    outputs = len(registry.get("head", config.reg).start)
    return (FEATURES + SLOTS, *config.network.hidden, outputs)


def data_bytes(pairs: int, days: int, period: int) -> int:
    """Bytes of the episodes of a case."""
    return pairs * placement.size_of(_random_block(1, days, period))
