"""Why one pair gets its order, in words and numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from invrl.config import Config
from invrl.errors import InvrlError, nearest
from invrl.recommend.daily import Job, figures
from invrl.recommend.facts import BIT, FLAGS, Facts
from invrl.recommend.names import Names
from invrl.recommend.orders import Answer, flags_of
from invrl.recommend.state import State, read_states

WHAT_IF = ("as it is", "nothing in stock or on order", "a week's demand more on hand", "demand 20 % higher lately",
           "demand 20 % lower lately")  # fmt: skip
REGRESSORS = ("short mean", "long mean", "forecast to arrival", "forecast after", "level")
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
    lines += _stock(state, answer) + _demand(job.config, facts, answer) + _policy(job, facts, answer)
    lines += _limits(job.config, state, answer) + _after(numbers, what_if, named)
    return {"pair": job.names.of(row), "date": date, **numbers, "what_if": what_if, "flags": named, "text": lines}


def find(names: Names, pair: str) -> int:
    """The row of a pair."""
    sku, comma, warehouse = pair.rpartition(",")
    rows = np.zeros(0, int)
    for one, other in ((sku, warehouse), (pair, None)) if comma else ((pair, None),):
        match = names.skus[names.sku] == one
        rows = np.flatnonzero(match if other is None else match & (names.warehouses[names.warehouse] == other))
        if rows.size:
            break
    if rows.size == 0:
        here = names.skus[names.sku] == (sku or pair)
        known = [f"{s},{names.warehouses[w]}" for s, w in zip(names.skus[names.sku][here], names.warehouse[here], strict=True)]
        hint = nearest(pair, known or [str(s) for s in names.skus[:5]])
        raise InvrlError(f"no pair `{pair}` in the state", hint=hint)
    if rows.size > 1:
        raise InvrlError(f"`{pair}` is in {rows.size:,} warehouses", hint=f"such as {names.of(rows[0]).replace('@', ',')}")
    return int(rows[0])


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
    due = [f"{_n(units[0])} in {days} day{'s'[: days > 1]}" for days, units in enumerate(state.due, 1) if units[0]]
    on_order = f"{_n(state.due.sum())} on order" + (f" ({', '.join(due)})" if due else "")
    return _line("stock", f"{_n(state.on_hand[0])} on hand, {on_order}: inventory position {_n(answer.position[0])}")


def _demand(config: Config, facts: Facts, answer: Answer) -> list[str]:
    short, long, near, far = answer.regressors[:, 0]
    lead_time, period = int(facts.lead_time[0]), int(facts.review_period[0])
    return [
        *_line("demand", f"{_n(short)} a day in the last {config.features.short} days, {_n(long)} in the last "
               f"{config.features.long}; mean {_n(facts.scale[0])}, standard deviation {_n(facts.spread[0])}"),
        *_line("forecast", f"{_n(near)} a day until the order arrives, {_n(far)} in the days it is for"),
        *_line("supply", f"lead time {lead_time}, next review in {period}: the order must last "
               f"{lead_time + period} days"),
    ]  # fmt: skip


def _policy(job: Job, facts: Facts, answer: Answer) -> list[str]:
    wanted, name = _n(answer.wanted[0]), f"{job.config.algo}/{job.config.reg}"
    days = int(facts.lead_time[0] + facts.review_period[0])
    lines = []
    if job.orderer.coefficients == len(REGRESSORS):
        long = float(answer.regressors[1, 0])
        unit = long if job.config.features.level == "trailing" else float(facts.scale[0])
        seen = [*map(float, answer.regressors[:, 0]), unit]
        terms = [f"{c:+.2f} x {_n(x)} ({r})" for c, x, r in zip(answer.raw[:, 0], seen, REGRESSORS, strict=True)]
        rate = float(np.dot(answer.raw[:, 0], seen))
        lines += _line("demand rate", f"{' '.join(terms)} = {_n(rate)} a day")
    if job.orderer.level is None:
        return lines + _line("policy", f"{name} puts out the order: {wanted}")
    name = job.config.algo if job.orderer.shared is None else name
    level, position = float(answer.level[0]), float(answer.position[0])
    cover = f", {_n(level / answer.expected[0])} days of expected demand" if answer.expected[0] > 0 else ""
    text = f"{name} orders up to {_n(level)}{cover} ({days} to cover)"
    return lines + _line("policy", f"{text}: {_n(level)} - {_n(position)} = {_n(level - position)}, so {wanted}")


def _limits(config: Config, state: State, answer: Answer) -> list[str]:
    lines = _line("limits", f"at most {_n(answer.ceiling[0])} today")
    if answer.packed[0] != answer.wanted[0]:
        pack = state.numbers.get("pack_size", [config.supply.pack_size])[0]
        least = state.numbers.get("min_order", [config.supply.min_order])[0]
        lines += _line("packs", f"{_n(answer.wanted[0])} becomes {_n(answer.packed[0])} (pack {_n(pack)}, minimum {_n(least)})")
    return lines


def _after(numbers: dict[str, Any], what_if: dict[str, float], flags: dict[str, str]) -> list[str]:
    after = numbers["inventory_position"] + numbers["order"]
    lines = _line("after", f"inventory position {_n(after)}, {_n(numbers['days_of_cover'])} days of expected demand")
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
