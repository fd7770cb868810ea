"""Store-periods a second on a textbook problem, to set beside other differentiable simulators.

One store, Poisson(5) demand, lead time 4, lost sales, penalty 9, holding 1; a network of 3 x 32 (ELU)
sees the inventory. Training: one epoch of 32,768 stores x 50 periods in batches of 8,192, gradient and
Adam. Evaluation: 32,768 stores x 100 periods. Medians of warm runs.

    python scripts/bench_one_store.py [ROUNDS]
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

from invrl.devices import placement

placement.prepare()  # before jax starts

import jax  # noqa: E402

from invrl import registry  # noqa: E402
from invrl.algorithms.contract import compiled  # noqa: E402
from invrl.config.reading import load  # noqa: E402
from invrl.experiment import Experiment  # noqa: E402
from invrl.scoring.rules import learned, make_simulate  # noqa: E402
from invrl.training.trainer import start  # noqa: E402

STORES, BATCH = 32_768, 8_192
PERIODS = {"train": 50, "evaluate": 100}


def experiment(periods: int) -> Experiment:
    """All stores in the training part, nothing but the inventory to see."""
    words = [
        f"data.options.pairs={STORES + 2}", f"data.options.days={periods}", "data.options.lead_time=4",
        f"split.train_pairs={STORES}", "split.validation_pairs=1", "split.test_pairs=1",
        "split.warmup_days=0", "supply.review_period=1", "objective.penalty=9.0", "reg=none",
        "network.hidden=[32, 32, 32]", "network.activation=elu",
        f"ds.batch_pairs={BATCH}", f"train.evaluate_every={STORES // BATCH}",
    ]  # fmt: skip
    config = load("lost-sales", words)
    return Experiment(config, registry.get("source", config.data.source)(**config.data.options))


def training() -> Callable[[], Any]:
    """A function that trains one epoch."""
    made = experiment(PERIODS["train"])
    loop = start(made)
    hyper, update = (
        registry.get("algorithm", "ds").hyper(made.config),
        compiled(registry.get("algorithm", "ds"), made.problem),
    )
    state = placement.replicate(loop.state, made.train.groups[0].devices)

    def epoch() -> Any:
        nonlocal state
        state, metrics = update(state, hyper, loop.prices)
        return jax.block_until_ready((state, metrics))

    return epoch


def evaluation() -> Callable[[], Any]:
    """A function that evaluates an untrained policy: measures included."""
    made = experiment(PERIODS["evaluate"])
    simulate = make_simulate(learned(made.policy), made.config)
    params = made.policy.init(jax.random.key(0))
    return lambda: simulate(params, made.train)


def seconds(run: Callable[[], Any]) -> float:
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    runs = {"train": training(), "evaluate": evaluation()}
    cold = {name: seconds(run) for name, run in runs.items()}
    warm: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            warm[name].append(seconds(run))
    for name, times in warm.items():
        rate = STORES * PERIODS[name] / statistics.median(times) / 1e6
        print(f"{name}: {rate:.2f} M store-periods/s, first call {cold[name]:.1f} s")


if __name__ == "__main__":
    main()
