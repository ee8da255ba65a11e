import pytest
import torch

from benchmarks import images

TINY = images.Size(width=2, images=40, batch=16, rounds=2)


@pytest.mark.slow
def test_both_loops_train_the_same_model_on_the_same_views():
    times, seen = images.training_times(TINY, torch.device("cpu"))
    assert {len(seconds) for seconds in times.seconds.values()} == {TINY.rounds}
    assert len(seen["ours"]) == len(seen["plain"]) == TINY.rounds + 1
    # six steps of Adam: two ways to form one gradient in float32 differ by rounding, which training multiplies
    assert seen["ours"] == pytest.approx(seen["plain"], rel=1e-3)


def test_views_have_the_shape_of_the_images():
    calls, absent = images.view_candidates(batch=4, blur_size=3)
    assert calls["ours"]().shape == (4, 3, 32, 32)
    assert set(calls) | set(absent) == {"ours", "kornia"}


def test_models_side_by_side_are_those_one_after_the_other():
    calls = images.side_by_side_candidates(count=3, batch=8)
    first, second = ([step().double() for _ in range(2)] for step in calls.values())
    for apart, together in zip(first, second, strict=True):
        assert torch.allclose(apart, together, rtol=1e-4)
    assert not torch.equal(first[0], first[1])
