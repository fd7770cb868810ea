"""A small shop with a run whose policy is random, and its state on a day: for the tests of `recommend`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax
import numpy as np
import pyarrow as pa
from builders import make_config, poisson_panel
from pyarrow import csv, parquet

from invrl import registry
from invrl.config.schema import Config
from invrl.demand.panel import Panel
from invrl.experiment import Experiment
from invrl.runs import checkpoints
from invrl.runs.directory import Run
from invrl.scoring.trace import trace
from invrl.sources.files import write_panel
from invrl.training import session

DAYS, PAIRS, NOW = 75, 24, 50
TODAY = np.datetime64("2024-01-01") + NOW
COMING = 10
"""Coming days that matter: the longest lead time and review period are 5 and 3 days, and two to spare."""
WORDS = (
    "data.source=file", "supply.units=continuous", "supply.lead_time=1,3,5", "supply.first_review=spread",
    "supply.review_period=3",
    "network.hidden=[8,8]", "split.validation_days=5", "split.test_days=5", "features.short=5",
    "features.groups=recent,forecast,calendar,today,coming,supply,static",
)  # fmt: skip


def shop_panel() -> Panel:
    """SKUs in two warehouses, a promotion, a holiday and a category."""
    rng = np.random.default_rng(5)
    holiday = np.repeat((rng.random((DAYS, 1)) < 0.2), PAIRS, axis=1)
    return poisson_panel(
        DAYS,
        PAIRS,
        sku=np.array([f"S{i // 2}" for i in range(PAIRS)]),
        warehouse=np.array(["north", "south"] * (PAIRS // 2)),
        ahead={
            "promo": (rng.random((DAYS, PAIRS)) < 0.3).astype(np.float32),
            "holiday": holiday.astype(np.float32),
        },
        static={
            "margin": rng.random(PAIRS).astype(np.float32),
            "category": np.array(["a", "b", "c", "d"] * 6),
        },
    )


def make_run(folder: Path, *words: str, panel: Panel | None = None) -> tuple[Run, Experiment]:
    """A run on the shop's file, its network drawn at random so that every input matters."""
    path = folder / "shop.parquet"
    if not path.exists():
        write_panel(panel or shop_panel(), path)
    config = make_config(*WORDS, f"data.path={path}", *words)
    experiment = session.load_experiment(config)
    run = session.begin(experiment, folder / "runs", "shop")
    rng = np.random.default_rng(2)
    if config.algo in registry.BASELINES:
        checkpoints.save(run.best, baseline_numbers(config, experiment.panel.pairs, rng))
        return run, experiment
    leaves, tree = jax.tree.flatten(experiment.policy.init(jax.random.key(1)))
    noisy = [np.asarray(leaf) + rng.normal(0, 0.1, leaf.shape).astype(np.float32) for leaf in leaves]
    checkpoints.save(run.best, jax.tree.unflatten(tree, noisy))
    return run, experiment


def baseline_numbers(config: Config, pairs: int, rng: np.random.Generator) -> np.ndarray:
    """[k, N] within the axes of the incumbent; the same for all pairs where it is tuned for all together."""
    baseline = registry.get("baseline", config.algo)
    own = np.zeros((baseline.size, pairs), np.float32)  # the forecast, where there is one: number 0
    for k, (low, high, _) in enumerate(baseline.axes):
        own[k] = rng.uniform(low, high, pairs)
    return own if config.baseline.per_pair else np.repeat(own[:, :1], pairs, axis=1)


def states(run: Run, experiment: Experiment, today: np.datetime64 = TODAY) -> dict[str, np.ndarray]:
    """The pairs that the simulator reviews today: their stock, what is due, and `order`.

    What is due is made from the orders of the days before and the lead times alone.
    """
    days = trace(experiment, *session.restore(run, experiment), "train")
    panel = experiment.panel
    assert panel.lead_time is not None and panel.review_period is not None
    place = {pair: i for i, pair in enumerate(zip(panel.sku, panel.warehouse, strict=True))}
    pair = np.array([place[key] for key in zip(days["sku"], days["warehouse"], strict=True)])
    arrival = (days["date"] - today).astype(int) + panel.lead_time[pair]
    due = np.zeros((6, panel.pairs))
    np.add.at(
        due,
        (np.clip(arrival, 0, 5), pair),
        np.where((days["date"] < today) & (arrival > 0), days["order"], 0),
    )
    now = (days["date"] == today) & days["review"]
    who = pair[now]
    columns = {name: days[name][now] for name in ("sku", "warehouse", "on_hand", "order")}
    return columns | {f"due_{k}": due[k, who].astype(np.float32) for k in range(1, 6)} | {"pair": who}


def write(path: Path, columns: dict[str, Any], leave_out: tuple[str, ...] = ("order", "pair")) -> Path:
    table = pa.table({name: column for name, column in columns.items() if name not in leave_out})
    (csv.write_csv if path.suffix == ".csv" else parquet.write_table)(table, path)
    return path


def read(path: Path) -> dict[str, np.ndarray]:
    table = csv.read_csv(path) if path.suffix == ".csv" else parquet.read_table(path)
    return {name: table.column(name).to_numpy(zero_copy_only=False) for name in table.column_names}
