"""The sections of the algorithms; one that a plugin brings stands beside its `Algorithm` instead."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from invrl.config.setting import ABOVE_0, SHARE, TRACED, Bounds

Rate = Annotated[float, "per step", TRACED]
"""A learning rate."""
Norm = Annotated[float, TRACED, ABOVE_0]
Discount = Annotated[float, "per order", TRACED, SHARE]
Aim = Annotated[float, "multiples of recent demand", TRACED]
Traced = Annotated[float, TRACED]
Layers = Annotated[tuple[int, ...], "units per layer", ABOVE_0]
Pairs = Annotated[int, "pairs", ABOVE_0]
Transitions = Annotated[int, "transitions", Bounds(0, 10**8, open=True)]
Steps = Annotated[int, "gradient steps", ABOVE_0]
Times = Annotated[int, ABOVE_0]


@dataclass(frozen=True)
class DS:
    """Differentiable simulator (Madeka et al. 2022; Alvo et al. 2023)."""

    learning_rate: Rate = 3e-3
    """Of Adam, at the first update."""
    final_learning_rate: Rate = 3e-4
    """Reached by a cosine at the last update."""
    clip_norm: Norm = 1.0
    """Global gradient norm."""
    gradient_bound: float = 4.0
    """The backward pass is cut to so many times what a unit of stock can be worth; 0 leaves it unbounded."""
    batch_pairs: Pairs = 2048
    """Pairs per gradient step; rounded to whole blocks."""


@dataclass(frozen=True)
class DDPG:
    """Deep deterministic policy gradient (Lillicrap et al. 2016); an update is one rollout and
    `gradient_steps` minibatches."""

    actor_learning_rate: Rate = 1e-3
    """Of the actor's Adam, at the first update."""
    critic_learning_rate: Rate = 1e-3
    """Of the critic's Adam, at the first update."""
    final_rate: Traced = 0.1
    """Share of the learning rates left at the last update, reached by a cosine."""
    clip_norm: Norm = 10.0
    """Global gradient norm, of the actor and of the critic each."""
    gamma: Discount = 0.95
    """Discount from one order to the next."""
    tau: Annotated[float, "per gradient step", TRACED, SHARE] = 0.005
    """Share of the online networks that the targets take over in each gradient step (Polyak)."""
    noise: Aim = 0.3
    """Standard deviation of the exploration noise on the aim, at the first update ..."""
    final_noise: Aim = 0.2
    """... and at the last, reached by a cosine."""
    learning_starts: Annotated[int, "updates", TRACED] = 0
    """Initial updates that take uniformly random actions."""
    critic_warmup: Annotated[int, "gradient steps", TRACED] = 500
    """Gradient steps of the critic alone, before the actor moves."""
    batch_pairs: Pairs = 512
    """Pairs rolled out per update, with new noise."""
    copies: Times = 1
    """Rollouts of each of them, for panels of a few pairs."""
    replay: Transitions = 100_000
    """Transitions in the replay buffer, rounded down to whole rollouts."""
    gradient_steps: Steps = 50
    """Gradient steps per update."""
    minibatch: Transitions = 256
    """Transitions per gradient step."""
    hidden: Layers = (64, 64)
    """Hidden layers of the critic; the actor's are `network.hidden`."""
    layer_norm: bool = True
    """Layer normalisation in the critic."""
    aim_min: Aim = 0.0
    """Aims are executed and stored between `aim_min` ..."""
    aim_max: Aim = 3.0
    """... and `aim_max`, in units of recent demand."""
    normalise_rewards: bool = True
    """Shift and scale rewards so that those of the first rollout have mean 0 and deviation 1."""
    reward_scale: Norm = 1.0
    """Factor on (normalised) rewards."""


@dataclass(frozen=True)
class PPO:
    """Proximal policy optimisation (Schulman et al. 2017); an update is one rollout and `epochs` over it."""

    learning_rate: Rate = 2e-3
    """Of Adam, at the first update."""
    final_rate: Traced = 0.1
    """Share of the learning rate left at the last update, reached by a cosine."""
    clip_norm: Norm = 0.5
    """Global gradient norm, of policy and value network together."""
    gamma: Discount = 0.95
    """Discount from one order to the next."""
    trace: Annotated[float, "per order", TRACED, SHARE] = 0.9
    """Lambda of the generalised advantage estimate."""
    clip: Traced = 0.2
    """Clip range (epsilon) of the probability ratio."""
    value_weight: Traced = 0.5
    """Weight of the value loss."""
    entropy: Traced = 0.0
    """Weight of the entropy bonus at the first update ..."""
    final_entropy: Traced = 0.0
    """... and at the last, reached by a cosine."""
    initial_std: Annotated[float, "multiples of recent demand", TRACED, ABOVE_0] = 0.3
    """Standard deviation of the aim at the start; learned from then on."""
    epochs: Times = 4
    """Passes over the transitions of an update."""
    minibatch: Transitions = 2048
    """Transitions per gradient step."""
    normalise_advantages: bool = True
    """To mean 0 and deviation 1 over the update's transitions."""
    batch_pairs: Pairs = 2048
    """Pairs rolled out per update."""
    copies: Times = 1
    """Rollouts of each of them, for panels of a few pairs."""
    hidden: Layers = (64, 64)
    """Hidden layers of the value network; the policy's are `network.hidden`."""
    aim_min: Aim = 0.0
    """Aims are executed between `aim_min` ..."""
    aim_max: Aim = 3.0
    """... and `aim_max`, in units of recent demand."""
    normalise_rewards: bool = True
    """Shift and scale rewards so that those of the first rollout have mean 0 and deviation 1."""
