"""A pilot inside the inventory simulator: both policies on the same demand, so the effect is known.

Pairs do not influence each other in the simulator. So every pair is run once under the old
policy for all days, and once per wave under the new one from that wave's start on; a pilot is
then a draw of pairs and a draw of who is treated, put together from those runs.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from invrl import registry
from invrl.config.schema import Features, Split, Supply
from invrl.demand.episodes import Dataset, Group, make_dataset
from invrl.demand.splits import Part
from invrl.devices import placement
from invrl.errors import InvrlError
from invrl.experiment import Experiment
from invrl.metrics import prices, settled
from invrl.pilot.contrast import ALL_DAYS
from invrl.pilot.simulation import Design, MakeTrial, Trial, check_design, draw_starts, wave_starts
from invrl.pilot.table import dense_table
from invrl.runs.directory import Run
from invrl.scoring import results
from invrl.scoring.rules import Rule, classical, own_blocks
from invrl.simulator import Action, rollout
from invrl.training import session


class Policy(NamedTuple):
    """A policy ready to run: its rule, its parameters, its own numbers [k, N] over the panel or None."""

    rule: Rule
    shared: Any
    own: np.ndarray | None
    sees: Features


WARMUP = 28
"""Days run under the old policy before the first day of the table."""


def panel_words(design: Design, seed: int) -> list[str]:
    """Config words for a generated panel that a pilot fits into, with ten times its pairs."""
    days = Split().history_days + WARMUP + design.before + design.after
    options = {"pairs": 10 * design.pairs, "days": days, "seed": seed}
    return [f"data.options.{name}={value}" for name, value in options.items()]


def incumbent(experiment: Experiment, shift: float = 0.0) -> Policy:
    """The incumbent tuned on the training days, its safety factor moved by `shift`."""
    numbers = results.fit_baseline(experiment, "incumbent", prices(experiment.config.objective))
    rule = classical(registry.get("baseline", "incumbent"), experiment.config)
    numbers = np.concatenate([numbers[:1] + np.float32(shift), numbers[1:]])
    return Policy(rule, None, numbers, experiment.incumbents.features)


def trained(run: Run, experiment: Experiment) -> Policy:
    """A finished run's policy; the experiment has the run's config."""
    return Policy(*session.restore(run, experiment), experiment.features)


class Days(NamedTuple):
    """What happened to N pairs on T days."""

    inventory: np.ndarray  # [T, N] units at the end of the day
    sales: np.ndarray  # [T, N] units


def rehearsal(
    experiment: Experiment, old: Policy, new: Policy, design: Design, warmup: int = WARMUP
) -> MakeTrial:
    """The trial maker of a pilot on the last days of the experiment's panel.

    Each trial draws `design.pairs` pairs of the panel and who of them is treated. Its truth is the
    mean over the treated of their outcome from their start on under the new policy, minus that
    of the same pairs on the same days with the same demand under the old one.

    Args:
        warmup: days run under the old policy before the first day of the table.

    Raises:
        InvrlError: the panel has too few pairs or days.
    """
    check_design(design)
    days, panel = design.before + design.after, experiment.panel
    _check_size(experiment, design, warmup)
    part = Part(np.arange(panel.pairs), panel.days - days - warmup, panel.days - days, panel.days)
    seen = [
        make_dataset(
            panel, part, experiment.scale("test"), experiment.normaliser,
            experiment.config.supply, policy.sees, experiment.weight, seen=experiment.seen("test"),
        )
        for policy in (old, new)
    ]  # fmt: skip
    dataset = seen[0]
    run = _runner(experiment.config.supply, old, new)
    never, *switched = (
        _dense(experiment, dataset, part, run(seen, _switches(experiment, dataset, part, start)))
        for start in (days, *wave_starts(design))
    )
    gain = [
        {k: v - _outcomes(never, start)[k] for k, v in _outcomes(path, start).items()}
        for path, start in zip(switched, wave_starts(design), strict=True)
    ]

    def make(rng: np.random.Generator) -> Trial:
        chosen = rng.choice(panel.pairs, design.pairs, replace=False)
        start = draw_starts(rng, design, never.inventory[: design.before, chosen] <= 0)
        inventory, sales = never.inventory[:, chosen], never.sales[:, chosen]
        truth: dict[str, list[np.ndarray]] = {"stockout": [], "turnover": []}
        for wave, first in enumerate(wave_starts(design)):
            mine = start == first
            inventory[:, mine] = switched[wave].inventory[:, chosen[mine]]
            sales[:, mine] = switched[wave].sales[:, chosen[mine]]
            for outcome, values in gain[wave].items():
                truth[outcome].append(values[chosen[mine]])
        table = dense_table(start, inventory <= 0, inventory, sales)
        return Trial(table, {k: float(np.concatenate(v).mean()) for k, v in truth.items()})

    return make


def _check_size(experiment: Experiment, design: Design, warmup: int) -> None:
    panel, history = experiment.panel, experiment.config.split.history_days
    needed = history + warmup + design.before + design.after
    if panel.days < needed:
        raise InvrlError(
            f"the panel has {panel.days} days, the pilot needs {needed}: {history} of history, "
            f"{warmup} to settle, {design.before} before and {design.after} after the start",
            hint="shorten --before or --after, or bring a longer panel",
        )
    if panel.pairs < design.pairs:
        hint = f"--pairs {panel.pairs} or fewer"
        raise InvrlError(f"the panel has {panel.pairs} pairs, the pilot wants {design.pairs}", hint=hint)


def _runner(supply: Supply, old: Policy, new: Policy) -> Any:
    """A function (the data as each policy sees them, switches) -> per group ([blocks, C, P, B] inventory,
    sales)."""

    @partial(jax.jit, static_argnums=3)
    def run(shared: Any, episodes: Any, given: Any, devices: int) -> Any:
        def block(shared: Any, given: Any) -> Any:
            episodes, mine, switched = given
            episode = episodes[0]
            views = [p.rule.prepare(e).features for p, e in zip((old, new), episodes, strict=True)]

            def act(seen: Any, given: Any) -> Action:
                switched, views = given
                orders = [
                    policy.rule.act(params, own, seen._replace(features=view)).order
                    for policy, params, own, view in zip((old, new), shared, mine, views, strict=True)
                ]
                order = jnp.where(switched, orders[1], orders[0])
                return Action(order, order[None])

            def record(seen: Any, action: Any, days: Any) -> Any:
                return jnp.maximum(settled(days, seen.scale).inventory, 0.0), days.sales

            tally = lambda day: ()
            inputs = switched, views
            return rollout(act, episode, tally, unmet=supply.unmet, inputs=inputs, record=record)[1]

        return placement.map_blocks(block, shared, (episodes, *given), devices)

    def everywhere(seen: list[Dataset], switches: list[np.ndarray]) -> list[Any]:
        found = []
        for group, other, switched in zip(seen[0].groups, seen[1].groups, switches, strict=True):
            shared = placement.replicate((old.shared, new.shared), group.devices)
            mine = tuple(own_blocks(group, policy.own) for policy in (old, new))
            given = mine, placement.put(switched, group.devices)
            found.append(jax.device_get(run(shared, (group.episode, other.episode), given, group.devices)))
        return found

    return everywhere


def _first_days(experiment: Experiment, group: Group, part: Part) -> np.ndarray:
    """[blocks, B] day of the panel on which each pair's first cycle begins."""
    assert experiment.panel.first_review is not None  # with_supply
    review = experiment.panel.first_review[np.maximum(group.index, 0)]
    return part.start - (part.start - review) % group.episode.review_period


def _switches(experiment: Experiment, dataset: Dataset, part: Part, start: int) -> list[np.ndarray]:
    """Per group [blocks, C, B] bool: the review is on or after day `start` of the measured days."""
    found = []
    for group in dataset.groups:
        cycles, period = group.episode.demand.shape[1:3]
        review = _first_days(experiment, group, part)[:, None] + period * np.arange(cycles)[:, None]
        found.append(review >= part.measure + start)
    return found


def _dense(experiment: Experiment, dataset: Dataset, part: Part, found: list[Any]) -> Days:
    """Results by group as days x pairs, the measured days only."""
    days = np.arange(part.measure, part.stop)
    out = Days(*(np.empty((days.size, dataset.pairs.size)) for _ in Days._fields))
    for group, arrays in zip(dataset.groups, found, strict=True):
        real = group.index >= 0
        at = days[:, None] - _first_days(experiment, group, part)[real]  # [T, N']
        for whole, array in zip(out, arrays, strict=True):
            long = np.moveaxis(array, 3, 1)[real].reshape(at.shape[1], -1)  # [N', C * P]
            whole[:, group.index[real]] = np.take_along_axis(long, at.T, axis=1).T
    return out


def _outcomes(path: Days, start: int) -> dict[str, np.ndarray]:
    """Both outcomes [N] over the days from `start` on, as `contrast.daily` defines them."""
    stock, sales = path.inventory[start:].mean(0), path.sales[start:].mean(0)
    rate = np.maximum(sales, stock / ALL_DAYS.cap)
    turnover = stock / np.where(rate > 0, rate, 1.0)
    return {"stockout": 100.0 * (path.inventory[start:] <= 0).mean(0), "turnover": turnover}
