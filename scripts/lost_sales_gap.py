"""How far is a trained lost-sales policy from the known optimum?

    python scripts/lost_sales_gap.py RUN... [--days 3000] [--pairs 1024]

Each run's policy (orders continuous, and rounded to whole units) and the best capped base-stock
policy, whose long-run cost is known exactly, are simulated on the same fresh demand. The cost
reported is the known cost plus the paired difference (a control variate): its standard error is
far below that of the plain mean.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

import typer
from lost_sales_optimum import Exact, exact

BURN_IN = 200


def main(
    names: list[str], days: int = 3000, pairs: int = 1024, seed: Annotated[int, typer.Option()] = 99
) -> None:
    from invrl.devices import placement

    placement.prepare()
    from invrl.runs import directory

    print("| run | orders | cost | optimum | gap (%) | standard error (%) |")
    print("|---|---|---|---|---|---|")
    for name in names:
        for pack, words in ((0.0, "continuous"), (1.0, "whole units")):
            cost, error, optimum = long_run_cost(directory.find(name), days, pairs, seed, pack)
            gap = 100 * (cost / optimum - 1)
            print(
                f"| {name} | {words} | {cost:.4f} | {optimum:.4f} "
                f"| {gap:+.3f} | {100 * error / optimum:.3f} |"
            )


def long_run_cost(run, days: int, pairs: int, seed: int, pack: float) -> tuple[float, float, float]:
    """(cost per day by control variate, its standard error, the optimum)."""
    import numpy as np

    from invrl.experiment import Experiment
    from invrl.scoring import rules
    from invrl.training import session

    config = run.config
    known = _known(config)
    options = {**config.data.options, "days": days, "pairs": pairs, "seed": seed}
    split = replace(
        config.split, by="days", train_days=BURN_IN, validation_days=BURN_IN, test_days=days - 2 * BURN_IN
    )
    long = replace(
        config,
        data=replace(config.data, options=options),
        split=replace(split, history_days=0, warmup_days=BURN_IN),
        supply=replace(config.supply, pack_size=pack),
    )
    experiment = Experiment(long, session.source_panel(long.data), session.load_normaliser(run))
    rule, shared, _ = session.restore(run, experiment)
    cost = rules.make_simulate(rule, long)(shared, experiment.test)["cost"]
    numbers = np.array([[known.capped_S], [known.capped_r]], np.float32).repeat(pairs, axis=1)
    capped = rules.make_simulate(_capped_rule(), long)(None, experiment.test, numbers)["cost"]
    difference = cost - capped
    return known.capped + difference.mean(), difference.std() / np.sqrt(pairs), known.optimal


def _capped_rule():
    import jax.numpy as jnp

    from invrl.scoring.rules import Rule
    from invrl.simulator import Action

    def act(_, own, seen):
        order = jnp.clip(own[0] - seen.position, 0.0, own[1])
        return Action(order, own[:1])

    return Rule(act)


def _known(config) -> Exact:
    """The exact figures for the demand, lead time and penalty of a run (h = 1)."""
    options = config.data.options
    law, mean = options.get("distribution", "poisson"), float(options.get("mean", 5.0))
    return exact(law, mean, int(options.get("lead_time", 4)), config.objective.penalty)


if __name__ == "__main__":
    typer.run(main)
