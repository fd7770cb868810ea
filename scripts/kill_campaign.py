"""Kills commands at random moments (kill -9), goes on with them, and compares with what was never killed.

    python scripts/kill_campaign.py [--kills N] [--seed N] [--seconds N] [--place FOLDER] [--only WORK,WORK]

Each work (train with each algorithm, a lengthened resume, tune, recommend, data import, play) is run twice
undisturbed: once to compile, once to time it. Then it is started in a new folder, killed one to six times
at moments that are even over its duration, and left to finish: what it printed as its result and every file
must be equal byte by byte, but for names and times, and no file may be left over. FOLDER keeps the files that
all share and compiled programs, so that a campaign may go on in pieces.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import NamedTuple

INVRL = (sys.executable, "-m", "invrl")
SMALL = (
    "--quiet", "train.updates=12", "train.evaluate_every=3", "evaluation.bootstrap=20", "network.hidden=[8]",
    'baseline.beside=["incumbent"]', "baseline.forecast=mean", "baseline.distribution=normal",
    "ddpg.hidden=[8]", "ddpg.gradient_steps=2", "ddpg.minibatch=16", "ddpg.critic_warmup=2", "ppo.hidden=[8]",
    "ppo.epochs=1", "ppo.minibatch=64",
)  # fmt: skip
LONGER = "train.updates=24"
TIMES = ("seconds", "train_seconds", "validation_seconds", "run", "started", "wall", "compile", "argv", "out")
"""Keys whose values differ between two runs of one config."""
MOST = 6
"""Kills in one round."""
Command = tuple[str, ...]


class Work(NamedTuple):
    """A command that can be gone on with, in a folder of its own beside the files that all share.

    Attributes:
        command: (folder) -> what begins or goes on; None once nothing is left to do.
        before: the same for a command to run undisturbed first.
    """

    name: str
    command: Callable[[Path], Command | None]
    before: Callable[[Path], Command | None] = lambda folder: None


def trained(algo: str, *more: str) -> Callable[[Path], Command | None]:
    """Train, or resume what was begun."""

    def command(folder: Path) -> Command | None:
        run = run_in(folder)
        if run and (run / "results.json").exists() and not more:
            return None
        if run:
            return (*INVRL, "resume", str(run), "--quiet", *more)
        data = ("--data", str(folder.parent / "base.csv"))
        return (*INVRL, "train", *data, "--algo", algo, *SMALL, "--out", str(folder), "--name", "run")

    return command


def tuned(folder: Path) -> Command:
    return (
        *INVRL, "tune", "--data", str(folder.parent / "base.csv"), "--algo", "ds", "--reg", "base", *SMALL,
        "--only", "--space", "ds.learning_rate=log 1e-3 1e-2", "--trials", "3", "--out", str(folder),
        "--name", "study",
    )  # fmt: skip


def imported(folder: Path) -> Command | None:
    out = folder / "panel.parquet"
    return (
        None
        if out.exists()
        else (*INVRL, "data", "import", str(folder.parent / "large.csv"), "--out", str(out))
    )


def recommended(folder: Path) -> Command | None:
    out, state = folder / "orders.csv", str(folder.parent / "state.csv")
    run = str(run_in(folder.parent / "shared"))
    return None if out.exists() else (*INVRL, "recommend", run, "--state", state, "--out", str(out), "--json")


def played(folder: Path) -> Command | None:
    out, state = folder / "orders.parquet", str(folder.parent / "state.csv")
    words = ("--sales", str(folder.parent / "later.csv"), "--state", state, "--out", str(out), "--json")
    return None if out.exists() else (*INVRL, "play", str(run_in(folder.parent / "shared")), *words)


def run_in(folder: Path) -> Path | None:
    """The run that a folder holds, once it is begun."""
    return next((path.parent for path in folder.glob("run-*/manifest.json")), None)


WORKS = (
    *(Work(f"train {algo}", trained(algo)) for algo in ("ds", "ddpg", "ppo")),
    Work("resume", trained("ds", LONGER), trained("ds")),
    Work("tune", tuned),
    Work("recommend", recommended),
    Work("data import", imported),
    Work("play", played),
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


def said(output: str) -> object:
    """The result that a command printed as JSON, if it did."""
    return plain(json.loads(output)) if output.startswith("{") else None


def done(command: Command | None) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout if command else ""


def undisturbed(work: Work, folder: Path) -> tuple[dict[str, object], object, float]:
    """What a work leaves, what it prints, and the seconds that it takes; of its second run."""
    for _ in range(2):
        prepared(work, folder)
        command, began = work.command(folder), time.perf_counter()
        printed = done(command)
        seconds, found = time.perf_counter() - began, content(folder)
        shutil.rmtree(folder)
    return found, said(printed), seconds


def prepared(work: Work, folder: Path) -> None:
    folder.mkdir()
    done(work.before(folder))


def killed(work: Work, folder: Path, seconds: float, kills: int) -> int:
    """Start a work and kill it up to `kills` times; the kills that hit."""
    prepared(work, folder)
    for hit in range(kills):
        command = work.command(folder)
        if command is None:
            return hit
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            process.wait(random.uniform(0, seconds))
            return hit
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
    return kills


def faults(work: Work, folder: Path, expected: dict[str, object], printed: object) -> list[str]:
    """What differs after the work was left to finish."""
    command = work.command(folder)
    if command:
        end = subprocess.run(command, capture_output=True, text=True)
        if end.returncode and "is done" not in end.stderr:
            return [end.stderr.strip()[-300:]]
        if end.stdout.startswith("{") and said(end.stdout) != printed:
            return ["prints something else"]
    found = content(folder)
    odd = [f"{name} differs" for name in expected if name in found and found[name] != expected[name]]
    return odd + [f"{name} is one side's only" for name in sorted(set(expected) ^ set(found))]


def campaign(place: Path, works: list[Work], kills: int, until: float) -> int:
    """Rounds over all works until so many kills have hit, or the time is up; the rounds that went wrong."""
    known, hits = {}, Counter[str]()
    for work in works:
        known[work] = undisturbed(work, place / f"reference-{os.getpid()}")
        print(f"{work.name}: {known[work][2]:.1f} s undisturbed", flush=True)
    bad = rounds = 0
    folder = place / f"killed-{os.getpid()}"
    while hits.total() < kills and time.monotonic() < until:
        work = min(works, key=lambda w: hits[w.name])
        expected, printed, seconds = known[work]
        hit = killed(work, folder, seconds, random.randint(1, MOST))
        wrong = faults(work, folder, expected, printed)
        hits[work.name] += hit
        rounds, bad = rounds + 1, bad + bool(wrong)
        print(f"{work.name}: {hit} kills, {'; '.join(wrong) or 'equal'}", flush=True)
        shutil.rmtree(folder)
    print(f"{hits.total()} kills in {rounds} rounds, {bad} rounds differ; {dict(hits)}")
    return bad


def shared(place: Path) -> None:
    """The files that all works read; made once."""
    if (place / "shared").exists():
        return
    rng = random.Random(1)
    sales(place / "base.csv", 8, date(2024, 1, 1), 90, rng)
    sales(place / "later.csv", 8, date(2024, 3, 31), 14, rng)
    sales(place / "large.csv", 400, date(2022, 1, 1), 800, rng)
    rows = [f"S{k},W0,{k},{k % 3},2" for k in range(8)]
    (place / "state.csv").write_text("\n".join(["sku,warehouse,on_hand,due_1,due_2", *rows]) + "\n")
    (place / "making").mkdir()
    done(trained("ds")(place / "making"))
    (place / "making").rename(place / "shared")


def sales(path: Path, skus: int, first: date, days: int, rng: random.Random) -> None:
    dates = [first + timedelta(k) for k in range(days)]
    rows = [f"{day},S{k},W0,{rng.randint(0, 6)}" for k in range(skus) for day in dates]
    path.write_text("\n".join(["date,sku,warehouse,demand", *rows]) + "\n")


def main() -> bool:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=float("inf"))
    parser.add_argument("--place", type=Path)
    parser.add_argument("--only", default="")
    asked = parser.parse_args()
    random.seed(asked.seed)
    with tempfile.TemporaryDirectory() as temporary:
        place = asked.place or Path(temporary)
        place.mkdir(parents=True, exist_ok=True)
        os.environ["JAX_COMPILATION_CACHE_DIR"] = str(place / "compiled")
        os.environ["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
        shared(place)
        works = [work for work in WORKS if not asked.only or work.name in asked.only.split(",")]
        return bool(campaign(place, works, asked.kills, time.monotonic() + asked.seconds))


if __name__ == "__main__":
    sys.exit(main())
