"""What an incumbent may take as the coming demand: every forecast a row, one number says which."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np
from jax import Array

from invrl.demand.features import over_interval
from invrl.demand.panel import Panel
from invrl.demand.quantiles import Z_NODES
from invrl.demand.smoothing import VARIANTS
from invrl.errors import InvrlError, nearest
from invrl.simulator import Episode, Observation

PLAIN = ("forecast", "short", "long", "mean", "shrunk")
"""The forecast by weekday, trailing means, the mean of the training days, and the shrunken rate between the
long mean and that, the unit in which policies think by default (`features.level`)."""

FORECASTS = (*PLAIN, *(f"{name} {constant:g}" for name, constant in VARIANTS))
"""The rows, by name; those with a smoothing constant say it."""

QUANTILES = len(Z_NODES)


def variants(method: str) -> tuple[str, ...]:
    """The forecasts of a method: one, or one for every smoothing constant."""
    return tuple(name for name in FORECASTS if name.partition(" ")[0] == method)


METHODS = tuple(dict.fromkeys(name.partition(" ")[0] for name in FORECASTS))


def expected_demand(seen: Observation) -> Array:
    """[N] mean daily demand expected over the protection interval by weekday, units a day."""
    _, _, near, far = seen.regressors
    return over_interval(near, far, seen.lead_time, seen.review_period)


def with_forecasts(episode: Episode, unmet: str) -> Episode:
    """The episode with features [C, F + M + Q, N]: `FORECASTS` and own forecasts a day, quantiles in units.

    Its features must be those of `contract.SEEN`.
    """
    short, long, near, far = jnp.moveaxis(episode.regressors, 1, 0)
    lead_time = episode.lead_time.astype(short.dtype)
    mean = jnp.broadcast_to(episode.scale, short.shape)
    plain = [
        over_interval(near, far, lead_time, episode.review_period),
        short,
        long,
        mean,
        episode.demand_rate,
    ]
    seen = episode.features * episode.demand_rate[:, None]
    rows = [jnp.stack(plain, 1), seen[:, :-QUANTILES], seen[:, -QUANTILES:]]
    assert sum(x.shape[1] for x in rows[:2]) == len(FORECASTS), "an incumbent's episode has other features"
    if episode.forecasts is not None:
        rows.insert(2, episode.forecasts)
    features = jnp.concatenate(rows, 1)
    return episode.replace(features=features)


def narrowed(episode: Episode, forecast: Array) -> Episode:
    """An episode `with_forecasts`, of them only the forecast of that number [] and the quantiles."""
    chosen = jnp.take(episode.features, forecast[None], axis=1)
    return episode.replace(features=jnp.concatenate([chosen, episode.features[:, -QUANTILES:]], 1))


SEARCH = "search"
"""In place of a forecast: the best one."""


def check_own(panel: Panel, stop: int, wanted: str) -> None:
    """Refuse own forecasts that no training day has seen, and names that are none."""
    for name, values in panel.forecasts.items():
        if name in (SEARCH, *METHODS):
            hint = "rename its column, model or file"
            raise InvrlError(f"own forecast `{name}` has the name of one that invrl makes", hint=hint)
        if np.isnan(values[:stop]).all():
            last = panel.dates[stop - 1]
            raise InvrlError(
                f"forecast `{name}` begins after the training days, which end on {last}",
                hint="make forecasts as of earlier days, too; or fewer split.test_days",
            )
    known = (SEARCH, *METHODS, *panel.forecasts)
    if wanted not in known:
        raise InvrlError(f"baseline.forecast: no choice {wanted!r}", hint=nearest(wanted, known))
