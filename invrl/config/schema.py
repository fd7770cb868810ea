"""Every setting of an experiment, with its default and a sentence; `configs.py` reads and checks them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True)
class Data:
    """Where demand comes from."""

    source: str = "retail"
    """A name in the registry's SOURCES; `file` reads `path`."""
    path: str = ""
    """CSV or Parquet file (source `file`); relative to the working directory."""
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
    gaps: Literal["error", "zero"] = "error"
    """Source `file`: a missing pair-day is an error, or a day without demand."""
    piece_pairs: int = 0
    """Pairs whose episodes are in memory at once; a larger part streams piece by piece. 0: as many as fit."""


@dataclass(frozen=True)
class Supply:
    """Lead times, review periods and limits; a panel's own columns win over the rules.

    A rule is a number (`3`), a range drawn evenly per pair (`1-7`) or choices (`1,2,7`).
    """

    lead_time: str = "3"
    """Days from order to arrival (rule)."""
    review_period: str = "2"
    """Days between reviews (rule)."""
    first_review: str = "0"
    """Day of the first review (rule); `spread` staggers it over the review period."""
    seed: int = 0
    """Seed of the rules' draws."""
    unmet: Literal["lost", "backlog"] = "lost"
    """What happens to demand beyond the stock."""
    initial_days: float = 1.0
    """Stock on hand at the start, in protection intervals (lead time + review period) of recent demand."""
    max_order: float = 60.0
    """Largest order, in days of mean demand."""
    max_position: float = 120.0
    """An order never lifts the inventory position above this many days of mean demand."""
    max_order_units: float = 0.0
    """Largest order in units; 0 means no such limit."""
    pack_size: float = 0.0
    """Evaluated and recommended orders are rounded to multiples of this; 0 keeps them continuous."""
    min_order: float = 0.0
    """Evaluated and recommended orders below this many units are not placed."""


@dataclass(frozen=True)
class Split:
    """Which pairs and days train, validate and test."""

    by: Literal["days", "pairs", "both"] = "days"
    """Later days of the same pairs, other pairs of the same days, or (Tmall) other pairs to
    validate and later days of all pairs to test."""
    train_days: int = 0
    """Days from the panel's start used to train; 0 means all that the other parts leave."""
    validation_days: int = 15
    test_days: int = 15
    train_pairs: int = 0
    """Pairs used to train when pairs are split; 0 means all that the other parts leave."""
    validation_pairs: int = 0
    test_pairs: int = 0
    """By pairs only."""
    shuffle: bool = True
    """Draw the pairs of each part at random; false keeps the panel's order."""
    seed: int = 0
    history_days: int = 14
    """Days before the first order, seen only by the features; held-out pairs are known by them alone."""
    warmup_days: int = 21
    """Days that validation and test run before they are measured."""


@dataclass(frozen=True)
class Features:
    """What the network sees beside the inventory."""

    groups: tuple[str, ...] = ("recent", "forecast", "calendar", "today", "coming", "supply")
    """Of recent, forecast, calendar, today, coming, supply, static."""
    short: int = 7
    """Days of the short trailing mean."""
    long: int = 28
    """Days of the long trailing mean."""
    level: Literal["trailing", "mean"] = "trailing"
    """The unit a policy thinks in: the long trailing mean, which follows demand as it drifts, or
    the mean of the training days (stationary demand)."""


@dataclass(frozen=True)
class Objective:
    """What training minimises; measures are always reported exactly."""

    kind: Literal["service", "cost"] = "service"
    """`service`: stockout_weight * SR + turnover_weight * TT;
    `cost`: penalty * unmet + holding * leftover."""
    stockout_weight: float = 30.0
    """Price of a pair that is always out of stock (SR = 1), in days of turnover."""
    turnover_weight: float = 1.0
    penalty: float = 0.9
    """b, per unit of unmet demand (and day, when backlogged)."""
    holding: float = 0.1
    """h, per unit left over at the end of a day."""
    per: Literal["mean_demand", "unit"] = "mean_demand"
    """Cost per pair in multiples of its mean daily demand, or in plain units."""
    width: float = 0.1
    """Smoothing of the stockout indicator in DS, in days of mean demand."""
    target_stockout: float = 0.0
    """If > 0: tune the stockout weight until the validation stockout rate meets this share."""


@dataclass(frozen=True)
class Network:
    hidden: tuple[int, ...] = (64, 64)
    activation: Literal["relu", "silu", "elu", "tanh"] = "silu"


@dataclass(frozen=True)
class Train:
    """The loop that every algorithm shares."""

    updates: int = 600
    """Gradient steps at most."""
    evaluate_every: int = 20
    """Updates between two looks at the validation set (= log line, checkpoint)."""
    patience: int = 15
    """Evaluations in a row without improvement before the run stops; 0 never stops early."""
    min_improvement: float = 1e-4
    """Relative improvement of the validation objective that counts."""
    terminal: bool = False
    """DDPG, PPO: nothing counts after the last training day (a finite horizon); else the days go on."""


@dataclass(frozen=True)
class DS:
    """Differentiable simulator (Madeka et al. 2022; Alvo et al. 2023)."""

    learning_rate: float = 3e-3
    final_learning_rate: float = 3e-4
    """Reached by a cosine at the last update."""
    clip_norm: float = 1.0
    """Global gradient norm."""
    batch_pairs: int = 2048
    """Pairs per gradient step; rounded to whole blocks."""


@dataclass(frozen=True)
class DDPG:
    """Deep deterministic policy gradient (Lillicrap et al. 2016); an update is one rollout and
    `gradient_steps` minibatches."""

    actor_learning_rate: float = 1e-3
    critic_learning_rate: float = 1e-3
    final_rate: float = 0.1
    """Share of the learning rates left at the last update, reached by a cosine."""
    clip_norm: float = 10.0
    """Global gradient norm, of the actor and of the critic each."""
    gamma: float = 0.95
    """Discount from one order to the next."""
    tau: float = 0.005
    """Share of the online networks that the targets take over in each gradient step (Polyak)."""
    noise: float = 0.3
    """Standard deviation of the exploration noise on the aim, at the first update ..."""
    final_noise: float = 0.2
    """... and at the last, reached by a cosine."""
    learning_starts: int = 0
    """Updates whose aims are drawn evenly from all allowed ones, before the actor acts."""
    critic_warmup: int = 500
    """Gradient steps of the critic alone, before the actor moves."""
    batch_pairs: int = 512
    """Pairs rolled out per update, with new noise."""
    copies: int = 1
    """Rollouts of each of them, for panels of a few pairs."""
    replay: int = 100_000
    """Transitions in the replay buffer, rounded down to whole rollouts."""
    gradient_steps: int = 50
    """Gradient steps per update."""
    minibatch: int = 256
    """Transitions per gradient step."""
    hidden: tuple[int, ...] = (64, 64)
    """Hidden layers of the critic; the actor's are `network.hidden`."""
    layer_norm: bool = True
    """Layer normalisation in the critic."""
    aim_min: float = 0.0
    """Aims are executed and stored between `aim_min` ..."""
    aim_max: float = 3.0
    """... and `aim_max`, in units of recent demand."""
    normalise_rewards: bool = True
    """Shift and scale rewards so that those of the first rollout have mean 0 and deviation 1."""
    reward_scale: float = 1.0
    """Factor on (normalised) rewards."""


@dataclass(frozen=True)
class PPO:
    """Proximal policy optimisation (Schulman et al. 2017); an update is one rollout and `epochs` over it."""

    learning_rate: float = 2e-3
    final_rate: float = 0.1
    """Share of the learning rate left at the last update, reached by a cosine."""
    clip_norm: float = 0.5
    """Global gradient norm, of policy and value network together."""
    gamma: float = 0.95
    """Discount from one order to the next."""
    trace: float = 0.9
    """Lambda of the generalised advantage estimate."""
    clip: float = 0.2
    """Largest change of an action's probability that is rewarded, relative."""
    value_weight: float = 0.5
    """Weight of the value loss."""
    entropy: float = 0.0
    """Weight of the entropy bonus at the first update ..."""
    final_entropy: float = 0.0
    """... and at the last, reached by a cosine."""
    initial_std: float = 0.3
    """Standard deviation of the aim at the start; learned from then on."""
    epochs: int = 4
    minibatch: int = 2048
    """Transitions per gradient step."""
    normalise_advantages: bool = True
    """To mean 0 and deviation 1 over the update's transitions."""
    batch_pairs: int = 2048
    """Pairs rolled out per update."""
    copies: int = 1
    """Rollouts of each of them, for panels of a few pairs."""
    hidden: tuple[int, ...] = (64, 64)
    """Hidden layers of the value network; the policy's are `network.hidden`."""
    aim_min: float = 0.0
    """Aims are executed between `aim_min` ..."""
    aim_max: float = 3.0
    """... and `aim_max`, in units of recent demand."""
    normalise_rewards: bool = True
    """Shift and scale rewards so that those of the first rollout have mean 0 and deviation 1."""


@dataclass(frozen=True)
class Baseline:
    """How incumbents are tuned: a grid search on the training days."""

    per_pair: bool = False
    """Best grid point for each pair by itself, instead of one for all pairs."""
    forecast: Literal["search", "forecast", "short", "long", "mean", "shrunk"] = "search"
    """What an incumbent takes as the coming demand: the forecast by weekday, a trailing mean, the mean of the
    training days, or half way between the last two; `search` takes the best on the validation part."""
    beside: tuple[str, ...] = ("incumbent", "capped_base_stock", "projected_level", "clairvoyant")
    """Incumbents scored beside every trained policy."""


@dataclass(frozen=True)
class Evaluation:
    bootstrap: int = 1000
    """Resamples behind each interval."""
    seed: int = 0
    turnover_cap: float = 365.0
    """Turnover time of a pair is cut here (a pair with stock and no sales gets it)."""
    weights: Literal["equal", "sales", "value", "panel"] = "equal"
    """Weights of pairs in means; `panel` takes the data's own weight column."""


@dataclass(frozen=True)
class Config:
    """One training run, complete."""

    algo: str = "ds"
    reg: str = "both"
    seed: int = 0
    data: Data = field(default_factory=Data)
    supply: Supply = field(default_factory=Supply)
    split: Split = field(default_factory=Split)
    features: Features = field(default_factory=Features)
    objective: Objective = field(default_factory=Objective)
    network: Network = field(default_factory=Network)
    train: Train = field(default_factory=Train)
    ds: DS = field(default_factory=DS)
    ddpg: DDPG = field(default_factory=DDPG)
    ppo: PPO = field(default_factory=PPO)
    baseline: Baseline = field(default_factory=Baseline)
    evaluation: Evaluation = field(default_factory=Evaluation)
