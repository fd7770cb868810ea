"""Every setting of an experiment: default, sentence, unit, bounds, traced or not (`setting.py`)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

from invrl.config.algorithms import DDPG, DS, PPO
from invrl.config.setting import ABOVE_0, SHARE, TRACED, Bounds

Days = Annotated[int, "days"]
Pairs = Annotated[int, "pairs"]


@dataclass(frozen=True)
class Data:
    """Where demand comes from."""

    source: str = "retail"
    """A name in the registry's SOURCES; `file` reads `path`."""
    path: str = ""
    """CSV or Parquet file (source `file`), or a folder or pattern (`sales-*.csv`) of files read as one;
    relative to the working directory."""
    options: dict[str, Any] = field(default_factory=dict)
    """Arguments of the source, such as `pairs`, `days`, `seed`."""
    columns: dict[str, str] = field(default_factory=dict)
    """Source `file`: our name -> the file's column name, such as `demand = "qty"`."""
    ahead: tuple[str, ...] = ()
    """Source `file`: columns known before the day (promotion, holiday)."""
    after: tuple[str, ...] = ()
    """Source `file`: columns known only after the day (stock-out hours)."""
    static: tuple[str, ...] = ()
    """Source `file`: columns constant per pair (category, city)."""
    knowledge: Literal["known", "censored", "uncensored"] = "known"
    """Source `file`: is the demand column what customers wanted, or sales?"""
    gaps: Literal["error", "zero", "listed"] = "error"
    """Source `file`: a missing row is an error, or a day without demand; `listed`: a pair is sold from its
    first row to its last one, and a day without any row of its warehouse is a closed day."""
    step: Literal["auto", "day", "week", "month"] = "auto"
    """Source `file`: the time step, found from the dates. What is counted in days counts in such steps."""
    forecasts: tuple[str, ...] = ()
    """Files of own forecasts: a row per pair, origin and target day, a column (or `model`) per forecast."""
    forecast_columns: dict[str, str] = field(default_factory=dict)
    """Our name -> that file's name: sku, warehouse, origin or cutoff, date or horizon, model."""
    forecast_models: tuple[str, ...] = ()
    """Forecasts to take of those files; empty takes all."""
    forecast_gaps: Literal["error", "fill"] = "error"
    """A review without an own forecast, or one of an unknown pair, is an error; or the seasonal mean stands
    in, and unknown pairs are left out. Before the first origin the seasonal mean always does."""
    piece_pairs: Pairs = 0
    """Pairs whose episodes are in memory at once; a larger part streams piece by piece. 0: as many as fit."""


@dataclass(frozen=True)
class Supply:
    """Lead times, review periods and limits; a panel's own columns win over the rules.

    A rule is a number (`3`), a range drawn evenly per pair (`1-7`) or choices (`1,2,7`).
    """

    lead_time: Annotated[str, "days"] = "3"
    """Days from order to arrival (rule)."""
    review_period: Annotated[str, "days"] = "2"
    """Days between reviews (rule)."""
    first_review: Annotated[str, "days"] = "0"
    """Day of the first review (rule); `spread` staggers it over the review period."""
    seed: int = 0
    """Seed of the rules' draws."""
    unmet: Literal["lost", "backlog"] = "lost"
    """What happens to demand beyond the stock."""
    initial_days: Annotated[float, "protection intervals of demand", Bounds(0, 1e4)] = 1.0
    """Stock on hand at the start, in protection intervals (lead time + review period) of recent demand;
    the same whatever `[features]` shows to a policy."""
    units: Literal["auto", "whole", "continuous"] = "auto"
    """`whole`: stock and orders are whole units, and less than one in stock is none; `auto`: where a file (or
    a source that counts pieces) has whole demand on every training day."""
    max_order: Annotated[float, "days of demand"] = 60.0
    """Largest order, in days of mean demand, but never less than the least order; 0 means no such limit."""
    max_position: Annotated[float, "days of demand"] = 120.0
    """An order never lifts the inventory position above this many days of mean demand, but twice the least
    order always fits; 0 means no such limit."""
    max_order_units: Annotated[float, "units"] = 0.0
    """Largest order in units; 0 means no such limit."""
    pack_size: Annotated[float, "units"] = 0.0
    """Orders are rounded to multiples of this, half a pack up, in training and evaluation; 0: no packs."""
    min_order: Annotated[float, "units"] = 0.0
    """Orders below this many units are not placed; 0 means no such limit."""


@dataclass(frozen=True)
class Split:
    """Which pairs and days train, validate and test."""

    by: Literal["days", "pairs", "both"] = "days"
    """Later days of the same pairs, other pairs of the same days, or (Tmall) other pairs to
    validate and later days of all pairs to test."""
    train_days: Days = 0
    """Days from the panel's start used to train; 0 means all that the other parts leave."""
    validation_days: Days = 15
    """Days before the test, to choose updates, configurations and incumbents by."""
    test_days: Days = 15
    """The last days of the panel, read once. 0: none is kept back (to order from it, or to play on later
    sales); what is shown as the test is the validation part again, which chose the policy."""
    train_pairs: Pairs = 0
    """Pairs used to train when pairs are split; 0 means all that the other parts leave."""
    validation_pairs: Pairs = 0
    """Pairs held out to choose by, when pairs are split."""
    test_pairs: Pairs = 0
    """Pairs held out for the test; by pairs only."""
    shuffle: bool = True
    """Draw the pairs of each part at random; false keeps the panel's order."""
    seed: int = 0
    """Seed of that draw."""
    history_days: Days = 14
    """Days before the first order, seen only by the features; held-out pairs are known by them alone."""
    warmup_days: Days = 21
    """Days that validation and test run before they are measured."""


GROUPS = {
    "recent": "trailing means (short, long), yesterday, trailing standard deviation",
    "yesterday": "demand of the day before the review",
    "forecast": "expected demand until arrival, and in the review period that the order serves",
    "calendar": "day of the week; week or month of the year",
    "today": "known-ahead columns on the review day",
    "coming": "known-ahead columns, mean over the protection interval",
    "supply": "lead time, review period, demand scale against the middle pair's, variability",
    "level": "recent demand against the middle pair's",
    "season": "season of the year: in the review period an order serves, and in four after it",
    "smoothed": "expected demand by exponential smoothing, Croston, SBA and TSB",
    "quantiles": "quantiles of the pair's own past demand over the protection interval",
    "static": "numeric attributes of the pair",
}
"""Groups of features -> what is in them."""


@dataclass(frozen=True)
class Recombine:
    """More training trajectories, put together from blocks of days of those there are."""

    by: Literal["off", "pairs", "time", "residuals"] = "off"
    """Whose days: those of other pairs (pairs of one law, independent blocks), other days of the pair, or its
    own errors of a forecast by the day before, summed up again."""
    copies: Annotated[int, ABOVE_0] = 100
    """New pairs for each training pair; they take its place."""
    block: Annotated[int, "days"] = 0
    """Days that stay together; 0: a review period. Whole weeks keep the days of the week."""


@dataclass(frozen=True)
class Features:
    """What the network sees beside the inventory."""

    groups: tuple[str, ...] = ("recent", "forecast", "calendar", "today", "coming", "supply")
    """Of recent, forecast, calendar, today, coming, supply, static."""
    short: Annotated[int, "days", ABOVE_0] = 7
    """Days of the short trailing mean."""
    long: Annotated[int, "days", ABOVE_0] = 28
    """Days of the long trailing mean."""
    level: Literal["shrunk", "discounted", "trailing", "mean"] = "shrunk"
    """The unit a policy thinks in: the long trailing mean, which follows demand as it drifts; the mean of
    the training days (stationary demand); or `shrunk`, the first drawn to the second as far as it is noise;
    or `discounted`, exponential smoothing drawn to the mean of the days before."""


@dataclass(frozen=True)
class Objective:
    """What training minimises; measures are always reported exactly."""

    kind: Literal["service", "cost"] = "service"
    """`service`: stockout_weight * SR + turnover_weight * TT;
    `cost`: penalty * unmet + holding * leftover."""
    stockout_weight: Annotated[float, "days of turnover", TRACED] = 30.0
    """Weight of the stockout rate: what SR = 1 costs, in days of turnover."""
    turnover_weight: Annotated[float, "per day of turnover", TRACED] = 1.0
    """Weight of a day of turnover time."""
    penalty: Annotated[float, "per unit", TRACED] = 0.9
    """b, per unit of unmet demand (and day, when backlogged)."""
    holding: Annotated[float, "per unit and day", TRACED] = 0.1
    """h, per unit left over at the end of a day."""
    per: Literal["mean_demand", "unit"] = "mean_demand"
    """Cost per pair in multiples of its mean daily demand, or in plain units."""
    width: Annotated[float, "days of demand", TRACED, ABOVE_0] = 0.1
    """Smoothing of the stockout indicator in DS, in days of mean demand."""
    target_stockout: Annotated[float, SHARE] = 0.0
    """If > 0: tune the stockout weight until the validation stockout rate meets this share."""


@dataclass(frozen=True)
class Network:
    hidden: Annotated[tuple[int, ...], "units per layer", ABOVE_0] = (64, 64)
    """Hidden layers of the policy."""
    activation: Literal["near_silu", "relu", "silu", "elu", "tanh"] = "near_silu"
    """Of every hidden layer, of critics too; near_silu is SiLU within 2e-4, without its exponential."""


@dataclass(frozen=True)
class Train:
    """The loop that every algorithm shares."""

    updates: Annotated[int, "updates"] = 600
    """Gradient steps at most, rounded up to whole `evaluate_every`."""
    evaluate_every: Annotated[int, "updates", ABOVE_0] = 20
    """Updates between two looks at the validation set (= log line, checkpoint)."""
    patience: Annotated[int, "evaluations"] = 15
    """Evaluations in a row without improvement before the run stops; 0 never stops early."""
    min_improvement: float = 1e-4
    """Relative improvement of the validation objective that counts."""
    terminal: bool = False
    """DDPG, PPO: nothing counts after the last training day (a finite horizon); else the days go on."""


@dataclass(frozen=True)
class Baseline:
    """How incumbents are tuned: a grid search on the training days."""

    per_pair: bool = False
    """Best grid point for each pair by itself, instead of one for all pairs."""
    forecast: str = "search"
    """What an incumbent takes as the coming demand: `forecast` by weekday, the trailing means `short` and
    `long`, `mean` of the training days, `shrunk` (the unit of `features.level`), smoothing by `ses`,
    `croston`, `sba` or `tsb`, or an own forecast by its name (a quantile is itself the level to order up to);
    `search` takes the best on the validation part."""
    distribution: Literal["search", "normal", "negbin", "poisson", "empirical"] = "search"
    """What a level is a quantile of: a normal, negative binomial or Poisson distribution about the forecast,
    or the pair's own past demand over protection intervals; `search` takes the best on validation."""
    beside: tuple[str, ...] = ("incumbent", "capped_base_stock", "projected_level", "clairvoyant")
    """Incumbents evaluated together with every trained policy."""


@dataclass(frozen=True)
class Evaluation:
    bootstrap: Annotated[int, "resamples"] = 1000
    """Resamples behind each interval."""
    seed: int = 0
    """Seed of the resamples."""
    turnover_cap: Annotated[float, "days", ABOVE_0] = 365.0
    """Turnover time of a pair is cut here (a pair with stock and no sales gets it)."""
    weights: Literal["equal", "sales", "value", "panel"] = "equal"
    """Weights of pairs in means; `panel` takes the data's own weight column."""


@dataclass(frozen=True)
class Config:
    """One training run, complete."""

    algo: str = "ds"
    """An algorithm, or an incumbent that is tuned instead."""
    reg: str = "both"
    """The policy's form (regularisation)."""
    seed: Annotated[int, TRACED] = 0
    """Seed of the training run."""
    data: Data = field(default_factory=Data)
    supply: Supply = field(default_factory=Supply)
    split: Split = field(default_factory=Split)
    recombine: Recombine = field(default_factory=Recombine)
    features: Features = field(default_factory=Features)
    objective: Objective = field(default_factory=Objective)
    network: Network = field(default_factory=Network)
    train: Train = field(default_factory=Train)
    ds: DS = field(default_factory=DS)
    ddpg: DDPG = field(default_factory=DDPG)
    ppo: PPO = field(default_factory=PPO)
    baseline: Baseline = field(default_factory=Baseline)
    evaluation: Evaluation = field(default_factory=Evaluation)
