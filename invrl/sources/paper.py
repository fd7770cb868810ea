"""Synthetic sources with a known law: the paper's settings and stationary demand.

The three settings of Xie et al. (2026, arXiv 2603.19621) repeat the demand draws of the paper's
public generator number by number, so published losses can be compared to the digit (only the
noise on two regressors follows the described law rather than a checked stream).
Their panels hold one trajectory per pair, in the order train, validation, test: split them
by pairs, without shuffling. `fresh` swaps the small published test set for a larger one.
Common to all three: lead time 1 day, a review every 2 days from day 2, no stock at the start.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from invrl.demand.panel import Panel
from invrl.errors import InvrlError, nearest
from invrl.sources.options import numbered, real, whole

REVIEW_PERIOD = 2
WARMUP_DAYS = 4 * REVIEW_PERIOD
"""Days that the AR(1) generator runs before the panel starts."""
AR1_LAW = ((0.3, 5.0, 2.0), (0.9, 10.0, 8.0))
"""Lowest and highest (phi, mu, sigma) of an AR(1) trajectory."""
IID_MEAN = 100.0
WINDOWS = ((-7, -1), (-28, -1), (-5, 1), (-26, 1))
"""Regressors: mean demand from day t + first to day t + last, cut to the days that exist."""
REGRESSOR_NOISE = 3.0
"""Standard deviation (units a day) of the noise on the last two regressors."""
LAWS = ("poisson", "geometric")
SEED_MAX = 2**32 - 1


def independent(
    train: int = 10, validation: int = 10, test: int = 100, fresh: int = 0, days: int = 31, seed: int = 42
) -> Panel:
    """Setting 1: independent, non-stationary demand, the same law for all trajectories.

    D_t ~ uniform on low_t, low_t + 1, ..., low_t + 4 (units a day, see `independent_low`).
    The one feature `x` = floor(t / 2), the number of the review, tells the law.

    Args:
        train, validation, test: trajectories of each part, >= 1, >= 0, >= 0.
        fresh: if > 0, this many trajectories from another random stream replace the test part;
            train and validation stay as they are.
        days: length of a trajectory, >= 5.
        seed: of the generator, 0 to 2**32 - 1; 42 gives the paper's data.

    Returns:
        Panel with ahead column `x`, and `regressors` (see `_regressors`).

    Raises:
        InvrlError: an option out of bounds.
    """
    known = _check_parts(train, validation, test, fresh, days, seed)
    legacy, stream = np.random.RandomState(seed), _fresh_stream(seed)
    low = _low(legacy, days)
    demand = low + np.random.default_rng(seed).integers(0, 5, (known + test, days))
    extra = low + stream.integers(0, 5, (fresh, days))
    regressors = _swap(known, _regressors(demand, legacy), _regressors(extra, stream))
    demand = _swap(known, demand, extra)
    x = np.broadcast_to(np.arange(days) // REVIEW_PERIOD, demand.shape)
    return _known(x, _trajectories(demand, regressors, {}, mean=float(low.mean() + 2)))


def independent_low(days: int = 31, seed: int = 42) -> np.ndarray:
    """Setting 1's smallest possible demand of each day: N(10, sd 4) cut to 0..100, truncated. [T] int."""
    return _low(np.random.RandomState(seed), days)


def ar1(
    train: int = 5, validation: int = 5, test: int = 100, fresh: int = 0, days: int = 31, seed: int = 42
) -> Panel:
    """Settings 2 and 3: autoregressive demand, with parameters of its own for each trajectory.

    phi ~ U(0.3, 0.9), mu ~ U(5, 10), sigma ~ U(2, 8);
    D_t = max(0, phi * D_{t-1} + (1 - phi) * mu + N(0, sigma)), after 8 days of warm-up.
    The paper's feature `x` is yesterday's demand, which the feature group `yesterday` reads; as a column
    it is no more known in advance than demand is. The parameters are static columns `phi`, `mu`, `sigma`
    of the panel, for benchmarks; the paper's policies do not see them.

    Args:
        train, validation, test, fresh, days, seed: as for `independent`.

    Returns:
        Panel with after column `x`, static columns `phi`, `mu`, `sigma`, and `regressors`.

    Raises:
        InvrlError: an option out of bounds.
    """
    known = _check_parts(train, validation, test, fresh, days, seed)
    legacy, stream, steps = np.random.RandomState(seed), _fresh_stream(seed), WARMUP_DAYS + days
    law, noise = _legacy_ar1(legacy, known + test, steps)
    demand = _autoregress(law, noise)
    more = stream.uniform(*AR1_LAW, (fresh, 3))
    extra = _autoregress(more, stream.standard_normal((fresh, steps)))
    regressors = _swap(known, _regressors(demand, legacy), _regressors(extra, stream))
    demand, law = _swap(known, demand, extra), _swap(known, law, more)
    x = {"x": np.ascontiguousarray(demand[:, WARMUP_DAYS - 1 : -1].T, np.float32)}
    static = dict(zip(("phi", "mu", "sigma"), law.T.astype(np.float32), strict=True))
    panel = _trajectories(demand[:, WARMUP_DAYS:], regressors[:, :, WARMUP_DAYS:], static, mean=7.5)
    return replace(panel, after=x)


def iid(
    train: int = 5, validation: int = 5, test: int = 500, fresh: int = 0, cycles: int = 2, seed: int = 42
) -> Panel:
    """Setting 4: i.i.d. normal demand, only on days when an order arrives (3, 5, 7, ...).

    Five standard deviations sigma ~ U(5, 20) are drawn once; D_t = max(0, N(100, sigma)) on odd
    days t >= 3, else 0. The feature `x` is sigma. Each part holds the five sigmas in turn, with
    equally many trajectories, so every count is a multiple of 5.
    Levels reach about 125 units: an order cap of 100 units (Setting 1's) is too tight here.

    Args:
        train, validation, test, fresh, seed: as for `independent`, multiples of 5.
        cycles: days with demand, >= 1; the panel has 3 + 2 * cycles days.

    Returns:
        Panel with ahead column `x`, static column `sigma`, and `regressors`.

    Raises:
        InvrlError: an option out of bounds, or a count that is no multiple of 5.
    """
    whole("cycles", cycles, 1)
    days = 3 + 2 * cycles
    known = _check_parts(train, validation, test, fresh, days, seed)
    parts = {"train": train, "validation": validation, "test": test, "fresh": fresh}
    for name, count in parts.items():
        if count % 5:
            raise InvrlError(
                f"data option `{name}` is {count}", hint="`iid` takes multiples of 5: one for each sigma"
            )
    legacy, stream = np.random.RandomState(seed), _fresh_stream(seed)
    levels = legacy.uniform(5, 20, 5)
    sigma = np.concatenate([np.repeat(levels, count // 5) for count in (train, validation, test)])
    more = np.repeat(levels, fresh // 5)
    demand = _every_second_day(sigma, np.random.default_rng(seed), days)
    extra = _every_second_day(more, stream, days)
    regressors = _swap(known, _regressors(demand, legacy), _regressors(extra, stream))
    demand, sigma = _swap(known, demand, extra), _swap(known, sigma, more)
    x = np.broadcast_to(sigma[:, None], demand.shape)
    static = {"sigma": sigma.astype(np.float32)}
    return _known(x, _trajectories(demand, regressors, static, IID_MEAN * cycles / days))


def lost_sales(
    pairs: int = 1000,
    days: int = 200,
    distribution: str = "poisson",
    mean: float = 5.0,
    lead_time: int = 4,
    review_period: int = 1,
    seed: int = 0,
) -> Panel:
    """Stationary i.i.d. demand, the textbook lost-sales system whose optima are known.

    Args:
        pairs: independent copies, >= 1.
        days: >= 2.
        distribution: `poisson`, or `geometric` on 0, 1, 2, ... (variance mean + mean**2).
        mean: units a day, > 0 (at least 1e-6).
        lead_time: days, >= 0, the same for all pairs.
        review_period: days, >= 1, the same for all pairs.
        seed: of the demand, >= 0.

    Returns:
        Panel without features: demand, lead times and review periods.

    Raises:
        InvrlError: an option out of bounds, or no such distribution.
    """
    whole("pairs", pairs, 1)
    whole("days", days, 2)
    whole("lead_time", lead_time, 0)
    whole("review_period", review_period, 1)
    whole("seed", seed, 0)
    real("mean", mean, 1e-6)
    if distribution not in LAWS:
        hint = nearest(str(distribution), LAWS)
        raise InvrlError(f"data option `distribution` is {distribution!r}", hint=hint)
    rng = np.random.default_rng(seed)
    if distribution == "poisson":
        demand = rng.poisson(mean, (days, pairs))
    else:
        demand = rng.geometric(1 / (1 + mean), (days, pairs)) - 1  # NumPy counts trials, from 1
    return Panel(
        demand=demand.astype(np.float32),
        sku=numbered("T", pairs, 4),
        warehouse=np.full(pairs, "W0"),
        lead_time=np.full(pairs, lead_time, np.int32),
        review_period=np.full(pairs, review_period, np.int32),
        mean_demand=np.full(pairs, mean, np.float32),
    )


def _check_parts(train: int, validation: int, test: int, fresh: int, days: int, seed: int) -> int:
    """The number of trajectories before the test part, once all options are in bounds."""
    whole("train", train, 1)
    for name, count in (("validation", validation), ("test", test), ("fresh", fresh)):
        whole(name, count, 0)
    whole("days", days, 5)
    whole("seed", seed, 0, SEED_MAX)
    return train + validation


def _fresh_stream(seed: int) -> np.random.Generator:
    return np.random.default_rng([seed, 1])


def _low(legacy: np.random.RandomState, days: int) -> np.ndarray:
    return np.clip(legacy.normal(10, 4, days), 0, 100).astype(int)


def _swap(known: int, paper: np.ndarray, fresh: np.ndarray) -> np.ndarray:
    """`paper` with everything after its first `known` rows replaced by `fresh`, if there is any."""
    return np.concatenate([paper[:known], fresh]) if len(fresh) else paper


def _legacy_ar1(legacy: np.random.RandomState, count: int, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """The paper's draws: parameters [N, 3] and standard normals [N, steps].

    One trajectory after the other, because the old generator rejects draws: no fixed stride.
    """
    draws = [(legacy.uniform(*AR1_LAW), legacy.standard_normal(steps)) for _ in range(count)]
    return np.stack([law for law, _ in draws]), np.stack([noise for _, noise in draws])


def _autoregress(law: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """AR(1) demand cut at 0, from (phi, mu, sigma) [N, 3] and standard normals [N, T]; [N, T]."""
    phi, mu, sigma = law.T
    demand = np.empty_like(noise)
    demand[:, 0] = np.maximum(mu + sigma * noise[:, 0], 0)
    for t in range(1, noise.shape[1]):
        demand[:, t] = np.maximum(phi * demand[:, t - 1] + (1 - phi) * mu + sigma * noise[:, t], 0)
    return demand


def _every_second_day(sigma: np.ndarray, stream: np.random.Generator, days: int) -> np.ndarray:
    """Setting 4's demand [N, T] for standard deviations [N]."""
    demand = np.zeros((len(sigma), days))
    on = demand[:, 3::2]
    on[:] = np.maximum(IID_MEAN + sigma[:, None] * stream.standard_normal(on.shape), 0)
    return demand


def _regressors(demand: np.ndarray, noise: np.random.RandomState | np.random.Generator) -> np.ndarray:
    """The paper's four demand regressors [N, 4, T] from demand [N, T], units a day, in our order.

    Mean of the last 7 days (short); of the last 28 days (long); of days t-5..t+1; of days t-26..t+1; the
    last two plus N(0, 3). The last two hold one future day: the paper's stand-in for a forecast. Where no day
    lies in the window (day 0 of the first two) the value is 0: never a review day.
    """
    pairs, days = demand.shape
    total = np.concatenate([np.zeros((pairs, 1)), np.cumsum(demand, axis=1)], axis=1)
    out = np.empty((pairs, 4, days))
    for k, (first, last) in enumerate(WINDOWS):
        start = np.clip(np.arange(days) + first, 0, days)
        end = np.clip(np.arange(days) + last + 1, 0, days)
        out[:, k] = (total[:, end] - total[:, start]) / np.maximum(end - start, 1)
    for k in (2, 3):  # all noise of the third before any of the fourth, as in the paper's generator
        out[:, k] += noise.normal(0, REGRESSOR_NOISE, (pairs, days))
    return out


def _known(x: np.ndarray, panel: Panel) -> Panel:
    """The panel with a feature x [N, T] that is known in advance."""
    return replace(panel, ahead={"x": np.ascontiguousarray(x.T, np.float32)})


def _trajectories(
    demand: np.ndarray, regressors: np.ndarray, static: dict[str, np.ndarray], mean: float
) -> Panel:
    """The panel of demand [N, T] and regressors [N, 4, T].

    `mean` (units a day) is one unit for all trajectories, as the paper scales nothing by trajectory.
    """
    pairs = len(demand)
    return Panel(
        demand=np.ascontiguousarray(demand.T, np.float32),
        sku=numbered("T", pairs, 4),
        warehouse=np.full(pairs, "W0"),
        static=static,
        regressors=np.ascontiguousarray(regressors.transpose(2, 1, 0), np.float32),
        lead_time=np.ones(pairs, np.int32),
        review_period=np.full(pairs, REVIEW_PERIOD, np.int32),
        first_review=np.full(pairs, REVIEW_PERIOD, np.int32),
        initial_stock=np.zeros(pairs, np.float32),
        mean_demand=np.full(pairs, mean, np.float32),
    )
