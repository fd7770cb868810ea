"""Trees in files: what is read is what was written, or an error that says why."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import struct

from invrl.errors import InvrlError
from invrl.runs import checkpoints


@struct.dataclass
class Thing:
    params: Any
    key: Any
    step: Any


def thing(seed: int = 0, width: int = 3) -> Thing:
    key = jax.random.key(seed)
    params = {"layer/0": {"kernel": jax.random.normal(key, (width, 2)), "bias": np.zeros(width, np.float64)}}
    return Thing(params, key, (jnp.int32(7), np.asarray(np.inf), np.asarray(True)))


def plain(tree: Any) -> list[np.ndarray]:
    keys = jax.tree.map(lambda x: jax.random.key_data(x) if checkpoints._is_key(x) else x, tree)
    return [np.asarray(leaf) for leaf in jax.tree.leaves(keys)]


def test_round_trip_keeps_values_types_and_keys(tmp_path: Path) -> None:
    path = tmp_path / "last.npz"
    checkpoints.save(path, thing())
    found = checkpoints.load(path, thing(seed=9))
    jax.tree.map(lambda one, two: None, found, thing())  # the same structure
    for one, two in zip(plain(thing()), plain(found), strict=True):
        assert one.dtype == two.dtype and np.array_equal(one, two)
    assert jax.random.uniform(found.key) == jax.random.uniform(thing().key)


def test_saving_replaces_and_leaves_nothing_beside(tmp_path: Path) -> None:
    path = tmp_path / "last.npz"
    checkpoints.save(path, thing(0))
    checkpoints.save(path, thing(1))
    assert jax.random.key_data(checkpoints.load(path, thing()).key).tolist() == [0, 1]
    assert os.listdir(tmp_path) == ["last.npz"]


def test_a_kill_amid_writing_leaves_the_old_file_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "last.npz"
    checkpoints.save(path, thing(0))
    before = path.read_bytes()

    def killed(file: Any, **arrays: Any) -> None:
        file.write(b"half of it")
        raise KeyboardInterrupt

    monkeypatch.setattr(np, "savez", killed)
    with pytest.raises(KeyboardInterrupt):
        checkpoints.save(path, thing(1))
    assert path.read_bytes() == before
    monkeypatch.undo()
    assert checkpoints.load(path, thing()).step[0] == 7


def test_the_file_is_on_disk_before_it_gets_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []

    def noted(name: str) -> Any:
        does = getattr(os, name)

        def call(*args: Any) -> Any:
            calls.append(name)
            return does(*args)

        return call

    for name in ("fsync", "replace"):
        monkeypatch.setattr(os, name, noted(name))
    checkpoints.save(tmp_path / "last.npz", thing())
    assert calls == ["fsync", "replace"]


@pytest.mark.parametrize("share", [0.0, 0.001, 0.3, 0.9, 0.999])
def test_a_truncated_file_is_damaged(tmp_path: Path, share: float) -> None:
    path = tmp_path / "last.npz"
    checkpoints.save(path, thing())
    whole = path.read_bytes()
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(InvrlError, match="damaged"):
        checkpoints.load(path, thing())


def test_a_flipped_bit_is_damage(tmp_path: Path) -> None:
    path = tmp_path / "last.npz"
    checkpoints.save(path, thing())
    with zipfile.ZipFile(path) as archive:
        place = archive.infolist()[0].header_offset + 150  # amid the first array
    whole = bytearray(path.read_bytes())
    whole[place] ^= 1
    path.write_bytes(whole)
    with pytest.raises(InvrlError, match="damaged"):
        checkpoints.load(path, thing())


def test_a_file_of_another_kind_is_damaged(tmp_path: Path) -> None:
    single, text, pickled = (tmp_path / f"{name}.npz" for name in ("single", "text", "pickled"))
    with single.open("wb") as file:
        np.save(file, np.ones(3))
    text.write_text("weights")
    np.savez(pickled, np.array([{"any": "object"}], dtype=object))
    for path in (single, text, pickled):
        with pytest.raises(InvrlError, match="damaged"):
            checkpoints.load(path, thing())


def test_no_such_file(tmp_path: Path) -> None:
    with pytest.raises(InvrlError, match="no checkpoint") as error:
        checkpoints.load(tmp_path / "none.npz", thing())
    assert error.value.hint


def test_other_shapes_are_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "last.npz"
    checkpoints.save(path, thing(width=4))
    with pytest.raises(InvrlError, match=r"layer/0.*has shape \(4"):
        checkpoints.load(path, thing(width=3))


@pytest.mark.parametrize(
    ("written", "wanted"), [({"a": 1.0, "b": 2.0}, {"a": 1.0}), ({"a": 1.0}, {"a": 1.0, "b": 2.0})]
)
def test_missing_and_extra_arrays_are_refused(tmp_path: Path, written: dict, wanted: dict) -> None:
    checkpoints.save(tmp_path / "last.npz", {k: np.asarray(v) for k, v in written.items()})
    with pytest.raises(InvrlError, match=r"does not match this configuration: `\['b'\]`"):
        checkpoints.load(tmp_path / "last.npz", {k: np.asarray(v) for k, v in wanted.items()})
