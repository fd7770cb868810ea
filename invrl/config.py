"""The experiment config: frozen dataclasses, read from TOML and `key=value` words.

One file describes one setting; `[tuned.<algo>.<reg>]` tables hold what differs
between its cells. Every mistake in a file is reported, not only the first.
"""

from __future__ import annotations

import dataclasses
import json
import tomllib
import typing
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from invrl import registry
from invrl.errors import InvrlError, nearest


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
    """Days before the first order, seen only by the features."""
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
    """Standard deviation of the exploration noise on raw actions, at the first update ..."""
    final_noise: float = 0.2
    """... and at the last, reached by a cosine."""
    learning_starts: int = 0
    """Updates whose raw actions are drawn evenly from the box, before the actor acts."""
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
    twin: bool = False
    """Two critics, of which the lower target counts (TD3, Fujimoto et al. 2018)."""
    actor_every: int = 1
    """Gradient steps per step of the actor (TD3: 2)."""
    target_noise: float = 0.0
    """Standard deviation of the noise on the target's action, cut at 2.5 of it (TD3)."""
    action_low: float = -1.0
    """Raw actions are executed and stored within start + low ..."""
    action_high: float = 2.0
    """... and start + high of the head, in every dimension."""
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
    value_clip: float = 0.0
    """Largest change of a value per update, in (normalised) rewards; 0 for no limit."""
    value_weight: float = 0.5
    """Weight of the value loss."""
    entropy: float = 0.0
    """Weight of the entropy bonus at the first update ..."""
    final_entropy: float = 0.0
    """... and at the last, reached by a cosine."""
    initial_std: float = 0.3
    """Standard deviation of raw actions at the start; learned from then on."""
    epochs: int = 4
    minibatch: int = 2048
    """Transitions per gradient step."""
    target_kl: float = 0.0
    """An update stops once a minibatch's KL divergence from the old policy is above; 0 never stops."""
    normalise_advantages: bool = True
    """To mean 0 and deviation 1 over the update's transitions."""
    batch_pairs: int = 2048
    """Pairs rolled out per update."""
    copies: int = 1
    """Rollouts of each of them, for panels of a few pairs."""
    hidden: tuple[int, ...] = (64, 64)
    """Hidden layers of the value network; the policy's are `network.hidden`."""
    action_low: float = -1.0
    """Raw actions are executed within start + low ..."""
    action_high: float = 2.0
    """... and start + high of the head, in every dimension."""
    normalise_rewards: bool = True
    """Shift and scale rewards so that those of the first rollout have mean 0 and deviation 1."""


@dataclass(frozen=True)
class Baseline:
    """How incumbents are tuned: a grid search on the training days."""

    per_pair: bool = False
    """Best grid point for each pair by itself, instead of one for all pairs."""
    forecast: Literal["forecast", "short", "long", "mean"] = "forecast"
    """What an incumbent takes as tomorrow's demand."""
    beside: tuple[str, ...] = ("incumbent", "capped_base_stock", "clairvoyant")
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


_PLACES = [Path(__file__).parent / "experiments", Path(__file__).parent.parent / "experiments"]
EXPERIMENTS = next((place for place in _PLACES if place.is_dir()), _PLACES[-1])
"""The ready configs: in an installed package, or beside it in a checkout."""


def load(
    name: str | None = None,
    overrides: Iterable[str] = (),
    algo: str | None = None,
    reg: str | None = None,
) -> Config:
    """The config behind a command line.

    Later wins: defaults, the file, its `[tuned.<algo>.<reg>]` table, `algo` and `reg`, overrides.

    Args:
        name: a file, or the name of one in `experiments/`; None for the defaults.
        overrides: `key.path=value` words.

    Raises:
        InvrlError: naming every unknown key and every value of the wrong type.
    """
    tree = read(find(name)) if name else {}
    tuned = tree.pop("tuned", {})
    tree.pop("search", None)  # see `search_lines`
    words = [parse_override(word) for word in overrides]
    for key, value in [("algo", algo), ("reg", reg), *words]:
        if key in ("algo", "reg") and value is not None:
            tree[key] = value
    cells = check_tuned(tuned)
    merge(tree, cells.get((str(tree.get("algo", Config.algo)), str(tree.get("reg", Config.reg))), {}))
    for key, value in words:
        nested: Any = value
        for part in reversed(key.split(".")):
            nested = {part: nested}
        merge(tree, nested)
    return build(tree)


def search_lines(name: str | None, algo: str) -> dict[str, Any]:
    """key -> range of a config's `[search]` table, without the sections of other algorithms."""
    tree = read(find(name)).get("search", {}) if name else {}
    others = set(registry.ALGORITHMS) - {algo}
    return {key: line for key, line in flatten(tree) if key.partition(".")[0] not in others}


def find(name: str) -> Path:
    """The path of a config given as a file or by its name in `experiments/`."""
    path = Path(name)
    if path.suffix == ".toml" or path.is_file():
        return path
    known = {p.stem: p for p in sorted(EXPERIMENTS.glob("*.toml"))}
    if name not in known:
        raise InvrlError(f"no config `{name}`", hint=nearest(name, known) if known else "give a FILE.toml")
    return known[name]


def read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InvrlError(f"no config file {path}", hint="`invrl config ls` lists the ready ones") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvrlError(f"{path} is not TOML: {error}") from None


def parse_override(word: str) -> tuple[str, Any]:
    """`key.path=value`, the value read as TOML, or as a string where it is none."""
    key, sign, text = word.partition("=")
    if not sign or not key:
        raise InvrlError(f"`{word}` is not key=value", hint="such as `train.updates=200`")
    try:
        return key, tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return key, text


def merge(tree: dict[str, Any], extra: Mapping[str, Any]) -> None:
    """Lay `extra` over `tree`, table by table, in place."""
    for key, value in extra.items():
        if isinstance(value, Mapping) and isinstance(tree.get(key), dict):
            merge(tree[key], value)
        else:
            tree[key] = dict(value) if isinstance(value, Mapping) else value


def check_tuned(tuned: Any) -> dict[tuple[str, str], Mapping[str, Any]]:
    """(algo, reg) -> table of every `[tuned.<algo>.<reg>]`; a mistake in any of them is an error."""
    cells = {}
    for algo, forms in _table("tuned", tuned, [*registry.ALGORITHMS, *registry.BASELINES]):
        for reg, cell in _table(f"tuned.{algo}", forms, registry.HEADS):
            if not isinstance(cell, Mapping):
                raise InvrlError(f"tuned.{algo}.{reg}: a table, not {cell!r}")
            build(cell)
            cells[algo, reg] = cell
    return cells


def _table(name: str, tree: Any, known: Iterable[str]) -> Iterable[tuple[str, Any]]:
    if not isinstance(tree, Mapping):
        raise InvrlError(f"{name}: a table, not {tree!r}", hint=f"such as `[{name}.NAME]`")
    known = list(known)
    for key in tree:
        if key not in known:
            raise InvrlError(f"{name}.{key}: unknown key", hint=nearest(key, known))
    return tree.items()


POSITIVE = (
    "train.evaluate_every", "objective.width", "ds.clip_norm", "ds.batch_pairs", "network.hidden",
    "evaluation.turnover_cap", "features.short", "features.long",
)  # fmt: skip
"""Keys whose numbers are above 0; all other numbers are at least 0 where `SIGNED` does not say otherwise."""
SIGNED = ("ddpg.action_low", "ddpg.action_high", "ppo.action_low", "ppo.action_high", "data.options")


def _check_bounds(config: Config, errors: list[tuple[str, str]]) -> None:
    """Refuse numbers that would train nonsense: negative, zero where nothing would happen, NaN."""
    for key, value in flatten(to_tree(config)):
        if key.startswith(SIGNED):
            continue
        for number in value if isinstance(value, list) else [value]:
            if isinstance(number, bool) or not isinstance(number, (int, float)):
                continue
            low = "above 0" if key in POSITIVE else "at least 0"
            if not (number > 0 or (number == 0 and key not in POSITIVE)):
                errors.append((f"{key}: {number} is not {low}", f"such as `{key}=1`"))


def build(tree: Mapping[str, Any]) -> Config:
    """A checked Config from nested tables; all errors are reported together."""
    errors: list[tuple[str, str]] = []
    config = _struct(Config, tree, "", errors)
    if not errors:
        _check_bounds(config, errors)
    if len(errors) == 1:
        raise InvrlError(*errors[0])
    if errors:
        raise InvrlError("\n       ".join(f"{message}; {hint}" for message, hint in errors))
    return config


def _struct(cls: type, tree: Mapping[str, Any], prefix: str, errors: list[tuple[str, str]]) -> Any:
    hints = typing.get_type_hints(cls)
    values = {}
    for key, value in tree.items():
        if key not in hints:
            errors.append((f"{prefix}{key}: unknown key", _unknown(prefix, key)))
        elif dataclasses.is_dataclass(hints[key]):
            if isinstance(value, Mapping):
                values[key] = _struct(hints[key], value, f"{prefix}{key}.", errors)
            else:
                errors.append(
                    (f"{prefix}{key}: a table, not {value!r}", f"such as `{prefix}{key}.NAME=VALUE`")
                )
        else:
            values[key] = _value(hints[key], value, f"{prefix}{key}", errors)
    return cls(**values)


def _unknown(prefix: str, key: str) -> str:
    return nearest(
        f"{prefix}{key}",
        [*(() if prefix else to_tree(Config())), *(k for k, _ in flatten(to_tree(Config())))],
    )


def _value(hint: Any, value: Any, key: str, errors: list[tuple[str, str]]) -> Any:
    """The value as the type wants it; a mismatch is noted in `errors`."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if origin is Literal:
        if value in args:
            return value
        errors.append((f"{key}: no choice {value!r}", f"one of {', '.join(map(str, args))}"))
    elif origin is tuple:
        words = value.split(",") if isinstance(value, str) else [value]
        items = value if isinstance(value, (list, tuple)) else [word for word in words if word != ""]
        return tuple(_value(args[0], item, key, errors) for item in items)
    elif origin is dict:
        if isinstance(value, Mapping):
            return dict(value)
        errors.append((f"{key}: a table, not {value!r}", f"such as `{key}.NAME=VALUE`"))
    elif hint is Any or isinstance(value, bool) == (hint is bool) and isinstance(value, hint):
        return value
    elif hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    elif hint is str and isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)  # rules such as lead_time = 3
    else:
        errors.append((f"{key}: {value!r} is not {_type_name(hint)}", f"such as `{key}={_example(hint)}`"))
    return value


def _type_name(hint: type) -> str:
    return {int: "a whole number", float: "a number", bool: "true or false", str: "text"}.get(hint, str(hint))


def _example(hint: type) -> str:
    return {int: "10", float: "0.1", bool: "true"}.get(hint, "text")


def to_tree(config: Any) -> dict[str, Any]:
    """The config as nested plain tables, for TOML, JSON and comparison."""
    return {
        f.name: to_tree(value) if dataclasses.is_dataclass(value) else _plain(value)
        for f in dataclasses.fields(config)
        for value in [getattr(config, f.name)]
    }


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else dict(value) if isinstance(value, Mapping) else value


def flatten(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """(`key.path`, value) of every leaf."""
    for key, value in tree.items():
        if isinstance(value, Mapping) and value:
            yield from flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def to_toml(config: Config) -> str:
    """The config as TOML text that `load` reads back to the same config."""
    lines: list[str] = []
    _write_table(to_tree(config), "", lines)
    return "\n".join(lines).lstrip() + "\n"


def _write_table(tree: Mapping[str, Any], name: str, lines: list[str]) -> None:
    if name:
        lines += ["", f"[{name}]"]
    for key, value in tree.items():
        if not isinstance(value, Mapping):
            lines.append(f"{_key(key)} = {_toml(value)}")
    for key, value in tree.items():
        if isinstance(value, Mapping) and value:
            _write_table(value, f"{name}.{_key(key)}" if name else _key(key), lines)


def _key(key: str) -> str:
    return key if key.replace("_", "").replace("-", "").isalnum() and key.isascii() else _toml(key)


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007F")
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, Mapping):
        return f"{{ {', '.join(f'{_key(k)} = {_toml(v)}' for k, v in value.items())} }}"
    return value.isoformat() if hasattr(value, "isoformat") else repr(value)
