"""The demand panel: what every source makes and everything downstream reads."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np

from invrl.demand import timestep
from invrl.errors import InvrlError

LATER = ("step", "in_stock", "open")
"""Fields that leave the fingerprint alone where they say nothing: older runs do not know them."""
MOST = 1e15
"""Units a day that are counted on: beyond, squares and sums leave the numbers that a computer has."""
KNOWLEDGE = ("known", "censored", "uncensored")
"""Is `demand` what customers wanted (known), sales (censored), or an estimate (uncensored)?"""


@dataclass(frozen=True)
class Panel:
    """Demand of N SKU-warehouse pairs over T days (or weeks, or months), on the host.

    Arrays are time-major with pairs last, the layout the simulator scans.
    Optional fields left empty are filled by the `[supply]` rules of the config.

    Attributes:
        demand: [T, N] float32, units a day, >= 0.
        sku, warehouse: [N] str, the names of each pair.
        start: first day of the panel, `datetime64[D]`.
        step: what a day of the panel is: `day`, `week` or `month` (`timestep.STEPS`).
        in_stock: [T, N] float32 in 0..1, the share of the day that the pair was in stock, or None. Below 1
            the demand is at least the sale: such days are masked (`masks`).
        open: [T, N] bool, days on which the pair is sold at all (listed, and the shop not closed), or None.
        ahead: name -> [T, N] float32, dynamic columns known before the day (promotion, holiday).
        after: name -> [T, N] float32, dynamic columns known only after the day (stock-out hours).
        static: name -> [N] float32 or str, attributes of the pair (category, margin).
        forecasts: name -> [T, N] float32 units a day, own forecasts: the mean over what an order of the day
            must last, as the latest origin has it; NaN where there is none (see `demand/forecasts.py`).
        regressors: [T, 4, N] float32 units a day, or None: demand features for COEFF and BOTH
            that a source brings itself (the paper's synthetic settings).
        lead_time: [N] or [T, N] (by order day) int, days >= 0, or None.
        review_period: [N] int, days >= 1, or None.
        first_review: [N] int, day of the first review, or None.
        price: [N] float32, money per unit, or None.
        weight: [N] float32 >= 0, importance in weighted means, or None.
        initial_stock: [N] float32 units on hand before the first day, or [L+1, N] with what is due in 1..L
            days behind it, or None.
        mean_demand: [N] float32 units a day > 0, where the law is known, or None: then it is
            measured on the training days.
        knowledge: one of `KNOWLEDGE`.
        counted: demand is counted in pieces where it is whole; of a file, say.
    """

    demand: np.ndarray
    sku: np.ndarray
    warehouse: np.ndarray
    start: np.datetime64 = np.datetime64("2024-01-01", "D")
    ahead: dict[str, np.ndarray] = field(default_factory=dict)
    after: dict[str, np.ndarray] = field(default_factory=dict)
    static: dict[str, np.ndarray] = field(default_factory=dict)
    forecasts: dict[str, np.ndarray] = field(default_factory=dict)
    regressors: np.ndarray | None = None
    lead_time: np.ndarray | None = None
    review_period: np.ndarray | None = None
    first_review: np.ndarray | None = None
    price: np.ndarray | None = None
    weight: np.ndarray | None = None
    initial_stock: np.ndarray | None = None
    mean_demand: np.ndarray | None = None
    knowledge: str = "known"
    step: str = "day"
    in_stock: np.ndarray | None = None
    open: np.ndarray | None = None
    counted: bool = False

    def __post_init__(self) -> None:
        check(self)

    @property
    def days(self) -> int:
        return self.demand.shape[0]

    @property
    def pairs(self) -> int:
        return self.demand.shape[1]

    @property
    def dates(self) -> np.ndarray:
        """[T] `datetime64[D]`."""
        return timestep.dates(self.start, self.days, self.step)

    def date(self, day: int) -> np.datetime64:
        """The date of a day of the panel, or of one before or behind it."""
        return timestep.dates_at(self.start, day, self.step)

    def day(self, date: np.datetime64) -> int:
        """The date as a day of the panel, which may lie outside.

        Raises:
            InvrlError: it lies between two weeks, or months, of the panel.
        """
        number = date.astype("datetime64[D]").astype(int)
        found = int(timestep.steps_from(self.start, np.array([number]), self.step)[0])
        if found == timestep.BETWEEN:
            hint = f"the next after the data is {self.date(self.days)}"
            raise InvrlError(f"{date} begins no {self.step} of the data", hint=hint)
        return found

    @property
    def names(self) -> np.ndarray:
        """[N] str, `sku@warehouse`, for messages and file rows."""
        return np.char.add(np.char.add(self.sku.astype(str), "@"), self.warehouse.astype(str))

    @property
    def by_warehouse(self) -> np.ndarray:
        """[N] int, the pairs by warehouse, then SKU; supply is drawn in this order, whatever the rows' is."""
        return np.lexsort((_places(self.sku), _places(self.warehouse)))

    @property
    def by_sku(self) -> np.ndarray:
        """[N] int, the pairs by SKU, then warehouse; the pairs of each part are drawn in this order."""
        return np.lexsort((_places(self.warehouse), _places(self.sku)))

    def missing_forecasts(self) -> tuple[np.datetime64, float]:
        """The first day with some own forecast, and the share of pair-days that lack one."""
        missing = np.mean([np.isnan(x) for x in self.forecasts.values()], axis=(0, 2))  # [T]
        return self.dates[int(np.argmax(missing < 1))], float(missing.mean())

    def take(self, pairs: np.ndarray) -> Panel:
        """The panel of the given pairs (an index or a mask over N), in that order."""

        def cut(value: Any) -> Any:
            if isinstance(value, dict):
                return {name: column[..., pairs] for name, column in value.items()}
            return value[..., pairs] if isinstance(value, np.ndarray) else value

        return replace(self, **{f.name: cut(getattr(self, f.name)) for f in fields(self)})

    def fingerprint(self) -> str:
        """A hash of everything in the panel: equal panels, equal fingerprints."""
        digest = hashlib.sha256()
        for f in fields(self):
            if f.name == "counted":  # what a source says of its demand, not data
                continue
            value = getattr(self, f.name)
            if f.name in LATER and not isinstance(value, np.ndarray) and value == f.default:
                continue
            columns = value.items() if isinstance(value, dict) else [(f.name, value)]
            for name, column in columns:
                digest.update(name.encode())
                if isinstance(column, np.ndarray):
                    digest.update(_bytes(column))
                else:
                    digest.update(str(column).encode())
        return digest.hexdigest()[:16]


def _places(names: np.ndarray) -> np.ndarray:
    """[N] int, the place of each name among the sorted ones; `S2` comes before `S10`."""
    words, number = np.unique(names.astype(str), return_inverse=True)
    keys = [(re.sub(r"\d+", lambda found: found[0].zfill(20), word), word) for word in words.tolist()]
    return np.argsort(sorted(range(len(keys)), key=keys.__getitem__))[number]


def _bytes(column: np.ndarray) -> bytes:
    """Equal values, equal bytes, whatever the width of the text or the whole numbers."""
    if column.dtype.kind in "UO":
        return "\0".join(map(str, column.tolist())).encode()
    wide = column.astype(np.int64) if column.dtype.kind in "iub" else column.astype(np.float32)
    return str(wide.shape).encode() + wide.tobytes()


def check(panel: Panel) -> None:
    """Refuse a panel that the simulator could not run, naming the first bad place."""
    demand, (days, pairs) = panel.demand, panel.demand.shape
    if days < 1 or pairs < 1:
        raise InvrlError(f"the panel has {pairs} pairs x {days} days", hint="at least 1 pair and 1 day")
    bad = ~(np.isfinite(demand) & (demand >= 0))
    if bad.any():
        t, i = np.argwhere(bad)[0]
        raise InvrlError(
            f"demand of {panel.names[i]} on {panel.dates[t]} is {demand[t, i]}",
            hint="demand is a finite number >= 0 on every day",
        )
    if panel.knowledge not in KNOWLEDGE:
        raise InvrlError(f"knowledge is `{panel.knowledge}`", hint=f"one of {', '.join(KNOWLEDGE)}")
    timestep.check(panel.step)
    masks = {name: getattr(panel, name) for name in ("in_stock", "open") if getattr(panel, name) is not None}
    kinds = {"ahead": panel.ahead, "after": panel.after, "mask": masks, "forecast": panel.forecasts}
    for label, columns in kinds.items():
        for name, column in columns.items():
            _expect(f"{label} column `{name}`", column, (days, pairs))
    for name in (
        "sku",
        "warehouse",
        "review_period",
        "first_review",
        "price",
        "weight",
        "mean_demand",
    ):
        value = getattr(panel, name)
        if value is not None:
            _expect(name, value, (pairs,))
    for name, column in panel.static.items():
        _expect(f"static column `{name}`", column, (pairs,))
    if panel.initial_stock is not None and panel.initial_stock.shape[-1:] != (pairs,):
        _expect("initial_stock", panel.initial_stock, (pairs,))
    if panel.lead_time is not None and panel.lead_time.shape not in ((pairs,), (days, pairs)):
        _expect("lead_time", panel.lead_time, (pairs,))
    if panel.regressors is not None:
        _expect("regressors", panel.regressors, (days, 4, pairs))
    _check_values(panel)


def _check_values(panel: Panel) -> None:
    demand = panel.demand
    if demand.max() > MOST:
        t, i = np.unravel_index(int(demand.argmax()), demand.shape)
        text = f"demand of {panel.names[i]} on {panel.dates[t]} is {demand[t, i]:g}"
        raise InvrlError(text, hint=f"at most {MOST:g} a day: mend it, or count in a larger unit")
    for name, column in (panel.ahead | panel.after | panel.static).items():
        if column.dtype.kind == "f" and not np.isfinite(column).all():
            raise InvrlError(f"column `{name}` has a value that is no finite number")
    _at_least("lead_time", panel.lead_time, 0)
    _at_least("price", panel.price, 0)
    _at_least("in_stock", panel.in_stock, 0)
    _at_least("review_period", panel.review_period, 1)
    _at_least("weight", panel.weight, 0)
    _at_least("initial_stock", panel.initial_stock, 0)
    _at_least("mean_demand", panel.mean_demand, 1e-30)


def _expect(name: str, value: np.ndarray, shape: tuple[int, ...]) -> None:
    if value.shape != shape:
        raise InvrlError(f"{name} has shape {value.shape}, the panel wants {shape}")


def _at_least(name: str, value: np.ndarray | None, low: float) -> None:
    if value is None:
        return
    bad = ~(value >= low)  # also catches NaN
    if bad.any():
        where = int(np.argwhere(bad)[0][-1])
        raise InvrlError(f"{name} of pair {where} is below {low} or missing")
