"""One training session: from a config to a finished run directory, new or resumed."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import numpy as np

from invrl import registry
from invrl.config import reading
from invrl.config.limits import check_names
from invrl.config.schema import Config, Data
from invrl.demand.features import Normaliser
from invrl.demand.splits import PARTS
from invrl.devices import placement
from invrl.errors import InvrlError
from invrl.experiment import Experiment
from invrl.metrics import Prices, prices, repriced
from invrl.runs import checkpoints, directory
from invrl.runs.arrays import read_arrays
from invrl.runs.directory import Run
from invrl.runs.writing import only_writer
from invrl.scoring import results
from invrl.scoring.intervals import weighted_means
from invrl.scoring.objectives import priced_for, tree
from invrl.scoring.rules import Rule, classical, learned
from invrl.sources.contract import source_panel
from invrl.training import trainer
from invrl.training.trainer import Loop

Watch = Callable[[Loop, dict[str, float]], None]
"""Called after every chunk, for progress."""


def load_experiment(config: Config, normaliser: Normaliser | None = None) -> Experiment:
    """The config's panel and everything made of it."""
    _check(config)
    config = replace(config, data=anywhere(config.data))
    return Experiment(config, source_panel(config.data), normaliser)


def anywhere(data: Data) -> Data:
    """The data section with paths that hold in every folder: the run may be evaluated from another."""

    def absolute(path: str) -> str:
        return os.path.abspath(os.path.expanduser(path))

    path = absolute(data.path) if data.path else data.path
    return replace(data, path=path, forecasts=tuple(map(absolute, data.forecasts)))


def experiment_of(run: Run) -> Experiment:
    """A finished run's experiment, on the data that it saw.

    Raises:
        InvrlError: the data changed since.
    """
    experiment = load_experiment(run.config, load_normaliser(run))
    if experiment.panel.fingerprint() != run.needed("results.json")["data_fingerprint"]:
        raise InvrlError(f"the data of {run.name} changed since it ended", hint="train again on the new data")
    return experiment


def retuned(run: Run, experiment: Experiment, name: str) -> np.ndarray:
    """[k, N] an incumbent's numbers, tuned again as a finished run tuned them beside its policy."""
    price = prices(run.config.objective)._replace(stockout=run.needed("results.json")["stockout_price"])
    return results.fit_baseline(experiment, name, price)


def _check(config: Config) -> None:
    check_names(config)
    if config.baseline.per_pair and config.split.by != "days":
        raise InvrlError(
            f"baseline.per_pair tunes on the pair's own training days, and with split.by={config.split.by} "
            "other pairs train than test",
            hint="baseline.per_pair=false, or split.by=days",
        )


def begin(experiment: Experiment, out: Path, name: str) -> Run:
    """A new run directory for the experiment."""
    config = experiment.config
    fingerprint = experiment.panel.fingerprint()
    manifest = directory.manifest(fingerprint, placement.describe(), config.seed)
    manifest["forecasts"] = list(experiment.panel.forecasts)
    manifest["pieces"] = {name: experiment.pieces(name) for name in PARTS}
    run = directory.create(out, name, config, manifest)
    with directory.nothing_left(run.path):
        checkpoints.save(run.normaliser, experiment.normaliser)
    return run


def train(experiment: Experiment, run: Run, watch: Watch, loop: Loop | None = None) -> dict[str, Any]:
    """Train, save after every chunk, score, and write `results.json`; returns its content.

    Args:
        loop: a checkpoint's, to go on from there; None starts anew.
    """
    with only_writer(run.path):
        return _train(experiment, run, watch, loop)


def _train(experiment: Experiment, run: Run, watch: Watch, loop: Loop | None) -> dict[str, Any]:
    began = time.perf_counter()
    if experiment.config.algo in registry.BASELINES:
        return _finish_baseline(experiment, run)

    def report(loop: Loop, metrics: dict[str, float]) -> None:
        run.log(metrics)
        if int(loop.best_update) == int(loop.update):  # before `last`, which a kill between the two repeats
            checkpoints.save(run.best, loop.best)
        checkpoints.save(run.last, loop)
        watch(loop, metrics)

    loop = trainer.train(experiment, loop or trainer.start(experiment), report)
    content = score_learned(experiment, run, loop)
    seconds = {"wall": time.perf_counter() - began, "compile": _compile_seconds(run)}
    run.write("manifest.json", run.read("manifest.json") | {"seconds": seconds})
    return content


def resume(run: Run, config: Config, watch: Watch) -> dict[str, Any]:
    """Go on with a run that was interrupted, or lengthen one that ended.

    Raises:
        InvrlError: another key than those of `RESUMABLE` changed, or the data changed.
    """
    experiment = load_experiment(config, load_normaliser(run))
    _refuse_finished(run, experiment)
    known = run.needed("manifest.json")["data_fingerprint"]
    if experiment.panel.fingerprint() != known:
        raise InvrlError(f"the data of {run.name} changed since it began", hint="train a new run on it")
    with only_writer(run.path):
        loop = checkpoints.load(run.last, trainer.start(experiment)) if run.last.exists() else None
        run.forget_after(int(loop.update) if loop else 0)
        run.lengthen(config)
        return _train(experiment, run, watch, loop)


def _refuse_finished(run: Run, experiment: Experiment) -> None:
    config = experiment.config
    if directory.status(run) != "done" or config.algo in registry.BASELINES:
        return
    loop = checkpoints.load(run.last, trainer.start(experiment))
    if trainer.finished(loop, config.train):
        raise InvrlError(f"{run.name} is done", hint="lengthen it: `invrl resume RUN train.updates=+500`")


RESUMABLE = ("train.updates", "train.patience", "train.min_improvement", "evaluation.bootstrap")
"""Keys that may change when a run goes on; all others define what the run is."""


def resumed_config(run: Run, overrides: list[str]) -> Config:
    """The run's config with the few keys changed that may change.

    `train.updates=+500` adds to the updates already done.
    """
    tree = reading.to_tree(run.config)
    for word in overrides:
        key, value = reading.parse_override(word)
        if key not in RESUMABLE:
            raise InvrlError(
                f"`{key}` defines the run and cannot change when it goes on",
                hint=f"train a new run, or change only {', '.join(RESUMABLE)}",
            )
        section, name = key.split(".")
        more = word.partition("=")[2].startswith("+")
        tree[section][name] = tree[section][name] + value if more else value
    return reading.build(tree)


def load_normaliser(run: Run) -> Normaliser | None:
    if not run.normaliser.exists():
        return None
    return Normaliser(**{name.lstrip("."): array for name, array in read_arrays(run.normaliser).items()})


def score_learned(experiment: Experiment, run: Run, loop: Loop) -> dict[str, Any]:
    """Score the best parameters beside the incumbents and write `results.json`."""
    config = experiment.config
    scores = results.score_policy(experiment, learned(experiment.policy), loop.best, ("validation", "test"))
    main = f"{config.algo}/{config.reg}"
    head = {"best_update": int(loop.best_update), "updates": int(loop.update)}
    return _write_results(experiment, run, main, scores, loop.prices, head)


def _finish_baseline(experiment: Experiment, run: Run) -> dict[str, Any]:
    price = prices(experiment.config.objective)
    name = experiment.config.algo
    numbers = results.fit_baseline(experiment, name, price)
    checkpoints.save(run.best, numbers)
    scores = results.score_baseline(experiment, name, numbers, ("validation", "test"))
    return _write_results(experiment, run, name, scores, price, {})


def _write_results(
    experiment: Experiment, run: Run, main: str, scores: dict, price: Prices, head: dict[str, Any]
) -> dict[str, Any]:
    config = experiment.config
    policies: dict[str, dict[str, results.Measures]] = {s: {main: values} for s, values in scores.items()}
    objective = priced_for(config, float(price.stockout))
    equal: dict[str, results.Measures] = {}
    tuned: dict[str, np.ndarray] = {}
    rate = weighted_means(scores["test"], experiment.weight_of("test"))["stockout_rate"]
    for name in config.baseline.beside:
        if name == main:
            continue
        numbers = tuned[name] = results.fit_baseline(experiment, name, price)
        for split, found in results.score_baseline(experiment, name, numbers, tuple(scores)).items():
            policies[split][name] = found
        if main not in registry.BASELINES and registry.get("baseline", name).has_safety_factor:
            matched = results.at_equal_stockout(experiment, name, numbers, "test", rate)
            equal |= {} if matched is None else {name: matched}
    for split, scored in policies.items():
        scale = experiment.scale(split)[0][experiment.parts[split].pairs]
        policies[split] = {name: repriced(values, scale, objective) for name, values in scored.items()}
    content = {
        "schema": directory.SCHEMA, "run": run.name, "step": experiment.panel.step, "algo": config.algo,
        "reg": None if config.algo in registry.BASELINES else config.reg,
        "seed": config.seed, "data_fingerprint": experiment.panel.fingerprint(), "policy": main,
        "stockout_price": float(price.stockout), "objective": tree(objective), **head,
        "strongest": results.strongest(experiment, policies["validation"]),
        **_outlook(experiment, price),
        "splits": {s: results.summarise(experiment, s, values, main) for s, values in policies.items()},
    }  # fmt: skip
    content["splits"]["test"]["equal_stockout"] = results.summarise(
        experiment, "test", {main: scores["test"], **equal}, main
    )["differences"]
    checkpoints.save(run.beside, tuned)
    for split, scored in policies.items():
        run.save_pairs(split, results.pair_arrays(experiment, split, scored))
    run.write("results.json", content)
    return content


def _outlook(experiment: Experiment, price: Prices) -> dict[str, str]:
    """By what forecast and distribution the incumbents order, if any was asked."""
    outlook = experiment.outlooks.get(tuple(map(float, price)))
    return outlook._asdict() if outlook else {}


def _compile_seconds(run: Run) -> float:
    """What the first chunk took beyond the typical one."""
    chunks = [record["train_seconds"] for record in run.metrics()]
    return chunks[0] - float(np.median(chunks)) if chunks else 0.0


def restore(run: Run, experiment: Experiment) -> tuple[Rule, Any, np.ndarray | None]:
    """(rule, shared parameters, own numbers [k, N] or None) of a finished run's policy."""
    config = experiment.config
    _check_own(run, experiment)
    if config.algo in registry.BASELINES:
        baseline = registry.get("baseline", config.algo)
        numbers = checkpoints.load(run.best, checkpoints.shapes(run.best, np.zeros((baseline.size, 0))))
        return classical(baseline, config), None, over_panel(run, experiment, numbers)
    like = jax.eval_shape(experiment.policy.init, jax.random.key(0))
    return learned(experiment.policy), checkpoints.load(run.best, like), None


def own_forecasts(run: Run) -> tuple[str, ...]:
    """Names of the own forecasts that a run was trained with."""
    return tuple(run.read("manifest.json").get("forecasts", ()))


def _check_own(run: Run, experiment: Experiment) -> None:
    """Refuse data whose own forecasts are not those that the run was trained with."""
    wanted, given = own_forecasts(run), tuple(experiment.panel.forecasts)
    if wanted != given:
        one, other = (", ".join(names) or "none" for names in (wanted, given))
        hint = "give its own, in its order: data.forecasts, data.forecast_models"
        raise InvrlError(f"{run.name} was trained with the forecasts {one}, here are {other}", hint=hint)


def over_panel(run: Run, experiment: Experiment, numbers: np.ndarray) -> np.ndarray:
    """[k, N] an incumbent's numbers for the pairs of a panel, from those [k, M] of the run's own.

    Raises:
        InvrlError: they were tuned pair by pair, and this is another panel.
    """
    if (numbers == numbers[:, :1]).all():  # one policy for all pairs, whichever they are
        return np.repeat(numbers[:, :1], experiment.panel.pairs, axis=1)
    if not on_own_data(run, experiment):
        raise InvrlError(
            f"{run.name} is an incumbent tuned pair by pair, for the pairs of its own data alone",
            hint="train one with baseline.per_pair=false to evaluate it elsewhere",
        )
    return numbers


def on_own_data(run: Run, experiment: Experiment) -> bool:
    """Whether an experiment's panel is the one that the run was trained on."""
    return experiment.panel.fingerprint() == run.read("manifest.json").get("data_fingerprint")
