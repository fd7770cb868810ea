"""The four forms by hand, and what every registered form must do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from builders import make_episode, observation, some_pairs

from invrl import registry
from invrl.config.schema import Network
from invrl.errors import InvrlError
from invrl.policies.heads import BASE, BOTH, COEFF, LEAK, NONE, Head, aim, with_unit
from invrl.policies.network import make_policy, network_input
from invrl.simulator import Action, Observation, rollout

pytestmark = pytest.mark.usefixtures("strict_ranks")

SEEN: dict[str, Any] = {
    "inventory": [[3.0, 60.0], [2.0, 0.0], [4.0, 0.0]],  # on hand, due in 1 and 2 days; position 9 and 60
    "regressors": [[2.0, 1.0], [4.0, 1.0], [6.0, 1.0], [8.0, 1.0]],
    "demand_rate": [5.0, 10.0],
    "lead_time": [2.0, 2.0],
    "review_period": 3,
}
COEFFICIENTS = [[0.5, 1.0], [0.25, 0.0], [0.5, 0.0], [0.125, 0.0], [0.2, -0.1]]
# demand a day, pair 0: 0.5*2 + 0.25*4 + 0.5*6 + 0.125*8 + 0.2*5 = 1 + 1 + 3 + 1 + 1 = 7
# demand a day, pair 1: 1*1 - 0.1*10 = 0


def ordered(head: Head, raw: jax.Array, seen: Observation) -> jax.Array:
    """Orders [N] of raw outputs [A, N]."""
    return head.order(aim(raw, head.terms(seen)), seen)


@pytest.mark.parametrize(
    ("head", "raw", "orders"),
    [
        # 2 * 5 a day * 3 days = 30; a negative output is no order
        (NONE, [[2.0, -1.0]], [30.0, 0.0]),
        # 0.8 * 5 * (2 + 3) = 20, less 9 = 11; 1 * 10 * 5 = 50, less 60 < 0
        (BASE, [[0.8, 1.0]], [11.0, 0.0]),
        # 7 * 3 days = 21; 0 * 3 = 0
        (COEFF, COEFFICIENTS, [21.0, 0.0]),
        # 7 * 5 days = 35, less 9 = 26; 0 - 60 < 0
        (BOTH, COEFFICIENTS, [26.0, 0.0]),
    ],
)
def test_by_hand(head: Head, raw: list[list[float]], orders: list[float]) -> None:
    np.testing.assert_allclose(ordered(head, jnp.array(raw), observation(**SEEN)), orders, rtol=1e-6)


@pytest.mark.parametrize("head", [BASE, BOTH])
def test_a_backlog_is_ordered_on_top(head: Head) -> None:
    owed = observation(
        inventory=[[-4.0], [0.0]], regressors=np.ones((4, 1)), lead_time=[1.0], review_period=2
    )
    # one unit a day for 1 + 2 days, and the 4 that are owed
    np.testing.assert_allclose(ordered(head, jnp.array(head.start)[:, None], owed), [7.0], rtol=1e-6)


def test_an_untrained_form_orders_mean_demand() -> None:
    seen = observation(regressors=np.full((4, 1), 6.0), demand_rate=[6.0], lead_time=[1.0], review_period=2)
    for head, units in [(NONE, 12.0), (COEFF, 12.0), (BASE, 18.0), (BOTH, 18.0)]:
        np.testing.assert_allclose(ordered(head, jnp.array(head.start)[:, None], seen), [units], rtol=1e-6)


# ---- every registered form ----------------------------------------------------------------


def random_observation(pairs: int = 64) -> Observation:
    rng = np.random.default_rng(0)
    return observation(
        inventory=rng.normal(5, 20, (4, pairs)), regressors=rng.gamma(2, 3, (4, pairs)),
        demand_rate=rng.gamma(2,
        3, pairs),
        scale=rng.gamma(2, 3, pairs), spread=rng.gamma(2, 1, pairs), features=rng.normal(size=(5, pairs)),
        lead_time=rng.integers(0, 4, pairs), review_period=2,
    )  # fmt: skip


def raw_outputs(head: Head, pairs: int = 64) -> jax.Array:
    rng = np.random.default_rng(1)
    return jnp.asarray(rng.normal(0, 3, (len(head.start), pairs)), jnp.float32)


@pytest.fixture(params=sorted(registry.HEADS))
def head(request: Any) -> Head:
    return registry.get("head", request.param)


def test_orders_are_finite_and_not_negative(head: Head) -> None:
    order = ordered(head, raw_outputs(head), random_observation())
    assert order.shape == (64,)
    assert np.isfinite(order).all() and (order >= 0).all()
    assert (order == 0).any() and (order > 0).any()


def test_gradients_are_finite_and_never_vanish(head: Head) -> None:
    raw, seen = raw_outputs(head), random_observation()
    gradient = jax.grad(lambda raw: ordered(head, raw, seen).sum())(raw)
    assert np.isfinite(gradient).all()
    assert (jnp.abs(gradient).sum(0) > 0).all()  # also where nothing is ordered


def test_pairs_do_not_affect_each_other(head: Head) -> None:
    raw, seen = raw_outputs(head), random_observation()
    order = ordered(head, raw, seen)
    cut = some_pairs(seen, slice(5, 9))
    np.testing.assert_array_equal(ordered(head, raw[:, 5:9], cut), order[5:9])


def test_more_output_never_orders_less(head: Head) -> None:
    raw, seen = raw_outputs(head), random_observation()
    assert (ordered(head, raw + 0.5, seen) >= ordered(head, raw, seen)).all()


def test_scaling_all_units_scales_the_order(head: Head) -> None:
    raw, seen = raw_outputs(head), random_observation()
    names = ("inventory", "position", "regressors", "demand_rate", "scale", "spread")
    tenfold = seen._replace(**{name: 10 * getattr(seen, name) for name in names})
    np.testing.assert_allclose(
        ordered(with_unit(head, 10.0), raw, tenfold),
        10 * ordered(with_unit(head, 1.0), raw, seen),
        rtol=1e-4,
        atol=1e-3,
    )


def test_the_slope_below_zero_survives_the_caps(head: Head) -> None:
    """A policy that stopped ordering feels `LEAK` of the slope, through the simulator's caps too."""
    episode = make_episode(
        np.ones((1, 1, 1)), lead_time=[1], initial=[[50], [0]], regressors=np.ones((1, 4, 1))
    )
    seen = observation(inventory=[[50.0], [0.0]], regressors=np.ones((4, 1)))

    def placed(raw: jax.Array) -> jax.Array:
        act = lambda seen, _: Action(ordered(head, raw, seen), raw)
        return rollout(act, episode, lambda day: day.order)[0].sum()

    above, below = (jnp.full((len(head.start), 1), x) for x in (100.0, -1.0))
    full = jax.grad(lambda raw: ordered(head, raw, seen).sum())(above)
    with jax.numpy_rank_promotion("allow"):
        slope = jax.jit(jax.value_and_grad(placed))
        (unbound, above_slope), (bound, below_slope) = slope(above), slope(below)
    assert unbound > 0 and bound == 0
    np.testing.assert_allclose(above_slope, full, rtol=1e-5)
    np.testing.assert_allclose(below_slope, LEAK * full, rtol=1e-5)


# ---- the network --------------------------------------------------------------------------


def test_network_sees_features_and_scaled_inventory() -> None:
    seen = observation(
        inventory=[[30.0], [10.0], [0.0]],
        features=[[0.5], [-2.0]],
        demand_rate=[5.0],
        lead_time=[1.0],
        review_period=1,
    )
    with jax.numpy_rank_promotion("allow"):
        # one protection interval of demand = 5 a day * 2 days = 10 units
        np.testing.assert_allclose(network_input(seen)[:, 0], [0.5, -2.0, 3.0, 1.0, 0.0])


@pytest.mark.parametrize(("head", "activation"), [(NONE, "relu"), (BOTH, "tanh")])
def test_an_untrained_network_puts_out_the_start(head: Head, activation: Any) -> None:
    with jax.numpy_rank_promotion("allow"):
        policy = make_policy(Network(hidden=(16, 16), activation=activation), head, features=5, slots=4)
        params = policy.init(jax.random.key(0))
        nothing = observation(inventory=np.zeros((4, 1)), features=np.zeros((5, 1)))
        raw = policy.act(params, random_observation()).raw
        np.testing.assert_allclose(policy.act(params, nothing).raw[:, 0], head.start)
    assert 0 < float(jnp.abs(raw - jnp.array(head.start)[:, None]).mean()) < 0.3
    assert sum(x.size for x in jax.tree.leaves(params)) == (9 + 1) * 16 + (16 + 1) * 16 + (16 + 1) * len(
        head.start
    )


def test_a_registered_form_of_one_s_own_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "HEADS", dict(registry.HEADS))
    monkeypatch.setitem(registry.TABLES, "head", registry.HEADS)
    own = Head((0.0,), NONE.terms, lambda aim, seen: aim)
    registry.register("head", "mine", own)
    assert registry.get("head", "mine") is own
    with pytest.raises(InvrlError, match="exists already"):
        registry.register("head", "none", own)
    with pytest.raises(InvrlError, match="no head `bsae`") as error:
        registry.get("head", "bsae")
    assert error.value.hint == "did you mean `base`?"


def test_the_form_of_the_readme_orders() -> None:
    text = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    code = text.split("```python\n")[1].split("```")[0]
    try:
        exec(code, {})
        seen = observation(
            regressors=np.full((4, 1), 6.0), demand_rate=[6.0], lead_time=[1.0], review_period=2,
        )  # fmt: skip
        half, whole = (registry.get("head", name).order(jnp.ones(1), seen) for name in ("half_base", "base"))
        np.testing.assert_allclose(2 * half, whole)
    finally:
        registry.HEADS.pop("half_base", None)
