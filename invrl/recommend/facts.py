"""Everything that a policy needs to know of some pairs today, with what stands in for what is missing."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from invrl import registry
from invrl.config.schema import Config
from invrl.demand.features import WEEKS
from invrl.errors import InvrlError
from invrl.recommend.catalogue import Catalogue, Coming, Priors
from invrl.recommend.state import Layout, State
from invrl.sources.long import REGRESSORS

FLAGS = {
    "cold_start": "no demand history: it counts as selling its mean every day",
    "short_history": "part of its recent days is unknown: they count as its mean",
    "new_pair": "not in the panel: its mean comes from its own history, `mean_demand`, or pairs like it",
    "assumed_supply": "lead time or review period unknown: the panel's median",
    "missing_ahead": "known-ahead columns of coming days are missing: they count as on a mean day",
    "missing_forecast": "no own forecast of the days that the order must last: the seasonal mean",
    "missing_static": "static columns are missing: they count as the mean",
    "not_review_day": "no review today: no order",
    "do_not_order": "not to be ordered",
    "capped": "the order was cut to the largest order or the largest inventory position",
    "rounded": "the order was rounded to whole packs",
    "moved_receipt": "overdue, or due beyond the longest lead time: counted as due tomorrow, or then",
    "below_minimum": "the order would have been below the minimum, or half a pack: none is placed",
}
"""Name of each flag -> what it says."""
BIT = {name: 1 << k for k, name in enumerate(FLAGS)}


class Facts(NamedTuple):
    """B pairs; demand is complete."""

    demand: np.ndarray  # [D, B] units a day, yesterday last
    scale: np.ndarray  # [B] units a day
    spread: np.ndarray  # [B] units a day
    static: np.ndarray  # [Ks, B] standardised
    coming: np.ndarray  # [H, Ka, B] standardised, today first
    regressors: np.ndarray | None  # [4, B] units a day
    lead_time: np.ndarray  # [B] days
    review_period: np.ndarray  # [B] days
    pair: np.ndarray  # [B] index into the panel, -1 for none
    flags: np.ndarray  # [B] int, sums of `BIT`
    typical: np.ndarray  # [B] units a day, scale of the training pair in the middle
    forecasts: np.ndarray | None = None  # [M, B] units a day, own forecasts, NaN where there is none


class Sources(NamedTuple):
    """Where facts come from, for all rows of the state file."""

    catalogue: Catalogue
    coming: Coming
    priors: Priors
    pair: np.ndarray  # [rows] index into the panel, -1 for none
    config: Config
    forecasts: dict[str, np.ndarray] | None = None  # name -> [rows] units a day, own forecasts; NaN for none

    def facts(self, state: State) -> Facts:
        rows = slice(state.start, state.start + state.rows)
        pair = self.pair[rows]
        flags = np.where(pair < 0, BIT["new_pair"], 0)
        history = self._history(state, pair)
        scale, spread = self._moments(state, pair, history, self.priors.scale[rows])
        unknown = np.isnan(history)
        flags |= np.where(
            unknown.all(0), BIT["cold_start"], np.where(unknown.any(0), BIT["short_history"], 0)
        )
        lead_time, review_period, assumed = self.supply(state, pair)
        flags |= np.where(assumed, BIT["assumed_supply"], 0) | np.where(state.moved, BIT["moved_receipt"], 0)
        coming, missing = self._coming(state, pair, lead_time + review_period)
        flags |= np.where(missing, BIT["missing_ahead"], 0)
        static, missing = self._static(state, pair)
        flags |= np.where(missing, BIT["missing_static"], 0)
        own = np.stack([x[rows] for x in self.forecasts.values()]) if self.forecasts else None
        flags |= 0 if own is None else np.where(np.isnan(own).any(0), BIT["missing_forecast"], 0)
        return Facts(
            np.where(unknown, scale, history), scale, spread, static, coming, self._regressors(state, pair),
            lead_time, review_period, pair, flags, np.full(len(pair), self.catalogue.normaliser.typical), own,
        )  # fmt: skip

    def _history(self, state: State, pair: np.ndarray) -> np.ndarray:
        """[D, B] units a day, NaN where unknown."""
        if state.demand is not None:
            return state.demand[-history_days(self.config) :]
        day = self.catalogue.day
        held = self.catalogue.seen[max(day - history_days(self.config), 0) : day]
        return np.where(pair >= 0, held[:, pair], np.nan).astype(np.float32)

    def _moments(
        self, state: State, pair: np.ndarray, history: np.ndarray, prior: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """(mean, standard deviation) [B]: of the state, else the panel, else the history, else a guess."""
        count = (~np.isnan(history)).sum(0)
        mean = np.nansum(history, 0) / np.maximum(count, 1)
        deviation = np.sqrt(np.nansum((history - mean) ** 2, 0) / np.maximum(count, 1))
        own = np.where(mean > 0, mean, prior / (count + 1))  # known days without a sale: one of the prior
        scale = _first(state.numbers.get("mean_demand"), np.where(pair >= 0, self.catalogue.scale[pair], own))
        few = np.where(count > 1, deviation, self.priors.variation * scale)
        spread = _first(state.numbers.get("sd_demand"), np.where(pair >= 0, self.catalogue.spread[pair], few))
        return scale.astype(np.float32), spread.astype(np.float32)

    def supply(self, state: State, pair: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """[B] lead times, review periods, and whether one of them was assumed."""
        found, assumed = [], np.zeros(state.rows, bool)
        for name, known, guess in (
            ("lead_time", self.catalogue.lead_time, min(self.priors.lead_time, len(state.due))),
            ("review_period", self.catalogue.review_period, self.priors.review_period),
        ):
            given = state.numbers.get(name, np.full(state.rows, np.nan))
            assumed |= np.isnan(given) & (pair < 0) & (known != known[0]).any()
            found.append(_first(given, np.where(pair >= 0, known[pair], guess)).astype(np.int32))
        return found[0], found[1], assumed

    def _coming(self, state: State, pair: np.ndarray, horizon: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        normaliser, groups = self.catalogue.normaliser, self.config.features.groups
        raw = self.coming.values(state, pair)
        looked_at = horizon if "coming" in groups else np.full(state.rows, int("today" in groups))
        lacking = np.isnan(raw).any(1)
        missing = (lacking & (np.arange(len(raw))[:, None] < looked_at)).any(0) | (looked_at > len(raw))
        missing &= raw.shape[1] > 0
        standard = (raw - normaliser.ahead_mean[:, None]) / normaliser.ahead_sd[:, None]
        return np.nan_to_num(standard), np.asarray(missing)

    def _static(self, state: State, pair: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        catalogue, normaliser = self.catalogue, self.catalogue.normaliser
        out = np.where(pair >= 0, catalogue.static[:, pair], np.nan)
        for k, name in enumerate(catalogue.static_names):
            if name in state.numbers:
                given = (state.numbers[name] - normaliser.static_mean[k]) / normaliser.static_sd[k]
                out[k] = _first(given, out[k])
        missing = np.isnan(out).any(0) & ("static" in self.config.features.groups)
        return np.nan_to_num(out).astype(np.float32), np.asarray(missing)

    def _regressors(self, state: State, pair: np.ndarray) -> np.ndarray | None:
        """[4, B], for data that brings its own demand features."""
        panel, day = self.catalogue.panel, self.catalogue.day
        if panel.regressors is None:
            return None
        out = np.full((4, state.rows), np.nan, np.float32)
        if 0 <= day < panel.days:
            out = np.where(pair >= 0, panel.regressors[day][:, pair], np.nan)
        for k, name in enumerate(REGRESSORS):
            out[k] = _first(state.numbers.get(name), out[k])
        if np.isnan(out).any():
            raise InvrlError(
                "this run's data brings its own demand features, and a pair has none for the day",
                hint=f"give the state the columns {', '.join(REGRESSORS)}",
            )
        return out


def _first(given: np.ndarray | None, other: np.ndarray) -> np.ndarray:
    """What is given, and the other where that is empty."""
    return other if given is None else np.where(np.isnan(given), other, given)


def history_days(config: Config) -> int:
    """Days before the date that the features look at; an incumbent's smooth over all of them."""
    if config.algo in registry.BASELINES:
        return HISTORY
    return max(config.features.short, config.features.long, 7 * WEEKS)


HISTORY = 728
"""Days, two years: what was longer ago has no weight left in any smoothing."""


def check_history(layout: Layout, catalogue: Catalogue, dated: bool) -> None:
    """Refuse a date that neither the panel nor the state knows the days before.

    Args:
        dated: the user said which date.
    """
    panel, day = catalogue.panel, catalogue.day
    if layout.demand:
        if not dated:
            hint = "such as --date 2024-06-26"
            raise layout.file.fail("it brings its own demand history: say which day to order for", hint=hint)
        return
    last = panel.date(panel.days - 1)
    if day < 1:
        raise InvrlError(
            f"no demand is known before {catalogue.date}: the panel begins on {panel.start}", hint=REACH
        )
    if day > panel.days:
        text = f"demand is known up to {last}; the order is for {catalogue.date}"
        raise InvrlError(
            text, hint=f"--date {panel.date(panel.days)}, or newer data with --data FILE, or {REACH}"
        )


REACH = "columns demand_1, demand_2, ... (units 1, 2, ... days ago) in the state"
