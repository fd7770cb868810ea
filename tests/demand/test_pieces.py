"""Parts larger than memory: every pair once, the same shapes, the same numbers."""

from __future__ import annotations

from functools import cache

import jax
import numpy as np
import pytest
from builders import make_experiment, poisson_panel

from invrl.demand.episodes import Dataset
from invrl.demand.pieces import Pieces
from invrl.devices import placement
from invrl.errors import InvrlError
from invrl.experiment import Experiment
from invrl.metrics import prices
from invrl.registry import get
from invrl.scoring import results
from invrl.scoring.rules import classical, learned, make_simulate
from invrl.training import trainer

PANEL = poisson_panel(60, 101)
WORDS = (
    "supply.lead_time=1-3", "supply.review_period=1,2,7", "supply.first_review=spread", "network.hidden=[8]",
    "split.validation_days=8", "split.test_days=8", "split.warmup_days=6", "split.history_days=7",
    "train.updates=6", "train.evaluate_every=1", "train.patience=0", "evaluation.bootstrap=20",
)  # fmt: skip


@cache
def experiment(piece_pairs: int, *words: str) -> Experiment:
    return make_experiment(PANEL, *WORDS, f"data.piece_pairs={piece_pairs}", *words)


def in_pieces() -> Pieces:
    found = experiment(30).test
    assert isinstance(found, Pieces) and found.count == 4
    return found


def test_every_pair_is_in_one_piece() -> None:
    positions = np.concatenate([position for position, _ in in_pieces()])
    assert sorted(positions) == list(range(101))
    for position, piece in in_pieces():
        np.testing.assert_array_equal(piece.pairs, in_pieces().pairs[position])
        real = np.concatenate([group.index[group.index >= 0] for group in piece.groups])
        assert sorted(real) == list(range(piece.pairs.size))
        assert sum(float((g.episode.weight > 0).sum()) for g in piece.groups) == piece.pairs.size


def test_pieces_have_the_same_shapes() -> None:
    shapes = [jax.tree.map(lambda x: (x.shape, str(x.dtype)), piece.episodes) for _, piece in in_pieces()]
    assert all(shape == shapes[0] for shape in shapes)
    one, other = (jax.tree.leaves(in_pieces().build(k).episodes)[0] for k in (0, 1))
    assert not np.array_equal(one, other)


@pytest.mark.parametrize("kind", ["learned", pytest.param("incumbent", marks=pytest.mark.slow)])
def test_pieces_score_like_the_whole(kind: str) -> None:
    whole, pieces = experiment(0), experiment(30)
    assert isinstance(whole.test, Dataset)
    if kind == "learned":
        rule, shared, own = learned(whole.policy), whole.policy.init(jax.random.key(0)), None
    else:
        rule, shared = classical(get("baseline", "incumbent"), whole.config), None
        whole, pieces = whole.incumbents, pieces.incumbents
        own = np.random.default_rng(0).uniform(0, 2, (3, 101)).astype(np.float32)
        own[1:] = 0  # normal, by the forecast by weekday
    simulate = make_simulate(rule, whole.config)
    one, many = simulate(shared, whole.test, own), simulate(shared, pieces.test, own)
    for name in one:
        np.testing.assert_allclose(many[name], one[name], rtol=1e-4, atol=1e-5, err_msg=name)


@pytest.mark.slow
def test_numbers_per_pair_are_fitted_in_all_pieces() -> None:
    words = ("baseline.per_pair=true", "objective.kind=cost", "baseline.forecast=mean")
    whole, pieces = (
        results.fit_baseline(made, "incumbent", prices(made.config.objective))
        for made in (experiment(0, *words), experiment(30, *words))
    )
    assert (whole == pieces).mean() > 0.97  # but for ties


def test_training_takes_the_pieces_in_turn() -> None:
    made = experiment(30)
    feed = made.feed
    seen = [feed(k) for k in range(5)]
    firsts = [np.asarray(jax.tree.leaves(episodes)[0]) for episodes in seen]
    np.testing.assert_array_equal(firsts[4], firsts[0])
    assert len({array.tobytes() for array in firsts}) == 4
    np.testing.assert_array_equal(jax.tree.leaves(feed(2))[0], firsts[2])  # out of turn, as after a resume


@pytest.mark.parametrize("algo", ["ds", "ppo"])
def test_a_streamed_run_resumes_to_the_same(algo: str) -> None:
    """One chunk per piece, six chunks; stopped after three and gone on with a new feed."""

    def made() -> Experiment:
        small = ("ppo.hidden=[8]", "ppo.minibatch=64")
        return make_experiment(PANEL, *WORDS, "data.piece_pairs=30", f"algo={algo}", "reg=base", *small)

    loops: list[trainer.Loop] = []
    one = made()
    whole = trainer.train(one, trainer.start(one), lambda loop, _: loops.append(loop))
    other = made()
    again = trainer.train(other, loops[2], lambda loop, _: None)
    for a, b in zip(jax.tree.leaves(whole.best), jax.tree.leaves(again.best), strict=True):
        np.testing.assert_array_equal(a, b)
    assert int(again.update) == 6


def test_what_needs_all_at_once_says_so() -> None:
    with pytest.raises(InvrlError, match=r"the test part \(101 pairs\) does not fit"):
        experiment(30).whole("test")
    with pytest.raises(InvrlError, match="the train part"):
        experiment(30).whole("train")


def test_memory_decides() -> None:
    assert placement.pieces(1000, 8, 0) == 1
    assert placement.pieces(1000, 8, 300) == 4
    assert placement.pieces(10, int(placement.SHARE * placement.memory()) // 3, 0) == 4


def test_the_memory_plan_is_what_is_held_at_once() -> None:
    whole, cut = experiment(0).memory_plan(), experiment(30).memory_plan()
    assert whole["panel"] == PANEL.demand.nbytes
    test = experiment(0).test
    assert isinstance(test, Dataset)
    held = sum(leaf.nbytes for group in test.groups for leaf in jax.tree.leaves(group.episode))
    assert held < whole["test"] < 3 * held  # columns of all days stand beside the episodes
    assert cut["test"] == pytest.approx(whole["test"] * 26 / 101)


def test_a_panel_that_cannot_fit_is_refused_before_it_is_made() -> None:
    with pytest.raises(InvrlError, match=r"100,000,000 pairs x 2,000 days takes 3,200 GB"):
        get("source", "retail")(pairs=100_000_000, days=2_000)
