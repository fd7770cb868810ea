"""A state looks the same before and after a chunk: else the chunk is traced and compiled a second time."""

from __future__ import annotations

from typing import Any

import jax
import pytest
from builders import SMALL, make_experiment, poisson_panel

from invrl import registry
from invrl.training import trainer

WORDS = tuple(word for word in SMALL if not word.startswith("data."))


def types(tree: Any) -> dict[str, tuple]:
    leaves = jax.tree_util.tree_leaves_with_path(jax.eval_shape(lambda x: x, tree))
    return {jax.tree_util.keystr(path): (x.shape, x.dtype, x.weak_type) for path, x in leaves}


@pytest.mark.parametrize("algo", registry.ALGORITHMS)
def test_a_chunk_hands_back_the_state_it_was_given(algo: str) -> None:
    experiment = make_experiment(poisson_panel(70, 8), *WORDS, f"algo={algo}")
    algorithm, loop = registry.get("algorithm", algo), trainer.start(experiment)
    update = algorithm.update(experiment.problem)
    after, _ = jax.eval_shape(
        update, loop.state, algorithm.hyper(experiment.config), loop.prices, experiment.train.episodes
    )
    assert types(loop.state) == types(after)
