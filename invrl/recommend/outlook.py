"""Own forecasts of the day: the newest origin of a file, for the rows of a state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from invrl.demand.forecasts import meaning
from invrl.errors import InvrlError, nearest
from invrl.recommend.facts import Sources
from invrl.recommend.state import Layout, read_states
from invrl.sources.forecasts import Wanted, read_forecasts
from invrl.sources.names import Names

CHUNK = 1 << 16


def with_own(
    sources: Sources, known: Sequence[str], layout: Layout, names: Names, files: Sequence[Path]
) -> Sources:
    """The sources with the own forecasts that a run was trained with, as of the day to order for.

    Args:
        known: their names.
        files: where they are; none for the files of the run's config.

    Raises:
        InvrlError: a file lacks one of them, or what is wrong in it.
    """
    if not known:
        if files:
            raise InvrlError("the run knows no own forecasts", hint="train it with data.forecasts=FILE")
        return sources
    data = replace(sources.config.data, forecast_models=())
    owners = {meaning(name).stem if meaning(name).quantile is not None else name for name in known}
    paths = [str(path) for path in files] or data.forecasts
    found = read_forecasts(
        paths, data, _wanted(sources, layout, names), owners.pop() if len(owners) == 1 else ""
    )
    for name in known:
        if name not in found:
            raise InvrlError(
                f"no forecast `{name}` in {paths[0]}", hint=f"the run needs it; {nearest(name, found)}"
            )
    if all(np.isnan(values).all() for values in found.values()):
        raise InvrlError(
            f"{paths[0]} does not forecast the days that orders of {sources.catalogue.date} must last",
            hint="is its latest origin too old? give the newest with --forecasts FILE",
        )
    return sources._replace(forecasts={name: found[name][0] for name in known})


def _wanted(sources: Sources, layout: Layout, names: Names) -> Wanted:
    """One review, on the date, of every row of the state."""
    cover = np.empty((1, len(names.sku)), np.int32)
    for state in read_states(layout, CHUNK):
        rows = slice(state.start, state.start + state.rows)
        lead_time, review_period, _ = sources.supply(state, sources.pair[rows])
        cover[0, rows] = lead_time + review_period
    panel, date = sources.catalogue.panel, sources.catalogue.date.astype("datetime64[D]")
    sku, warehouse = names.skus[names.sku], names.warehouses[names.warehouse]
    every = np.ones(cover.shape, bool)
    return Wanted(sku, warehouse, date, panel.step, cover, every, FOREVER, others=True, gaps=True)


FOREVER = 2**30
"""Days to come: all that an order must last has to be forecast."""
