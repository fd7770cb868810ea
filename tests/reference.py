"""One pair, day by day, in plain Python: the problem statement and nothing else.

Slow and obvious on purpose. It imports nothing of the package, so that agreement with the
simulator says something about both.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple


class Line(NamedTuple):
    """One day of the ledger, units."""

    day: int
    arrived: float
    order: float  # placed today; 0 on a day without review
    on_hand: float  # after the arrival, before demand
    demand: float
    sales: float
    unmet: float  # lost today; or the backlog at the end of the day
    inventory: float  # at the end of the day
    pipeline: float  # on order at the end of the day


@dataclass(frozen=True)
class Pair:
    """What the policy cannot change.

    `demand` and `lead_time` run over all days of the panel; reviews fall on the days
    first_review, first_review + review_period, ... The ledger covers start .. stop - 1.
    """

    demand: Sequence[float]
    lead_time: Sequence[int]
    review_period: int
    first_review: int
    start: int
    stop: int
    initial: float
    unmet: str = "lost"
    max_order: float = float("inf")
    max_position: float = float("inf")


def simulate(pair: Pair, policy: Callable[[int, float, dict[int, float]], float]) -> list[Line]:
    """The ledger of one pair.

    Args:
        policy: (day, on hand, {days until arrival: units}) -> the order it would like.
    """
    on_hand = pair.initial
    due: dict[int, float] = {}  # day of arrival -> units
    ledger = []
    for day in range(pair.start, pair.stop):
        # 1. the order due today arrives and is on hand
        arrived = due.pop(day, 0.0)
        on_hand += arrived
        # 2. on review days the policy sees the state and orders
        order = 0.0
        if reviews(pair, day):
            seen = {when - day: units for when, units in due.items()}
            order = capped(pair, policy(day, on_hand, seen), on_hand + sum(due.values()))
            if pair.lead_time[day] == 0:  # at once
                on_hand += order
                arrived += order
            else:
                when = day + pair.lead_time[day]
                due[when] = due.get(when, 0.0) + order
        # 3. demand
        before, wanted = on_hand, pair.demand[day]
        if pair.unmet == "lost":
            sales = min(before, wanted)
            on_hand = before - sales
            unmet = wanted - sales
        else:
            sales = wanted
            on_hand = before - wanted
            unmet = max(-on_hand, 0.0)
        # 4. the end of the day is recorded
        ledger.append(Line(day, arrived, order, before, wanted, sales, unmet, on_hand, sum(due.values())))
    return ledger


def reviews(pair: Pair, day: int) -> bool:
    return day >= pair.first_review and (day - pair.first_review) % pair.review_period == 0


def capped(pair: Pair, order: float, position: float) -> float:
    order = max(order, 0.0)
    order = min(order, pair.max_order)
    return min(order, max(pair.max_position - position, 0.0))


def measured_days(pair: Pair, measure: int) -> list[int]:
    """Days that count: after the warm-up, and such that an order could have influenced them."""
    arrivals = [day + pair.lead_time[day] for day in range(pair.start, pair.stop) if reviews(pair, day)]
    first = min(arrivals, default=pair.stop)
    return [day for day in range(pair.start, pair.stop) if day >= measure and day >= first]


def counted(ledger: list[Line], days: list[int]) -> list[Line]:
    return [line for line in ledger if line.day in days]


def stockout_rate(lines: list[Line]) -> float:
    return sum(line.inventory <= 0 for line in lines) / len(lines)


def turnover_time(lines: list[Line], cap: float) -> float:
    stock = sum(max(line.inventory, 0.0) for line in lines)
    sold = sum(line.sales for line in lines)
    if stock == 0:
        return 0.0
    return min(stock / sold, cap) if sold > 0 else cap


def cost(lines: list[Line], penalty: float, holding: float) -> float:
    total = sum(penalty * line.unmet + holding * max(line.inventory, 0.0) for line in lines)
    return total / len(lines)
