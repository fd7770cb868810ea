"""Where pairs live: blocks of pairs, laid over the devices of all hosts. The one place that decides.

Every array of an episode carries a leading axis of blocks. Within a device, blocks are
worked off one after the other (they fit its cache); between devices they are sharded.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax
from jax.sharding import AxisType, Mesh, NamedSharding, PartitionSpec

from invrl.devices import hosts
from invrl.devices.memory import host_memory

AXIS = "blocks"
BLOCK = {"cpu": 512, "gpu": 1 << 16, "tpu": 1 << 16}
"""Pairs in a block at most: what fits a core's cache, or what fills a GPU."""


def prepare(among: str | None = None) -> None:
    """Set up the process for a command; must run before jax starts its backends.

    Args:
        among: the hosts that run the command together, see `hosts.join`.
    """
    use_all_cores()
    keep_compiled()
    if among:
        hosts.join(among)


def use_all_cores() -> None:
    """One host device per CPU core, each with all of its vector width; must run before jax starts its
    backends. What XLA_FLAGS says already stands."""
    flags = os.environ.get("XLA_FLAGS", "")
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    wanted = {"xla_force_host_platform_device_count": cores, "xla_cpu_prefer_vector_width": VECTOR_BITS}
    missing = [f"--{name}={value}" for name, value in wanted.items() if name not in flags]
    os.environ["XLA_FLAGS"] = " ".join([flags, *missing]).strip()


VECTOR_BITS = 512
"""Where a core has them: XLA takes half of it unless told, and elementwise work then takes a third longer."""


def keep_compiled() -> None:
    """Programs compiled once are kept for the next command, unless JAX_COMPILATION_CACHE_DIR says where."""
    if not os.environ.get("JAX_COMPILATION_CACHE_DIR"):
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "invrl" / "compiled"
        jax.config.update("jax_compilation_cache_dir", str(cache))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.3)


class Plan(NamedTuple):
    """How N pairs are cut."""

    block: int  # pairs in a block
    blocks: int  # a multiple of the devices
    devices: int


def device_count(pairs: int) -> int:
    """Devices that work on a data set of `pairs` pairs: all, unless there is too little to share."""
    return jax.device_count() if pairs > 64 or jax.process_count() > 1 else 1


def plan(pairs: int, block: int | None = None, devices: int | None = None) -> Plan:
    """Blocks for `pairs` pairs: few and even, so that little is padding."""
    devices = devices or device_count(pairs)
    limit = block or BLOCK[jax.default_backend()]
    rounds = -(-pairs // (limit * devices))
    blocks = rounds * devices
    return Plan(-(-pairs // blocks), blocks, devices)


def size_of(tree: Any) -> int:
    """Bytes of arrays, or of their shapes."""
    return sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(tree))


SHARE = 0.25
"""Of a device's memory (on a CPU: of the machine's), what the episodes of one piece may take."""


def pieces(pairs: int, bytes_per_pair: int, wanted: int = 0) -> int:
    """Pieces that a part of the data is worked off in, so that one and the next fit in memory.

    Args:
        wanted: pairs in a piece; 0 lets memory decide.
    """
    fits = wanted or max(1, int(SHARE * memory()) // bytes_per_pair)
    return -(-pairs // fits)


@cache
def memory() -> int:
    """Bytes of memory that data may be held in."""
    stats = jax.local_devices()[0].memory_stats() or {}
    here = jax.local_device_count() * stats["bytes_limit"] if "bytes_limit" in stats else host_memory()
    return jax.process_count() * hosts.least(here)


LANES = {"cpu": 1, "gpu": 64, "tpu": 64}
"""Runs that one device trains side by side at most; on a CPU core vmap gains nothing."""


def lanes_for(pairs: int, state_bytes: int) -> int:
    """Runs to train side by side on a device: together one full block, in a share of its memory.

    Args:
        pairs: that each run trains on.
        state_bytes: of each run's state; a step holds it twice.
    """
    backend = jax.default_backend()
    fits = int(SHARE * memory() / jax.device_count()) // (2 * state_bytes)
    return max(1, min(LANES[backend], BLOCK[backend] // pairs, fits))


@cache
def mesh(devices: int) -> Mesh:
    return jax.make_mesh((devices,), (AXIS,), (AxisType.Auto,), devices=jax.devices()[:devices])


def put(tree: Any, devices: int) -> Any:
    """Arrays [blocks, ...] laid over the devices."""
    return hosts.put(tree, NamedSharding(mesh(devices), PartitionSpec(AXIS)))


def replicate(tree: Any, devices: int) -> Any:
    """Arrays copied to every device, so that a state looks the same before and after a step."""
    return hosts.put(tree, NamedSharding(mesh(devices), PartitionSpec()))


def map_blocks(fn: Callable[[Any, Any], Any], shared: Any, blocks: Any, devices: int) -> Any:
    """[blocks, ...] results of fn(shared, block) for every block."""

    def local(shared, blocks):
        return lax.map(lambda block: fn(shared, block), blocks)

    return _spread(local, devices, PartitionSpec(AXIS))(shared, blocks)


def sum_blocks(fn: Callable[[Any, Any], Any], shared: Any, blocks: Any, devices: int, chosen: Array) -> Any:
    """Sum of fn(shared, block) over the chosen blocks; memory of one block per device.

    Args:
        chosen: [k] positions among the blocks of each device.
    """

    def local(shared, blocks):
        shared, chosen = shared

        def pick(k):
            return jax.tree.map(lambda x: lax.dynamic_index_in_dim(x, k, keepdims=False), blocks)

        def add(total, k):
            return jax.tree.map(jnp.add, total, fn(shared, pick(k))), None

        shapes = jax.eval_shape(fn, shared, pick(0))
        zero = jax.tree.map(lambda s: jnp.zeros(s.shape, s.dtype), shapes)
        total, _ = lax.scan(add, zero, chosen)
        return lax.psum(total, AXIS) if devices > 1 else total

    return _spread(local, devices, PartitionSpec())((shared, chosen), blocks)


class Workers(NamedTuple):
    """Devices that learn together; for use within `on_each_device`."""

    devices: int

    def number(self) -> Array | int:
        """[] which of them this is."""
        return lax.axis_index(AXIS) if self.devices > 1 else 0

    def total(self, tree: Any) -> Any:
        """Sums over the devices."""
        return lax.psum(tree, AXIS) if self.devices > 1 else tree

    def lowest(self, tree: Any) -> Any:
        """The lowest over the devices, number by number."""
        return lax.pmin(tree, AXIS) if self.devices > 1 else tree

    def mean(self, values: Array, weight: Array) -> Array:
        """[] weighted mean over the values of all devices."""
        summed, mass = self.total(((values * weight).sum(), weight.sum()))
        return summed / jnp.maximum(mass, 1e-12)


def on_each_device(
    fn: Callable[[Any, Any, Any], Any], shared: Any, own: Any, blocks: Any, devices: int
) -> tuple[Any, Any, Any]:
    """Data-parallel learning: (shared', own', metrics) of fn(shared, own, blocks) on every device.

    `fn` keeps `shared` (and the metrics) equal on all devices by adding up what it derives from its
    own blocks (`Workers.total`).

    Args:
        shared: the same on every device, such as a network.
        own: arrays [devices, ...]; each device sees its own [1, ...], such as a replay buffer.
        blocks: arrays [blocks, ...]; each device sees its own.
    """
    if devices == 1:
        return fn(shared, own, blocks)
    here, cut = PartitionSpec(), PartitionSpec(AXIS)
    spread = jax.shard_map(
        fn, mesh=mesh(devices), in_specs=(here, cut, cut), out_specs=(here, cut, here), check_vma=False
    )
    shared, own, metrics = spread(shared, own, blocks)
    # handed back in one piece: a state that looks the same before and after a chunk compiles once
    return shared, lax.with_sharding_constraint(own, NamedSharding(mesh(devices), here)), metrics


def _spread(local: Callable, devices: int, out: PartitionSpec) -> Callable:
    """The function over the devices; as it is on one, where a study may map it over configs."""
    if devices == 1:
        return local
    specs = (PartitionSpec(), PartitionSpec(AXIS))
    return jax.shard_map(local, mesh=mesh(devices), in_specs=specs, out_specs=out, check_vma=False)


def describe() -> dict[str, Any]:
    """Devices and block size, for the manifest."""
    backend = jax.default_backend()
    devices = jax.local_devices()
    return {
        "backend": backend,
        "device": devices[0].device_kind,
        "devices": len(devices),
        "hosts": jax.process_count(),
        "block_pairs": BLOCK[backend],
    }
