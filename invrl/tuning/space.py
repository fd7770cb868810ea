"""Where a search looks: one line per key, and samplers that need nothing but a trial's number.

    ds.learning_rate = "log 4e-4 1e-1"      log-uniform
    ppo.gamma = "uniform 0.9 1"             uniform
    network.hidden = "choice 32,32 64,64"   one of these words, each read like `key=value`

Spaces stand beside each algorithm (`SPACE`); a config's `[search]` table and `--space` replace lines.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from invrl.config import reading
from invrl.config.sections import known_keys
from invrl.errors import InvrlError, nearest

KINDS = ("log", "uniform", "choice")
EXAMPLE = 'such as "log 1e-4 1e-2", "uniform 0.9 1" or "choice 64 128"'


class Dimension(NamedTuple):
    """One key of the config and its values."""

    key: str
    kind: str
    values: tuple[Any, ...]
    """Low and high, or the choices."""

    def at(self, share: float) -> Any:
        """The value at a share of the range, 0 <= share < 1."""
        if self.kind == "choice":
            return self.values[int(share * len(self.values))]
        low, high = self.values
        if self.kind == "log":
            return float(f"{math.exp(math.log(low) + share * math.log(high / low)):.6g}")
        return float(f"{low + share * (high - low):.6g}")

    def __str__(self) -> str:
        words = (",".join(map(str, v)) if isinstance(v, list) else str(v) for v in self.values)
        return " ".join([self.kind, *words])


def parse(key: str, text: Any) -> Dimension:
    """A dimension from its line.

    Raises:
        InvrlError: naming the key and what is wrong.
    """
    kind, *words = str(text).split()
    known = known_keys()
    if key not in known:
        raise InvrlError(f"search space: no key `{key}`", hint=nearest(key, known))
    if kind not in KINDS or not words:
        raise InvrlError(f"search space: {key} = `{text}` is no range", hint=EXAMPLE)
    if kind == "choice":
        return Dimension(key, kind, tuple(_choice(word) for word in words))
    try:
        low, high = map(float, words)
    except ValueError:
        raise InvrlError(f"search space: {key} = `{text}` wants two numbers", hint=EXAMPLE) from None
    if not low < high or (kind == "log" and low <= 0):
        raise InvrlError(f"search space: {key} = `{text}` is empty", hint=EXAMPLE)
    return Dimension(key, kind, (low, high))


def _choice(word: str) -> Any:
    if "," in word:
        return [_choice(part) for part in word.split(",") if part]
    return reading.parse_override(f"x={word}")[1]


def space_of(*tables: Mapping[str, Any] | Iterable[str]) -> tuple[Dimension, ...]:
    """Dimensions from lines, later tables first; an empty line drops the key.

    Args:
        tables: `{key: line}`, or words `key=line`.
    """
    lines: dict[str, Any] = {}
    for table in tables:
        pairs = table.items() if isinstance(table, Mapping) else (_word(word) for word in table)
        lines |= dict(pairs)
    found = tuple(parse(key, line) for key, line in lines.items() if str(line).strip())
    if not found:
        raise InvrlError("the search space is empty", hint=f"--space KEY=LINE, {EXAMPLE}")
    return found


def _word(word: str) -> tuple[str, str]:
    key, sign, line = word.partition("=")
    if not sign:
        raise InvrlError(f"--space `{word}` is not KEY=LINE", hint=EXAMPLE)
    return key, line


# ---- samplers ------------------------------------------------------------------------------

History = list[tuple[dict[str, Any], float]]
"""Values and score of the trials that a sampler may know."""


def random(space: tuple[Dimension, ...], trial: int, seed: int, known: History) -> dict[str, Any]:
    """Independent draws."""
    shares = np.random.default_rng([seed, trial]).random(len(space))
    return {d.key: d.at(float(u)) for d, u in zip(space, shares, strict=True)}


def quasi(space: tuple[Dimension, ...], trial: int, seed: int, known: History) -> dict[str, Any]:
    """A scrambled Sobol sequence: few trials cover the space more evenly (Bergstra & Bengio 2012)."""
    from scipy.stats import qmc

    sequence = qmc.Sobol(len(space), scramble=True, seed=seed)
    if trial:  # scipy's cannot go forward by none
        sequence.fast_forward(trial)
    return {d.key: d.at(min(float(u), 1 - 1e-9)) for d, u in zip(space, sequence.random(1)[0], strict=True)}


def grid(space: tuple[Dimension, ...], trial: int, seed: int, known: History) -> dict[str, Any]:
    """All combinations of choices, the last key fastest."""
    ranges = [d.key for d in space if d.kind != "choice"]
    if ranges:
        raise InvrlError(f"sampler grid wants choices, not the range of {ranges[0]}", hint=EXAMPLE)
    points = list(itertools.product(*(d.values for d in space)))
    return dict(zip((d.key for d in space), points[trial % len(points)], strict=True))


def fixed(space: tuple[Dimension, ...], trial: int, seed: int, known: History) -> dict[str, Any]:
    """The config as it is: one configuration, its seeds side by side in one program."""
    return {}


def tpe(space: tuple[Dimension, ...], trial: int, seed: int, known: History) -> dict[str, Any]:
    """The tree-structured Parzen estimator (Bergstra et al. 2011), by Optuna."""
    try:
        import optuna
    except ImportError:
        raise InvrlError("sampler tpe needs Optuna", hint="pip install 'invrl[tune]'") from None
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    flat = {d.key: _distribution(optuna, d) for d in space}
    sampler = optuna.samplers.TPESampler(seed=seed * 100_003 + trial, n_startup_trials=BATCH)
    study = optuna.create_study(sampler=sampler)
    for values, score in known:
        told = {d.key: _told(d, values[d.key]) for d in space}
        finished = score if math.isfinite(score) else 1e30
        study.add_trial(optuna.trial.create_trial(params=told, distributions=flat, value=finished))
    params = study.ask(flat).params
    return {d.key: d.values[params[d.key]] if d.kind == "choice" else params[d.key] for d in space}


def _distribution(optuna: Any, d: Dimension) -> Any:
    if d.kind == "choice":
        return optuna.distributions.CategoricalDistribution(list(range(len(d.values))))
    return optuna.distributions.FloatDistribution(*d.values, log=d.kind == "log")


def _told(d: Dimension, value: Any) -> Any:
    return d.values.index(value) if d.kind == "choice" else value


BATCH = 10
"""Trials that an adaptive sampler proposes at once; it knows only those of the batches before, so
that a study comes out the same however its runs are scheduled."""

SAMPLERS = {"random": random, "quasi": quasi, "grid": grid, "fixed": fixed, "tpe": tpe}
ADAPTIVE = ("tpe",)


def most(sampler: str, space: tuple[Dimension, ...]) -> float:
    """Different trials that a sampler has."""
    if sampler == "grid":
        return math.prod(len(d.values) for d in space)
    return 1 if sampler == "fixed" else math.inf
