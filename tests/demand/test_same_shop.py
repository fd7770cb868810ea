"""One shop, written in many ways: no number of a pair may change."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from builders import held, make_config
from pyarrow import csv, parquet

from invrl.demand.describe import describe
from invrl.experiment import Experiment
from invrl.metrics import prices
from invrl.scoring import results
from invrl.sources.contract import source_panel

DAYS, SKUS = 80, ("S1", "S2", "S3", "T1", "T2")
WORDS = (
    "data.source=file", "data.ahead=promo", "data.static=city,margin", "supply.lead_time=1-4",
    "supply.review_period=2", "supply.first_review=spread", "split.validation_days=14", "split.test_days=14",
    "split.warmup_days=7", "features.groups=recent,forecast,calendar,today,coming,supply,static",
    "evaluation.bootstrap=20", "evaluation.weights=sales", "baseline.forecast=mean",
    "baseline.distribution=normal",
)  # fmt: skip
HELD = ("features", "regressors", "demand", "demand_rate", "initial", "max_order", "max_position",
        "scale", "spread", "lead_time", "active", "weight")  # fmt: skip
Rows = dict[str, np.ndarray]


def shop(seed: int) -> Rows:
    """Columns of a long file: five SKUs in two warehouses, some of them lumpy, one listed late."""
    rng = np.random.default_rng(seed)
    pairs = [(sku, warehouse) for sku in SKUS for warehouse in ("north", "south")]
    mean, seen = rng.lognormal(1, 1, len(pairs)), rng.uniform(0.3, 1, len(pairs))
    demand = rng.poisson(mean, (DAYS, len(pairs))) * (rng.random((DAYS, len(pairs))) < seen)
    demand[:30, 3] = 0
    number = np.repeat(np.arange(len(pairs)), DAYS)
    names = np.array(pairs)[number]
    margin = rng.integers(1, 9, len(pairs)) / 4
    return {
        "date": np.tile(np.datetime64("2024-01-01") + np.arange(DAYS), len(pairs)),
        "sku": names[:, 0],
        "warehouse": names[:, 1],
        "demand": demand.T.ravel().astype(np.float32),
        "promo": (rng.random(len(number)) < 0.2).astype(np.float32),
        "city": np.array(["Ulm", "Bonn", "Kiel"])[number % 3],
        "margin": margin[number].astype(np.float32),
    }


def taken(rows: Rows, order: np.ndarray) -> Rows:
    return {name: column[order] for name, column in rows.items()}


def shuffled(rows: Rows) -> Rows:
    return taken(rows, np.random.default_rng(8).permutation(len(rows["sku"])))


def pairs_turned(rows: Rows) -> Rows:
    """The last pair first, each in its days' order: a file whose order is kept."""
    return taken(rows, np.arange(len(rows["sku"])).reshape(-1, DAYS)[::-1].ravel())


def columns_turned(rows: Rows) -> Rows:
    return dict(reversed(rows.items()))


def renamed(rows: Rows, name: Callable[[str], str]) -> Rows:
    return {**rows, "sku": np.array([name(sku) for sku in rows["sku"].tolist()])}


def with_dead(rows: Rows) -> Rows:
    """A pair more, behind the others by name, that nobody buys."""
    dead = {name: column[:DAYS] for name, column in rows.items()}
    dead |= {"sku": np.full(DAYS, "Z9"), "warehouse": np.full(DAYS, "south"), "demand": np.zeros(DAYS, "f")}
    return {name: np.concatenate([column, dead[name]]) for name, column in rows.items()}


def write(rows: Rows, path: Path, **options: Any) -> Path:
    table = pa.table({name: pa.array(column.tolist()) for name, column in rows.items()})
    if path.suffix == ".parquet":
        parquet.write_table(table, path)
    else:
        csv.write_csv(table, path, csv.WriteOptions(**options))
    return path


def in_parts(rows: Rows, folder: Path, suffix: str, part: np.ndarray) -> Path:
    """A folder of files, one for each number of `part` [rows]."""
    folder.mkdir()
    for number in np.unique(part):
        write(taken(rows, np.flatnonzero(part == number)), folder / f"part-{number}{suffix}")
    return folder


def by_month(rows: Rows) -> np.ndarray:
    return rows["date"].astype("datetime64[M]").astype(int)


def gzipped(rows: Rows, folder: Path) -> Path:
    plain = write(rows, folder / "plain.csv")
    path = folder / "shop.csv.gz"
    path.write_bytes(gzip.compress(plain.read_bytes()))
    return path


WAYS: dict[str, Callable[[Rows, Path], Path]] = {
    "Parquet": lambda rows, place: write(rows, place / "f.parquet"),
    "semicolons": lambda rows, place: write(rows, place / "f.csv", delimiter=";"),
    "gzip": gzipped,
    "rows": lambda rows, place: write(shuffled(rows), place / "f.csv"),
    "pairs": lambda rows, place: write(pairs_turned(rows), place / "f.csv"),
    "columns": lambda rows, place: write(columns_turned(rows), place / "f.csv"),
    "a folder": lambda rows, place: in_parts(rows, place / "f", ".csv", by_month(rows)),
    "a pattern": lambda rows, place: in_parts(rows, place / "f", ".csv", by_month(rows)) / "part-*.csv",
    "Parquet parts": lambda rows, place: in_parts(
        shuffled(rows), place / "f", ".parquet", np.arange(len(rows["sku"])) % 7
    ),
    "a dead pair": lambda rows, place: write(with_dead(rows), place / "f.csv"),
    "names in order": lambda rows, place: write(renamed(rows, "id-{}".format), place / "f.csv"),
}
NEW_NAMES = {"names in order": lambda key: (f"id-{key[0]}", key[1])}


def experiment_of(path: Path, *words: str) -> Experiment:
    config = make_config(*WORDS, f"data.path={path}", *words)
    return Experiment(config, source_panel(config.data))


def by_pair(experiment: Experiment) -> dict[tuple[str, str], dict[str, np.ndarray]]:
    """Pair -> all that a policy sees of it, and its weight, in each part."""
    panel = experiment.panel
    keys = list(zip(panel.sku.tolist(), panel.warehouse.tolist(), strict=True))
    found: dict[tuple[str, str], dict[str, np.ndarray]] = {key: {} for key in keys}
    for part in ("train", "validation", "test"):
        pairs = experiment.parts[part].pairs
        for name in HELD:
            values = held(experiment, part, name)
            values = values / values.sum() if name == "weight" else values  # its mean over pairs is 1
            for place, pair in enumerate(pairs):
                found[keys[pair]][f"{part} {name}"] = values[place]
    return found


def same(one: dict, other: dict, named: Callable = lambda key: key) -> None:
    for key, values in one.items():
        for name, value in values.items():
            np.testing.assert_allclose(
                other[named(key)][name], value, rtol=1e-5, atol=1e-6, err_msg=f"{key} {name}"
            )


@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize("way", WAYS)
def test_what_policies_see_is_the_same(tmp_path, way, seed):
    rows = shop(seed)
    one = experiment_of(write(rows, tmp_path / "base.csv"))
    other = experiment_of(WAYS[way](rows, tmp_path))
    same(by_pair(one), by_pair(other), NEW_NAMES.get(way, lambda key: key))


def test_names_that_sort_otherwise(tmp_path):
    """With no draw by name (a lead time for all), any names will do."""
    rows, fixed = shop(2), ("supply.lead_time=3", "supply.first_review=0")
    other_name = {sku: f"{9 - k}x" for k, sku in enumerate(SKUS)}
    turned = shuffled(renamed(rows, other_name.__getitem__))
    one = experiment_of(write(rows, tmp_path / "base.csv"), *fixed)
    other = experiment_of(write(turned, tmp_path / "other.csv"), *fixed)
    same(by_pair(one), by_pair(other), lambda key: (other_name[key[0]], key[1]))


@pytest.mark.parametrize("words", [("split.by=pairs",), ("split.by=both", "split.test_days=14")])
def test_pairs_are_drawn_by_name_not_by_row(tmp_path, words):
    rows, sizes = shop(3), ("split.train_pairs=5", "split.validation_pairs=3", "split.test_pairs=2")
    sizes = sizes if "split.by=pairs" in words else sizes[:2]
    one = experiment_of(write(rows, tmp_path / "base.csv"), *words, *sizes)
    other = experiment_of(write(pairs_turned(rows), tmp_path / "other.csv"), *words, *sizes)
    for part in ("train", "validation", "test"):
        drawn = [sorted(e.panel.names[e.parts[part].pairs].tolist()) for e in (one, other)]
        assert drawn[0] == drawn[1]
    some = [
        source_panel(make_config(*WORDS, f"data.path={path}", "data.options.pairs=4").data).names
        for path in (tmp_path / "base.csv", tmp_path / "other.csv")
    ]
    assert sorted(some[0]) == sorted(some[1])


@pytest.mark.parametrize("way", ["Parquet", "rows", "columns", "a folder", "Parquet parts"])
def test_a_description_is_the_same(tmp_path, way):
    rows = shop(4)
    found = [
        describe(source_panel(make_config(*WORDS, f"data.path={path}").data), 50)
        for path in (write(rows, tmp_path / "base.csv"), WAYS[way](rows, tmp_path))
    ]
    assert json.dumps(found[0], default=str) == json.dumps(found[1], default=str)


def test_an_incumbent_does_the_same(tmp_path):
    """All ways at once: other rows, columns, names in order, files and format, and a dead pair."""
    rows = shop(5)
    turned = columns_turned(shuffled(renamed(with_dead(rows), "id-{}".format)))
    path = in_parts(turned, tmp_path / "f", ".parquet", np.arange(len(turned["sku"])) % 5)
    found = []
    for experiment in (experiment_of(write(rows, tmp_path / "base.csv")), experiment_of(path)):
        numbers = results.fit_baseline(experiment, "capped_base_stock", prices(experiment.config.objective))
        scores = results.score_baseline(experiment, "capped_base_stock", numbers, ("test",))["test"]
        names = experiment.panel.names[experiment.parts["test"].pairs].tolist()
        found.append(
            {name.removeprefix("id-"): {m: x[k] for m, x in scores.items()} for k, name in enumerate(names)}
        )
    same(*found)
