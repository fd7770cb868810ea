"""The run directory: everything a run was, did and left, and how to find it again.

runs/<name>-<id>/
    config.toml      the resolved config
    manifest.json    argv, versions, git state, devices, data fingerprint, seconds
    metrics.jsonl    one line per evaluation
    checkpoints/     last.npz (to resume), best.npz (the policy), normaliser.npz,
                     beside.npz (incumbents' numbers)
    results.json     measures with intervals, per split and policy
    pairs-<split>.npz  the same per pair, for paired comparisons
"""

from __future__ import annotations

import json
import math
import platform
import secrets
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from invrl.config import reading
from invrl.config.schema import Config
from invrl.config.toml import to_toml
from invrl.errors import InvrlError, nearest
from invrl.runs import strict
from invrl.runs.arrays import read_arrays
from invrl.runs.writing import append_line, checked_name
from invrl.tables.whole import whole_file, write_text

SCHEMA = 1
NEEDED = {
    "results.json": ("policy", "algo", "reg", "seed", "splits", "data_fingerprint", "stockout_price"),
    "manifest.json": ("data_fingerprint", "argv", "started"),
}
"""What other code reads of these files without asking."""
AGAIN = "copy the run again, or use another"


@dataclass(frozen=True)
class Run:
    """A run directory."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.name

    @cached_property
    def config(self) -> Config:
        """The resolved config, read once; `lengthen` alone changes it.

        Raises:
            InvrlError: it has keys that this version does not know; the version that made it is named.
        """
        try:
            return reading.build(reading.read(self.path / "config.toml"))
        except InvrlError as error:
            maker = self.read("manifest.json").get("versions", {}).get("invrl", "of an unknown version")
            message = f"{self.name} was made by invrl {maker}, this is {metadata.version('invrl')}"
            first, *more = error.message.splitlines()
            others = f" (and {len(more)} more)" if more else ""
            raise InvrlError(f"{message}: {first}{others}", hint=_old_hint(error.hint)) from None

    @property
    def last(self) -> Path:
        return self.path / "checkpoints" / "last.npz"

    @property
    def best(self) -> Path:
        return self.path / "checkpoints" / "best.npz"

    @property
    def beside(self) -> Path:
        return self.path / "checkpoints" / "beside.npz"

    @property
    def normaliser(self) -> Path:
        return self.path / "checkpoints" / "normaliser.npz"

    def read(self, name: str) -> dict[str, Any]:
        """A JSON file of the run; empty where there is none yet."""
        path = self.path / name
        if not path.exists():
            return {}
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except (ValueError, RecursionError) as error:
            raise InvrlError(f"{path} is damaged: {error}", hint=AGAIN) from None
        if not isinstance(found, dict):
            raise InvrlError(f"{path} is damaged: no table of names", hint=AGAIN)
        return found

    def needed(self, name: str) -> dict[str, Any]:
        """A JSON file that the run must have, with all that is read of it without asking.

        Raises:
            InvrlError: it has none, or one that invrl did not write so.
        """
        found = self.read(name)
        if not found:
            hint = "`invrl resume RUN` finishes a run that was begun" if name == "results.json" else AGAIN
            raise InvrlError(f"{self.name} has no {name}: it is no finished run", hint=hint)
        if lacking := [key for key in NEEDED.get(name, ()) if key not in found]:
            text = f"{self.path / name} lacks `{', '.join(lacking)}`: invrl did not write it so"
            raise InvrlError(text, hint=AGAIN)
        return found

    def write(self, name: str, content: dict[str, Any]) -> None:
        """Write a JSON file of the run, whole or not at all."""
        write_json(self.path / name, content)

    def log(self, record: dict[str, float]) -> None:
        append_line(self.path / "metrics.jsonl", record)

    def metrics(self) -> list[dict[str, float]]:
        """The logged evaluations; a line cut off by a kill is left out, a number that was none is NaN."""
        lines = read_lines(self.path / "metrics.jsonl")
        return [{key: math.nan if one is None else one for key, one in line.items()} for line in lines]

    def forget_after(self, update: int) -> None:
        """Drop log lines later than a checkpoint: the resumed run writes them again."""
        kept = [record for record in self.metrics() if record["update"] <= update]
        write_text(self.path / "metrics.jsonl", "".join(strict.text(record) + "\n" for record in kept))

    def lengthen(self, config: Config) -> None:
        """Take a config to go on with: results of fewer updates no longer count, and a kill on the way
        leaves a run that is to be resumed."""
        write_text(self.path / "config.toml", to_toml(config))
        self.__dict__["config"] = config
        (self.path / "results.json").unlink(missing_ok=True)

    def save_pairs(self, split: str, values: dict[str, np.ndarray]) -> None:
        with whole_file(self.path / f"pairs-{split}.npz") as partial, partial.open("wb") as file:
            np.savez_compressed(file, **values)

    def pairs(self, split: str) -> dict[str, np.ndarray]:
        """Per-pair values: `<policy>:<measure>`, `weight`, `cluster`, `pair`."""
        path = self.path / f"pairs-{split}.npz"
        if not path.exists():
            raise InvrlError(
                f"{self.name} has no results on {split}", hint=f"invrl evaluate {self.path} --split {split}"
            )
        return read_arrays(path)


def _old_hint(hint: str) -> str:
    return hint if "--plugin" in hint else "read it with the version that made it, or train it again"


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write a JSON file, whole or not at all."""
    write_text(path, strict.text(content, indent=2) + "\n")


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The records of a log, one JSON object a line; a line cut off by a kill is left out."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True) if path.exists() else []
        found = [json.loads(line) for line in lines if line.endswith("\n")]
    except (ValueError, RecursionError) as error:
        raise InvrlError(f"{path} is damaged: {error}", hint=AGAIN) from None
    if not all(isinstance(one, dict) for one in found):
        raise InvrlError(f"{path} is damaged: a line is no record", hint=AGAIN)
    return found


def create(out: Path, name: str, config: Config, manifest: dict[str, Any]) -> Run:
    """A new directory `<out>/<name>-<id>/`; never an old one."""
    checked_name(name)
    while True:
        run = Run(out / f"{name}-{secrets.token_hex(3)}")
        try:
            (run.path / "checkpoints").mkdir(parents=True)
            break
        except FileExistsError:
            continue
        except OSError as error:
            raise InvrlError(
                f"cannot make {run.path}: {error.strerror}", hint="choose another --out"
            ) from None
    with nothing_left(run.path):
        write_text(run.path / "config.toml", to_toml(config))
        run.write("manifest.json", manifest)
    return run


@contextmanager
def nothing_left(path: Path) -> Iterator[None]:
    """Remove a directory that was just made where the disk refuses what belongs in it."""
    try:
        yield
    except (OSError, InvrlError):
        shutil.rmtree(path, ignore_errors=True)
        raise


def manifest(fingerprint: str, devices: dict[str, Any], seed: int) -> dict[str, Any]:
    """What a reader needs to get the same numbers again."""
    packages = ("jax", "jaxlib", "flax", "optax", "numpy")
    return {
        "schema": SCHEMA,
        "argv": sys.argv,
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": {
            "invrl": metadata.version("invrl"),
            "python": platform.python_version(),
            **{name: metadata.version(name) for name in packages},
        },
        "git": _git_state(),
        "platform": platform.platform(),
        "devices": devices,
        "seed": seed,
        "data_fingerprint": fingerprint,
    }


def _git_state() -> dict[str, Any]:
    """Commit and uncommitted changes of the package's own checkout, if it is one."""
    folder = Path(__file__).parents[1]

    def git(*words: str) -> str:
        return subprocess.run(
            ["git", *words], cwd=folder, capture_output=True, text=True, check=True
        ).stdout.strip()

    try:
        return {"commit": git("rev-parse", "HEAD"), "dirty": bool(git("status", "--porcelain", "--", "."))}
    except (OSError, subprocess.CalledProcessError):
        return {"commit": None, "dirty": None}


def find(name: str, root: Path = Path("runs")) -> Run:
    """A run by its path, its name below `root`, or the only name that starts so."""
    if not name:
        raise InvrlError("the name of the run is empty", hint="`invrl runs ls` lists runs")
    for path in (Path(name), root / name):
        if (path / "config.toml").exists():
            return Run(path)
    known = {run.name: run for run in below(root)}
    starts = [run for known_name, run in known.items() if known_name.startswith(name)]
    if len(starts) == 1:
        return starts[0]
    if len(starts) > 1:
        raise InvrlError(f"`{name}` fits {len(starts)} runs", hint=nearest("", [r.name for r in starts]))
    raise InvrlError(f"no run `{name}`", hint=nearest(name, known) if known else f"no runs below {root}/ yet")


def find_all(names: Iterable[str]) -> list[Run]:
    """The runs of a command line, each once; a directory stands for all runs below it.

    Raises:
        InvrlError: a name of none.
    """
    found: dict[Path, Run] = {}
    for name in names:
        path = Path(name)
        is_folder = path.is_dir() and not (path / "config.toml").exists()
        some = below(path) if is_folder else [find(name)]
        if not some:
            raise InvrlError(f"no runs below {name}", hint="`invrl runs ls DIR` lists runs")
        found |= {run.path.resolve(): run for run in some}
    return list(found.values())


def below(root: Path) -> list[Run]:
    """All runs below a directory, newest first."""
    found = [Run(path.parent) for path in root.glob("**/config.toml")]
    return sorted(found, key=lambda run: (run.path / "config.toml").stat().st_mtime, reverse=True)


def status(run: Run) -> str:
    """done, stopped (can be resumed) or empty."""
    if (run.path / "results.json").exists():
        return "done"
    return "stopped" if run.last.exists() else "empty"
