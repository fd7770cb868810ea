"""Which pairs and days train, validate and test."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from invrl.config.schema import Split
from invrl.errors import InvrlError

PARTS = ("train", "validation", "test")


class Part(NamedTuple):
    """Pairs and days of one part; the policy runs from `start`, measures count from `measure`."""

    pairs: np.ndarray  # [N'] indices into the panel
    start: int
    measure: int
    stop: int  # one past the last day
    judged: bool = True  # every pair must have a day to be measured on


def split(pairs: int, days: int, config: Split, ranked: np.ndarray | None = None) -> dict[str, Part]:
    """The three parts.

    Args:
        ranked: [pairs] int, the pairs by name, in whose order they are drawn; None for the panel's own.

    days   all pairs; train, then validation, then test days
    pairs  disjoint pairs; all days
    both   train and validation pairs on the training days, all pairs on the later test days

    Raises:
        InvrlError: the parts do not fit into the panel.
    """
    everyone = np.arange(pairs)
    if config.by == "days":
        train, validation, test = _lengths(
            "day", days, config.train_days, config.validation_days, config.test_days
        )
        judged = _later(everyone, train, validation, config)
        return _checked(
            Part(everyone, config.history_days, config.history_days, train),
            judged,
            _later(everyone, train + validation, test, config) if test else judged,
        )
    held_out = config.test_pairs if config.by == "pairs" else 0
    sizes = _lengths("pair", pairs, config.train_pairs, config.validation_pairs, held_out)
    order = everyone
    if config.shuffle:
        drawn = np.random.default_rng(config.seed).permutation(pairs)
        order = drawn if ranked is None else ranked[drawn]
    first, second, third = np.split(order[: sum(sizes)], np.cumsum(sizes)[:2])
    if config.by == "pairs":
        span = (config.history_days, config.history_days, days)
        return _checked(Part(first, *span), Part(second, *span), Part(third, *span))
    train, _, test = _lengths("day", days, config.train_days, 0, config.test_days)
    span = (config.history_days, config.history_days, train)
    known = np.concatenate([first, second])
    return _checked(Part(first, *span), Part(second, *span), _later(known, train, test, config))


def training_days(pairs: int, days: int, config: Split) -> int | None:
    """How many first days of a panel train; None where the panel is too small for the split."""
    try:
        return split(pairs, days, config)["train"].stop
    except InvrlError:
        return None


def _lengths(what: str, total: int, train: int, validation: int, test: int) -> tuple[int, int, int]:
    asked = {"train": train, "validation": validation, "test": test}
    train = train or total - validation - test
    if train < 1 or min(validation, test) < 0 or train + validation + test > total:
        words = " + ".join(f"{name} {size}" for name, size in asked.items() if size)
        lack = "" if asked["train"] else ", which leaves none to train on"
        half = max(2 * (validation + test), 1)  # the parts held out keep their ratio and take half the panel
        fits = {
            name: max(size * total // half, 1) for name, size in asked.items() if size and name != "train"
        }
        fits |= {"train": 0} if asked["train"] else {}  # the rest
        hint = " ".join(f"split.{name}_{what}s={size}" for name, size in fits.items())
        raise InvrlError(
            f"the panel has {total} {what}s, the split wants {words}{lack}", hint=f"such as {hint}"
        )
    return train, validation, test


def _later(pairs: np.ndarray, first: int, length: int, config: Split) -> Part:
    """A part of later days, run in before it is measured."""
    return Part(pairs, max(first - config.warmup_days, config.history_days), first, first + length)


def _checked(*parts: Part) -> dict[str, Part]:
    named = dict(zip(PARTS, parts, strict=True))
    for name, part in named.items():
        if part.stop <= part.measure or part.pairs.size == 0:
            raise InvrlError(
                f"impossible split: {name} has {part.pairs.size} pairs, days {part.measure} to {part.stop}",
                hint="every part needs pairs and days; see split.* and split.history_days",
            )
    return named
