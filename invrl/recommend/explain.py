"""Why one pair gets its order, in words and numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from invrl.config.schema import Config
from invrl.errors import InvrlError, nearest
from invrl.recommend.daily import Job, figures
from invrl.recommend.facts import BIT, FLAGS, Facts
from invrl.recommend.orders import Answer, flags_of
from invrl.recommend.state import State, read_states
from invrl.sources.names import Names

WHAT_IF = (
    "as it is",
    "nothing in stock or on order",
    "a week's demand more on hand",
    "demand 20 % higher lately",
    "demand 20 % lower lately",
)
PARAGRAPH = 11
"""Width of the left column."""


def explain(job: Job, pair: str) -> dict[str, Any]:
    """Everything behind one order: `text`, lines to read, and the same as numbers.

    Args:
        pair: `SKU,WAREHOUSE`, or `SKU` where it is in one warehouse only.

    Raises:
        InvrlError: the state has no such pair, or several.
    """
    row = find(job.names, pair)
    state = next(s for s in read_states(job.layout, 1 << 16) if s.start <= row < s.start + s.rows)
    state = one_row(state, row - state.start)
    facts = job.sources.facts(state)
    answers = job.desk.answers(*_variants(facts, state))
    answer = Answer(*(x[..., :1] for x in answers))
    flags = int(flags_of(facts, state, answer)[0])
    numbers: dict[str, Any] = {name: float(x[0]) for name, x in figures(job.orderer, answer).items()}
    what_if = dict(zip(WHAT_IF, map(float, answers.order), strict=True))
    named = {name: FLAGS[name] for name, bit in BIT.items() if flags & bit}
    date = str(job.sources.catalogue.date)
    lines = [f"{job.names.of(row)}, {date}: order {_n(numbers['order'])}", ""]
    lines += _stock(state, answer) + _demand(job, facts, answer) + _policy(job, facts, answer)
    lines += _limits(job.config, state, answer) + _after(numbers, what_if, named)
    facts_found = {"pair": job.names.of(row), "date": date, **numbers}
    return {**facts_found, "what_if": what_if, "flags": named, "text": lines}


def find(names: Names, pair: str) -> int:
    """The row of a pair."""
    sku, _, warehouse = pair.rpartition(",")
    rows = np.flatnonzero(_is(names.sku, names.skus, sku) & _is(names.warehouse, names.warehouses, warehouse))
    if rows.size == 0:
        rows = np.flatnonzero(_is(names.sku, names.skus, pair))
    if rows.size == 0:
        known = [names.of(row) for row in np.flatnonzero(_is(names.sku, names.skus, sku or pair))[:200]]
        hint = nearest(pair, [name.replace("@", ",") for name in known] or names.skus[:5].tolist())
        raise InvrlError(f"no pair `{pair}` in the state", hint=hint)
    if rows.size > 1:
        hint = f"such as {names.of(rows[0]).replace('@', ',')}"
        raise InvrlError(f"`{pair}` is in {rows.size:,} warehouses", hint=hint)
    return int(rows[0])


def _is(codes: np.ndarray, words: np.ndarray, word: str) -> np.ndarray:
    """[rows] bool"""
    return (words == word)[codes]


def one_row(state: State, index: int) -> State:
    cut = slice(index, index + 1)
    return State(
        state.start + index,
        state.names.slice(index, 1),
        state.on_hand[cut],
        state.due[:, cut],
        None if state.demand is None else state.demand[:, cut],
        {name: column[cut] for name, column in state.numbers.items()},
        {name: column[:, cut] for name, column in state.ahead.items()},
        state.moved[cut],
    )


def _variants(facts: Facts, state: State) -> tuple[Facts, State]:
    """The pair as it is, and as it might be, one column each."""
    count = len(WHAT_IF)

    def wide(x: Any) -> Any:
        return np.repeat(x, count, axis=-1) if isinstance(x, np.ndarray) else x

    facts = Facts(*map(wide, facts))
    numbers = {name: wide(column) for name, column in state.numbers.items()}
    on_hand, due = wide(state.on_hand).copy(), wide(state.due).copy()
    on_hand[1], due[:, 1] = 0, 0
    on_hand[2] += 7 * facts.demand[:, 2].mean()
    demand = facts.demand * np.array([1, 1, 1, 1.2, 0.8], np.float32)
    return facts._replace(demand=demand), state._replace(on_hand=on_hand, due=due, numbers=numbers)


def _stock(state: State, answer: Answer) -> list[str]:
    units = state.due[:, 0]
    due = [f"{_n(units[k])} in {k + 1} day{'s'[: int(k)]}" for k in np.flatnonzero(units)]
    on_order = f"{_n(units.sum())} on order" + (f" ({', '.join(due)})" if due else "")
    position = f"inventory position {_n(answer.position[0])}"
    return _line("stock", f"{_n(state.on_hand[0])} on hand, {on_order}: {position}")


def _demand(job: Job, facts: Facts, answer: Answer) -> list[str]:
    features = job.config.features
    first, second, third, fourth = map(_n, answer.regressors[:, 0])
    lead_time, period = int(facts.lead_time[0]), int(facts.review_period[0])
    usual = f"mean {_n(facts.scale[0])}, standard deviation {_n(facts.spread[0])}"
    recent = f"{first} a day in the last {features.short} days, {second} in the last {features.long}"
    coming = f"{third} a day until the order arrives, {fourth} in the days it is for"
    if facts.regressors is not None:
        recent, coming = f"features {first}, {second}, {third}, {fourth}", f"{_n(answer.expected[0])} a day"
    supply = f"lead time {lead_time}, next review in {period}: the order must last {lead_time + period} days"
    own = job.sources.forecasts or {}
    given = (
        []
        if facts.forecasts is None
        else [f"{name} {_n(x)}" for name, x in zip(own, facts.forecasts[:, 0], strict=True)]
    )
    lines = [*_line("demand", f"{recent}; {usual}"), *_line("forecast", coming)]
    lines += _line("own", f"{', '.join(given)} a day until the next order arrives") if given else []
    return lines + _line("supply", supply)


def _policy(job: Job, facts: Facts, answer: Answer) -> list[str]:
    wanted, name = _n(answer.wanted[0]), f"{job.config.algo}/{job.config.reg}"
    lines = []
    if job.orderer.coefficients:
        raw, seen = answer.raw[:, 0], answer.weighed[:, 0]
        weighed = zip(raw, seen, job.orderer.coefficients, strict=True)
        terms = [f"{weight:+.2f} x {_n(x)} ({name})" for weight, x, name in weighed]
        lines += _line("demand rate", f"{' '.join(terms)} = {_n(np.dot(raw, seen))} a day")
    if job.orderer.target is None:
        return lines + _line("policy", f"{name} puts out the order: {wanted}")
    name = job.config.algo if job.orderer.shared is None else name
    level, position, lost = (float(x[0]) for x in (answer.level, answer.position, answer.lost))
    days = int(facts.lead_time[0] + facts.review_period[0])
    cover = f", {_n(level / answer.expected[0])} days of expected demand" if answer.expected[0] > 0 else ""
    text = f"{name} orders up to {_n(level)}{cover} ({days} to cover)"
    less = f" - {_n(lost)} (sales expected to be lost before it arrives)" if job.orderer.projects else ""
    missing = f"{_n(level)} - {_n(position)}{less} = {_n(level - position - lost)}"
    return lines + _line("policy", f"{text}: {missing}, so {wanted}")


def _limits(config: Config, state: State, answer: Answer) -> list[str]:
    lines = _line("limits", f"at most {_n(answer.ceiling[0])} today")
    wanted, packed = max(float(answer.wanted[0]), 0.0), float(answer.packed[0])
    if _n(wanted) == _n(packed):
        return lines
    supply = {"pack_size": config.supply.pack_size, "min_order": config.supply.min_order}
    given = {name: state.numbers[name][0] for name in supply if name in state.numbers}
    supply |= {name: float(value) for name, value in given.items() if not np.isnan(value)}
    packs, least = supply["pack_size"], supply["min_order"]
    rules = [f"packs of {_n(packs)}"] if packs and packs != 1 else ["whole units"]
    rules += [f"at least {_n(least)}"] if least else []
    return lines + _line("packs", f"{_n(wanted)} becomes {_n(packed)}: {', '.join(rules)}")


def _after(numbers: dict[str, Any], what_if: dict[str, float], flags: dict[str, str]) -> list[str]:
    after = numbers["inventory_position"] + numbers["order"]
    lines = _line(
        "after", f"inventory position {_n(after)}, {_n(numbers['days_of_cover'])} days of expected demand"
    )
    for index, (case, order) in enumerate(list(what_if.items())[1:]):
        lines += _line("" if index else "what if", f"{case}: {_n(order)}")
    for index, (name, text) in enumerate(flags.items()):
        lines += _line("" if index else "flags", f"{name}: {text}")
    return lines


def _line(title: str, text: str) -> list[str]:
    return [f"{title:{PARAGRAPH}}  {text}"]


def _n(value: Any) -> str:
    """Three digits, whole from 100 on; `unknown` for none."""
    value = float(value)
    if np.isnan(value):
        return "unknown"
    return f"{value:,.0f}" if abs(value) >= 99.95 else f"{value:.3g}"
