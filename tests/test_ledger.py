"""The simulator, and everything from a panel to its measures, against the plain-Python ledger."""

from __future__ import annotations

import math
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
from builders import make_episode, make_experiment, make_panel, place_orders
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import Line, Pair, cost, counted, measured_days, simulate, stockout_rate, turnover_time

from invrl.demand.splits import Part
from invrl.scoring.rules import Rule, Simulate, make_simulate
from invrl.simulator import Action

DAYS, PAIRS, SLOTS = 12, 6, 4


@st.composite
def systems(draw: st.DrawFn) -> dict[str, Any]:
    """A random system of `PAIRS` pairs over `DAYS` days in cycles of 1, 2 or 3 days."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    period = draw(st.sampled_from([1, 2, 3]))
    cycles = DAYS // period
    lead_time = rng.integers(0, SLOTS, (cycles, PAIRS))
    if draw(st.booleans()):
        lead_time[:] = lead_time[0]
    return {
        "demand": rng.integers(0, 9, (cycles, period, PAIRS)) * (rng.random((cycles, period, PAIRS)) < 0.7),
        "lead_time": lead_time,
        "initial": rng.integers(0, 12, PAIRS),
        "orders": rng.integers(-3, 15, (cycles, PAIRS)),
        "max_order": rng.choice([4.0, 9.0, np.inf], PAIRS),
        "max_position": rng.choice([10.0, 25.0, np.inf], PAIRS),
        "first": rng.integers(0, 3, PAIRS),  # the first cycle that may order
        "unmet": draw(st.sampled_from(["lost", "backlog"])),
    }


def simulated(system: dict[str, Any]) -> Any:
    cycles = len(system["orders"])
    initial = np.zeros((SLOTS, PAIRS))
    initial[0] = system["initial"]
    episode = make_episode(
        system["demand"], system["lead_time"], initial,
        active=np.arange(cycles)[:, None] >= system["first"],
        max_order=np.float32(system["max_order"]), max_position=np.float32(system["max_position"]),
    )  # fmt: skip
    return place_orders(episode, system["orders"], system["unmet"])


def ledger(system: dict[str, Any], i: int) -> list[Any]:
    period = system["demand"].shape[1]
    pair = Pair(
        demand=system["demand"][:, :, i].ravel().tolist(),
        lead_time=np.repeat(system["lead_time"][:, i], period).tolist(),
        review_period=period,
        first_review=int(system["first"][i]) * period,
        start=0,
        stop=DAYS,
        initial=float(system["initial"][i]),
        unmet=system["unmet"],
        max_order=float(system["max_order"][i]),
        max_position=float(system["max_position"][i]),
    )
    return simulate(pair, lambda day, on_hand, due: float(system["orders"][day // period, i]))


@settings(max_examples=60)
@given(systems())
def test_equals_the_ledger_to_the_unit(system: dict[str, Any]) -> None:
    days = simulated(system)
    for i in range(PAIRS):
        lines = ledger(system, i)
        for name in days._fields:
            assert getattr(days, name)[:, i].tolist() == [getattr(line, name) for line in lines], (name, i)


@settings(max_examples=30)
@given(systems())
def test_units_are_conserved(system: dict[str, Any]) -> None:
    days = simulated(system)
    period = system["demand"].shape[1]
    due = np.repeat(system["lead_time"], period, 0) + np.arange(DAYS)[:, None]
    for day in range(DAYS):
        so_far = slice(0, day + 1)
        pipeline = np.where(due[so_far] > day, days.order[so_far], 0).sum(0)
        assert (
            system["initial"] + days.order[so_far].sum(0)
            == days.sales[so_far].sum(0) + days.inventory[day] + pipeline
        ).all()


@settings(max_examples=20)
@given(systems())
def test_lost_sales_never_go_below_zero(system: dict[str, Any]) -> None:
    days = simulated(system | {"unmet": "lost"})
    assert (days.inventory >= 0).all() and (days.unmet >= 0).all() and (days.sales >= 0).all()
    assert np.array_equal(days.sales + days.unmet, days.demand)


@settings(max_examples=10)
@given(systems(), st.permutations(range(PAIRS)))
def test_pairs_do_not_touch_each_other(system: dict[str, Any], order: list[int]) -> None:
    shuffled = {k: v[..., order] if isinstance(v, np.ndarray) else v for k, v in system.items()}
    for one, two in zip(simulated(system), simulated(shuffled), strict=True):
        assert np.array_equal(one[:, order], two)


# ---- from a panel to its measures -----------------------------------------------------------

PANEL_DAYS = 28
PERIODS = np.array([2, 2, 2, 3, 3, 3])
PHASES = np.array([0, 1, 0, 2, 0, 1])
"""Review days (mod the period) of the pairs; fixed, so that examples share what is compiled."""


@st.composite
def panels(draw: st.DrawFn) -> dict[str, Any]:
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    lead_time = rng.integers(0, SLOTS, (PANEL_DAYS, PAIRS))
    if draw(st.booleans()):
        lead_time[:] = lead_time[0]
    lead_time[0, ::3] = SLOTS - 1  # the longest is always there: one pipeline length
    return {
        "demand": rng.poisson(rng.gamma(2, 2, PAIRS), (PANEL_DAYS, PAIRS))
        * (rng.random((PANEL_DAYS, PAIRS)) < 0.8),
        "lead_time": lead_time,
        "first_review": PHASES + PERIODS * rng.choice([0, 0, 2], PAIRS),
        "initial": rng.integers(0, 20, PAIRS),
        "level": rng.integers(0, 40, PAIRS),
        "extra": rng.integers(0, 3, PAIRS),
        "part": draw(st.sampled_from(["train", "validation"])),
        "unmet": draw(st.sampled_from(["lost", "backlog"])),
    }


def share_of_the_gap(numbers: Any, seen: Any) -> Action:
    """Half of what is missing to a level, and a little more: an order that depends on the state.

    In whole units, and caps are sixteenths (means of 16 days): all sums are exact in float32.
    """
    level, extra = numbers
    order = jnp.floor(0.5 * (level - seen.position) + extra + 0.25 * seen.inventory[0])
    return Action(order, seen.position[None])


SIMULATE: dict[str, Simulate] = {}


def measured_by_package(drawn: dict[str, Any]) -> tuple[dict[str, np.ndarray], Part, np.ndarray]:
    """Measures, the part and the pairs' scale."""
    panel = make_panel(
        drawn["demand"], lead_time=drawn["lead_time"], review_period=PERIODS,
        first_review=drawn["first_review"], initial_stock=drawn["initial"].astype(np.float32),
    )  # fmt: skip
    experiment = make_experiment(
        panel, f"supply.unmet={drawn['unmet']}", "split.history_days=3",
        "split.warmup_days=3", "split.train_days=16", "split.validation_days=6", "split.test_days=6",
        "supply.max_order=3", "supply.max_position=6", "objective.kind=cost", "objective.per=unit",
        "features.groups=[]",
    )  # fmt: skip
    unmet = drawn["unmet"]
    if unmet not in SIMULATE:
        SIMULATE[unmet] = make_simulate(
            Rule(lambda _, own, seen: share_of_the_gap(own, seen)), experiment.config
        )
    dataset = experiment.dataset(drawn["part"])
    own = np.stack([drawn["level"], drawn["extra"]]).astype(np.float32)
    return SIMULATE[unmet](None, dataset, own), experiment.parts[drawn["part"]], dataset.scale


def ledger_of(drawn: dict[str, Any], part: Part, scale: float, i: int) -> list[Line]:
    """The measured days of one pair."""
    pair = Pair(
        demand=drawn["demand"][:, i].tolist(), lead_time=drawn["lead_time"][:, i].tolist(),
        review_period=int(PERIODS[i]), first_review=int(drawn["first_review"][i]),
        start=part.start, stop=part.stop, initial=float(drawn["initial"][i]), unmet=drawn["unmet"],
        max_order=3 * scale, max_position=6 * scale,
    )  # fmt: skip
    level, extra = float(drawn["level"][i]), float(drawn["extra"][i])
    policy = lambda day, on_hand, due: math.floor(
        0.5 * (level - on_hand - sum(due.values())) + extra + 0.25 * on_hand
    )
    return counted(simulate(pair, policy), measured_days(pair, part.measure))


@settings(max_examples=20)
@given(panels())
def test_measures_of_a_panel_equal_the_ledger(drawn: dict[str, Any]) -> None:
    measures, part, scale = measured_by_package(drawn)
    for i in range(PAIRS):
        lines = ledger_of(drawn, part, float(scale[i]), i)
        days = len(lines)
        assert days > 0
        placed = [line.order for line in lines if line.order > 0]
        expected = {
            "stockout_rate": stockout_rate(lines),
            "turnover_time": turnover_time(lines, 365.0),
            "cost": cost(lines, 0.9, 0.1),
            "lost_units": sum(line.unmet for line in lines) / days,
            "mean_sales": sum(line.sales for line in lines) / days,
            "order_size": sum(placed) / max(len(placed), 1),
        }
        assert {name: measures[name][i] for name in expected} == pytest.approx(expected)
