"""Trees of arrays in `.npz` files: written atomically, read back only into the same shapes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax
import numpy as np

from invrl.errors import InvrlError
from invrl.runs.arrays import read_arrays
from invrl.tables.whole import whole_file


def save(path: Path, tree: Any) -> None:
    """Write a tree; a kill at any moment leaves the old file or the new one, whole."""
    arrays = {name: _plain(leaf) for name, leaf in _named(tree)}
    with whole_file(path, sync=True) as partial, partial.open("wb") as file:
        np.savez(file, **arrays)


def load(path: Path, like: Any) -> Any:
    """The tree in a file, in the structure of `like`.

    Raises:
        InvrlError: no such file, a truncated one, or arrays of other names or shapes.
    """
    try:
        arrays = read_arrays(path)
    except FileNotFoundError:
        raise InvrlError(f"no checkpoint {path}", hint="`invrl runs ls` lists the runs") from None
    named = _named(like)
    names = {name for name, _ in named}
    odd = sorted(names ^ set(arrays))
    if odd:
        raise InvrlError(f"{path} does not match this configuration: `{odd[0]}`", hint=OTHER)
    leaves = [_restored(path, name, arrays[name], leaf) for name, leaf in named]
    return jax.tree.unflatten(jax.tree.structure(like), leaves)


def shapes(path: Path, like: Any) -> Any:
    """`like` with each array's last axis as long as the file has it; the pairs of another panel, say."""
    known = {name: array.shape for name, array in read_arrays(path).items()}

    def wide(name: str, leaf: Any) -> Any:
        shape = known.get(name, ())
        return np.zeros((*leaf.shape[:-1], *shape[-1:]), leaf.dtype)

    leaves = [wide(name, leaf) for name, leaf in _named(like)]
    return jax.tree.unflatten(jax.tree.structure(like), leaves)


OTHER = "algorithm, form, network and features must be those of the checkpoint"


def _named(tree: Any) -> list[tuple[str, Any]]:
    return [(jax.tree_util.keystr(path), leaf) for path, leaf in jax.tree_util.tree_leaves_with_path(tree)]


def _is_key(leaf: Any) -> bool:
    return hasattr(leaf, "dtype") and jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def _plain(leaf: Any) -> np.ndarray:
    return np.asarray(jax.random.key_data(leaf) if _is_key(leaf) else leaf)


def _shape(leaf: Any) -> tuple[int, ...]:
    """Of the stored array; `leaf` may be a mere shape."""
    return jax.random.key_data(leaf).shape if _is_key(leaf) else np.shape(leaf)


def _restored(path: Path, name: str, array: np.ndarray, like: Any) -> Any:
    if array.shape != _shape(like):
        raise InvrlError(
            f"{path} does not match this configuration: `{name}` has shape {array.shape}", hint=OTHER
        )
    return jax.random.wrap_key_data(array) if _is_key(like) else array
