"""Order lines, many per pair and day, with times and returns: summed to a panel."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from invrl.demand.panel import Panel
from invrl.devices.memory import refuse_too_large
from invrl.sources.grid import pairs_of
from invrl.sources.long import Roles
from invrl.tables.columns import Columns, resolve
from invrl.tables.open import TableFile

RETURNS = ("drop", "net")


def read_lines(file: TableFile, columns: Mapping[str, str], roles: Roles, returns: str) -> Panel:
    """The panel of a file of order lines; a day without a line is one without demand.

    Args:
        returns: what a line of less than nothing does: `drop` leaves it out, `net` takes it off its own
            day, as far as that day sold anything. Empty: it is refused.

    Raises:
        InvrlError: anything wrong in the file, with its place.
    """
    listed = (*roles.ahead, *roles.after, *roles.static)
    if listed:
        raise file.fail(f"`{listed[0]}` cannot be summed", hint="sum first; join such columns to the panel")
    names = resolve(file, columns, ("date", "sku", "demand"), ["warehouse"])
    table = Columns.read(file, names, text=("date", "sku", "warehouse"))
    units = table.numbers("demand").astype(np.float64)
    if not returns:
        hint = "`data.options.returns=net` takes returns off their day, `drop` leaves them out"
        table.refuse("demand", units < 0, "{}, a return", hint)
    if returns == "drop":
        units = np.maximum(units, 0)
    day = table.days("date", roles.date_format, times=True)
    start, days = int(day.min()), int(np.ptp(day)) + 1
    pair, _, sku, warehouse = pairs_of(table)
    refuse_too_large(len(sku), days)
    order = np.lexsort((warehouse, sku))
    cell = (day - start) * len(sku) + np.argsort(order)[pair]
    demand = np.bincount(cell, units, days * len(sku)).reshape(days, -1)
    return Panel(
        demand=np.maximum(demand, 0).astype(np.float32),
        sku=sku[order],
        warehouse=warehouse[order],
        start=np.datetime64(start, "D"),
        knowledge=roles.knowledge,
        counted=True,
    )
