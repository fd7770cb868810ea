"""Several hosts as one machine: the processes of `jax.distributed`.

Every host runs the same command on the same data and computes on its share of the pairs. The first
keeps the files and speaks; what the others write goes to a folder that vanishes with them.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import jax
import numpy as np

from invrl.errors import InvrlError

HINT = "ADDRESS:PORT/COUNT/INDEX, such as node0:4321/2/0 on the first of two; or auto under Slurm or MPI"


def join(text: str) -> None:
    """Wait for the other hosts; must run before jax starts its backends.

    Args:
        text: `auto`, or the first host's address, how many hosts there are, and which this is.

    Raises:
        InvrlError: the text is neither, or the hosts did not meet.
    """
    if text == "auto":
        named: dict[str, Any] = {}
    else:
        address, *numbers = text.split("/")
        if ":" not in address or len(numbers) != 2 or not all(number.isdigit() for number in numbers):
            raise InvrlError(f"--hosts {text}: not understood", hint=HINT)
        count, index = map(int, numbers)
        if index >= count:
            raise InvrlError(f"--hosts {text}: the hosts are counted 0 to {count - 1}", hint=HINT)
        named = {"coordinator_address": address, "num_processes": count, "process_id": index}
    try:
        jax.distributed.initialize(**named)
    except (ValueError, RuntimeError) as error:
        raise InvrlError(f"--hosts {text}: {str(error).splitlines()[0]}", hint=HINT) from None
    _keep_stdout()


def _keep_stdout() -> None:
    """stdout is for results; what libraries print there (CPU hosts their connections) goes to stderr."""
    sys.stdout.flush()
    own = os.dup(1)
    os.dup2(2, 1)
    sys.stdout = os.fdopen(own, "w")


def first() -> bool:
    """Whether this process keeps the files."""
    return jax.process_index() == 0


@cache
def _temporary() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="invrl-")


def scratch() -> Path:
    """A folder that vanishes with the process."""
    return Path(_temporary().name)


def copied(path: Path) -> Path:
    """A copy of a folder in `scratch`."""
    return Path(shutil.copytree(path, scratch() / path.name))


def fetch(tree: Any) -> Any:
    """Arrays of numpy; what lies on other hosts is sent to all."""

    def one(x: Any) -> Any:
        if isinstance(x, jax.Array) and not (x.is_fully_addressable or x.is_fully_replicated):
            from jax.experimental import multihost_utils

            return multihost_utils.process_allgather(x, tiled=True)
        return x

    return jax.device_get(jax.tree.map(one, tree))


def put(tree: Any, sharding: jax.sharding.Sharding) -> Any:
    """Arrays laid over devices of all hosts; every host has the same numbers."""

    def one(x: Any) -> Any:
        if not isinstance(x, jax.Array) or not x.is_fully_addressable:
            return jax.device_put(x, sharding)
        if jax.dtypes.issubdtype(x.dtype, jax.dtypes.prng_key):
            return jax.random.wrap_key_data(one(jax.random.key_data(x)))
        return jax.device_put(np.asarray(x), sharding)

    return jax.device_put(tree, sharding) if jax.process_count() == 1 else jax.tree.map(one, tree)


def least(number: int) -> int:
    """The smallest of the hosts' numbers, so that all decide alike."""
    if jax.process_count() == 1:
        return number
    from jax.experimental import multihost_utils

    return int(multihost_utils.process_allgather(np.asarray(number, np.float64)).min())
