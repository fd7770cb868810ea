"""The exact optimum of lost sales with stationary demand, a review every day, by value iteration.

    python scripts/lost_sales_optimum.py --law geometric --mean 5 --lead-time 4 --penalty 4

The state on a review day is (on hand, due in 1 ... L-1 days), whole units; orders, stock and demand are cut
where nothing beyond them matters (`--tail`). h = 1 a unit and day. Seconds.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
import typer
from scipy import stats

LAWS = ("poisson", "geometric")


class System(NamedTuple):
    step: np.ndarray  # [X, X] probability of stock left y after a day that begins with x
    cost: np.ndarray  # [X] expected cost of that day
    orders: int  # the largest order
    lead_time: int


class Exact(NamedTuple):
    optimal: float  # cost a day
    capped: float  # cost a day of a good capped base-stock policy, this one:
    capped_S: float  # order up to
    capped_r: float  # but at most


@cache
def exact(law: str, mean: float, lead_time: int, penalty: float, tail: float = 1e-9) -> Exact:
    """The optimum, and a capped base-stock policy with its exact cost.

    Args:
        law: one of `LAWS`; mean: units a day.
        lead_time: days, 1 to 4.
        tail: probability of demand that is neglected.
    """
    if law not in LAWS or not 1 <= lead_time <= 4:
        raise SystemExit(f"no exact figure for {law} demand, lead time {lead_time}: {LAWS}, 1 to 4 days")
    demand = stats.poisson(mean) if law == "poisson" else stats.geom(1 / (1 + mean), loc=-1)
    protect = [demand.ppf(1 - tail), *[demand.mean()] * lead_time]
    ready = penalty / (penalty + 1)
    spread = demand.std() * np.sqrt(lead_time + 1)
    level = int(np.ceil((lead_time + 1) * mean + stats.norm.ppf(ready) * spread))
    orders = int(np.ceil(demand.ppf(ready) + demand.std()))
    held = int(min(level + 4 * spread, sum(protect))) + 1
    system = _system(demand, held, orders, lead_time, penalty)
    tried = [
        (_average_cost(system, (S, r)), S, r)
        for S in {int(s) for s in np.linspace(level - spread, level, 4)}
        for r in {int(np.ceil(mean + share * demand.std())) for share in (0.0, 0.2, 0.5)}
    ]
    return Exact(_average_cost(system, None), *min(tried))


def _system(demand, held: int, orders: int, lead_time: int, penalty: float) -> System:
    x = np.arange(held + 1)
    units = np.arange(int(demand.ppf(1 - 1e-12)) + 1)
    mass = demand.pmf(units)
    mass /= mass.sum()
    left = np.maximum(x[:, None] - units, 0)
    step = np.zeros((held + 1, held + 1))
    np.add.at(step, (np.broadcast_to(x[:, None], left.shape), left), np.broadcast_to(mass, left.shape))
    short = (np.maximum(units - x[:, None], 0) * mass).sum(1)
    return System(step, penalty * short + step @ x, orders, lead_time)


def _average_cost(system: System, capped: tuple[int, int] | None, precision: float = 1e-7) -> float:
    """Cost a day of the best orders, or of capped base stock (level, cap), by relative value iteration."""
    held, most, due = len(system.cost), system.orders, system.lead_time - 1
    value = np.zeros((held, *[most + 1] * due), np.float64)
    arrive = np.minimum(np.arange(held)[:, None] + np.arange(most + 1), held - 1)  # [X, first due]
    position = sum(np.meshgrid(*[np.arange(n) for n in value.shape], indexing="ij"))
    order = None if capped is None else np.clip(capped[0] - position, 0, min(capped[1], most))
    while True:
        # [left, due in 1, ..., L - 1 days, ordered today]: the value of tomorrow's state
        ahead = np.tensordot(system.step, value[arrive], axes=1)
        if order is None:
            best = ahead.min(-1)
        else:
            best = np.take_along_axis(ahead, order[..., None], axis=-1)[..., 0]
        new = system.cost.reshape(-1, *[1] * due) + best
        change = new - value
        if np.ptp(change) < precision:
            return float((change.max() + change.min()) / 2)
        value = new - new.flat[0]


def main(law: str = "geometric", mean: float = 5.0, lead_time: int = 4, penalty: float = 4.0) -> None:
    found = exact(law, mean, lead_time, penalty)
    capped = f"capped base stock ({found.capped_S:g}, {found.capped_r:g}) {found.capped:.5f}"
    print(f"optimal {found.optimal:.5f}; {capped}")


if __name__ == "__main__":
    typer.run(main)
