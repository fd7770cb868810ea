"""Kills commands at random moments (kill -9), goes on with them, and compares with what was never killed.

    python scripts/kill_campaign.py [KILLS] [SEED]

Each work (train with each algorithm, a lengthened resume, tune) is run once undisturbed. Then it is started
again and again, killed once to three times between its start and its end, and left to finish: results,
checkpoints, pairs and logs must be equal byte by byte, but for names and times, and no file may be left over.
"""

from __future__ import annotations

import json
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import NamedTuple

INVRL = (sys.executable, "-m", "invrl")
SMALL = ("--quiet", "train.updates=60", "train.evaluate_every=10", "evaluation.bootstrap=20")
TIMES = ("seconds", "train_seconds", "validation_seconds", "run", "started", "wall", "compile", "argv")
"""Keys whose values differ between two runs of one config."""


class Work(NamedTuple):
    """A command that can be gone on with.

    Attributes:
        start: (folder) -> the command that begins.
        again: (folder) -> the command that goes on; None where nothing was begun yet.
        before: (folder) -> a command to run undisturbed first, or None.
    """

    name: str
    start: Callable[[Path], tuple[str, ...]]
    again: Callable[[Path], tuple[str, ...] | None]
    before: Callable[[Path], tuple[str, ...] | None] = lambda folder: None


def trained(algo: str) -> Callable[[Path], tuple[str, ...]]:
    return lambda folder: (
        *INVRL, "train", "--data", str(folder.parent / "base.csv"), "--algo", algo, "--reg", "base", *SMALL,
        "--out", str(folder), "--name", "run",
    )  # fmt: skip


def tuned(folder: Path) -> tuple[str, ...]:
    return (
        *INVRL, "tune", "--data", str(folder.parent / "base.csv"), "--algo", "ds", "--reg", "base", *SMALL,
        "--only", "--space", "ds.learning_rate=log 1e-3 1e-2", "--trials", "3", "--out", str(folder),
        "--name", "study",
    )  # fmt: skip


def run_in(folder: Path) -> Path | None:
    """The run that a folder holds, once it is begun."""
    return next((path.parent for path in folder.glob("run-*/manifest.json")), None)


def resumed(*words: str) -> Callable[[Path], tuple[str, ...] | None]:
    def command(folder: Path) -> tuple[str, ...] | None:
        run = run_in(folder)
        return run and (*INVRL, "resume", str(run), "--quiet", *words)

    return command


LONGER = "train.updates=90"
WORKS = (
    *(Work(f"train {algo}", trained(algo), resumed()) for algo in ("ds", "ddpg", "ppo")),
    Work("resume", lambda folder: resumed(LONGER)(folder) or (), resumed(LONGER), trained("ds")),
    Work("tune", tuned, tuned),
)


def content(folder: Path) -> dict[str, object]:
    """What the files of a folder hold, by name; the run's own name and times left out."""
    found: dict[str, object] = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        name = "/".join("run" if part.startswith("run-") else part for part in path.relative_to(folder).parts)
        if path.suffix == ".json" and path.name != "manifest.json":
            found[name] = plain(json.loads(path.read_text()))
        elif path.suffix == ".jsonl":
            found[name] = [plain(json.loads(line)) for line in path.read_text().splitlines()]
        else:
            found[name] = path.read_bytes() if path.name != "manifest.json" else b""
    return found


def plain(tree: object) -> object:
    if isinstance(tree, dict):
        return {key: plain(value) for key, value in tree.items() if key not in TIMES}
    return tree


def undisturbed(work: Work, folder: Path) -> tuple[dict[str, object], float]:
    """What a work leaves, and the seconds it takes."""
    prepared(work, folder)
    began = time.perf_counter()
    subprocess.run(work.start(folder), check=True, capture_output=True)
    return content(folder), time.perf_counter() - began


def prepared(work: Work, folder: Path) -> None:
    folder.mkdir()
    if command := work.before(folder):
        subprocess.run(command, check=True, capture_output=True)


def killed(work: Work, folder: Path, seconds: float, kills: int) -> int:
    """Start a work and kill it up to `kills` times; the kills that hit."""
    prepared(work, folder)
    command: tuple[str, ...] | None = work.start(folder)
    for hit in range(kills):
        process = subprocess.Popen(
            command or work.start(folder), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            process.wait(random.uniform(0.05, 1.0) * seconds)
            return hit
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
        command = work.again(folder)
    return kills


def faults(work: Work, folder: Path, expected: dict[str, object]) -> list[str]:
    """What differs after the work was left to finish."""
    command = work.again(folder) or work.start(folder)
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode and "is done" not in done.stderr:
        return [done.stderr.strip()[-300:]]
    found = content(folder)
    odd = [f"{name} differs" for name in expected if name in found and found[name] != expected[name]]
    return odd + [f"{name} is one side's only" for name in sorted(set(expected) ^ set(found))]


def campaign(place: Path, kills: int) -> int:
    """Rounds over all works until so many kills have hit; the rounds that went wrong."""
    random_demand(place / "base.csv")
    known = {}
    for work in WORKS:
        known[work] = undisturbed(work, place / "reference")
        shutil.rmtree(place / "reference")
        print(f"{work.name}: {known[work][1]:.1f} s undisturbed", flush=True)
    hits = bad = rounds = 0
    while hits < kills:
        work = WORKS[rounds % len(WORKS)]
        expected, seconds = known[work]
        hit = killed(work, place / "killed", seconds, random.randint(1, 3))
        wrong = faults(work, place / "killed", expected)
        hits, rounds, bad = hits + hit, rounds + 1, bad + bool(wrong)
        print(f"{work.name}: {hit} kills, {'; '.join(wrong) or 'equal'}", flush=True)
        shutil.rmtree(place / "killed")
    print(f"{hits} kills in {rounds} rounds, {bad} rounds differ")
    return bad


def random_demand(path: Path) -> None:
    """8 SKUs, 90 days."""
    days = [date(2024, 1, 1) + timedelta(k) for k in range(90)]
    rows = [f"{day},S{k},W0,{random.randint(0, 6)}" for k in range(8) for day in days]
    path.write_text("\n".join(["date,sku,warehouse,demand", *rows]) + "\n")


if __name__ == "__main__":
    random.seed(int(sys.argv[2]) if len(sys.argv) > 2 else 0)
    with tempfile.TemporaryDirectory() as place:
        sys.exit(bool(campaign(Path(place), int(sys.argv[1]) if len(sys.argv) > 1 else 100)))
