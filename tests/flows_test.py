"""The integrator is of fourth order, records what it is told to, and takes one duration a problem."""

import math

import pytest
import torch

from helpers.optimise import ode


def oscillate(state):
    return [state[1], -state[0]]


def start(count=1):
    return [torch.ones(count, dtype=torch.float64), torch.zeros(count, dtype=torch.float64)]


def test_halving_the_step_divides_the_error_by_sixteen():
    errors = []
    for steps in (20, 40):
        end = ode.runge_kutta(oscillate, start(), duration=2.0, steps=steps)
        errors.append(abs(end[0].item() - math.cos(2.0)))
    assert errors[0] / errors[1] == pytest.approx(16, rel=0.15)


def test_snapshots_are_equally_spaced_and_end_at_the_end():
    path = ode.runge_kutta(oscillate, start(), duration=2.0, steps=200, record=4)
    times = torch.linspace(0, 2, 5, dtype=torch.float64)
    assert path[0].shape == (5, 1)
    assert torch.allclose(path[0][:, 0], torch.cos(times), atol=1e-9)


def test_each_problem_may_have_its_own_duration():
    durations = torch.tensor([1.0, 3.0], dtype=torch.float64)
    end = ode.runge_kutta(oscillate, start(2), duration=durations, steps=300)
    assert torch.allclose(end[0], torch.cos(durations), atol=1e-9)


@pytest.mark.parametrize(("steps", "record"), [(10, 3), (0, 0)])
def test_snapshots_must_divide_the_steps(steps, record):
    with pytest.raises(ValueError, match="expected a divisor of steps"):
        ode.runge_kutta(oscillate, start(), duration=1.0, steps=steps, record=record)
