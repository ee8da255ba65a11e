import numpy as np
import pytest

from benchmarks import batches, graphs, losses, measure, peers, run


def test_ratio_is_the_median_within_rounds_with_an_order_statistic_interval():
    rng = np.random.default_rng(0)
    theirs = rng.uniform(1, 2, 101)
    times = measure.Times({"ours": theirs * rng.uniform(0.4, 0.6, 101), "theirs": theirs})
    middle, low, high = times.ratio("ours", "theirs")
    assert 0.4 < low < middle < high < 0.6
    few = measure.Times({"ours": np.array([1.0, 3.0, 2.0]), "theirs": np.ones(3)})
    assert few.ratio("ours", "theirs") == (2.0, 1.0, 3.0)


def test_candidates_take_turns_after_one_warm_round():
    order = []
    calls = {name: lambda name=name: order.append(name) for name in "ab"}
    times = measure.interleave(calls, seconds=0, rounds=(3, 5))
    assert order == ["a", "b"] * 4
    assert len(times.seconds["a"]) == 3


def test_exponent_of_a_power():
    assert measure.exponent([1, 2, 4], [3, 12, 48]) == pytest.approx(2)


def test_an_absent_peer_is_named():
    found, absent = peers.available(
        {"here": lambda: peers.module("numpy"), "gone": lambda: peers.module("no_such_peer")}
    )
    assert list(found) == ["here"]
    assert "no_such_peer" in absent["gone"]


def test_a_process_that_falls_over_gives_nothing():
    assert measure.alone("benchmarks.no_such_module") is None


def test_every_goal_belongs_to_a_contest_and_a_peer():
    contests = {(family, size) for family, size, _, _ in run.contests(quick=False)}
    for goal in run.GOALS:
        if goal.table == "time":
            assert (goal.family, goal.size) in contests, goal
        elif goal.table == "memory":
            assert goal.size in run.MEMORY[goal.family], goal
        if goal.family in losses.FAMILIES and goal.table != "tuned":
            assert goal.peer in [*losses.FAMILIES[goal.family](), run.PRODUCTS.get(goal.family, [None])[0]], goal


@pytest.mark.parametrize(
    "build", [batches.bounds_over_batch_sizes, batches.bounds_over_powers, lambda: batches.cross_covariance(64, 5)]
)
def test_ours_and_the_loop_compute_the_same(build):
    ours, theirs = (np.asarray(call()) for call in build().values())
    assert np.abs(ours - theirs).max() < 1e-12


def test_graph_contests_run_on_a_small_graph():
    assert all(call() is not None for call in graphs.sampling(500).values())
    assert all(call() is not None for call in graphs.spectral_embedding(500, arpack=True).values())


def test_plain_torch_and_ours_agree_in_every_family():
    for family in losses.FAMILIES:
        assert max(losses.errors(family, 0.1, n=20, dimension=5)["ours"]) < 1e-5
