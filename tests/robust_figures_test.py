"""Every picture of paper 5 is drawn from small arrays and shows what it is given."""

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest

from helpers.papers.robust_contrastive import circle, figures, waterfalls

RNG = np.random.default_rng(0)
SEEDS = RNG.uniform(0.3, 0.6, (3, 4))
DEGREES = np.arange(0, 91, 30)
CURVES = {name: np.linspace(0, 2, 4) for name in ("robust", "best", "class-aware", "label-free", "divergence")}
ENDS = {"class-aware": 60.0, "label-free": 48.0, "divergence": 11.0}
CHAIN = waterfalls.climb(waterfalls.six_points(), tuples=3.0, best=0.2)
BRIDGE = waterfalls.bridge(waterfalls.six_points())
K = np.array([1, 10, 100])
PROBES = {"SLF": SEEDS, "ALF": SEEDS}
TERMS = {key: RNG.uniform(1, 2, (2, 5)) for key in ("robust_loss", "bound", "benign", "adversarial")}
SHADES = [np.zeros((3, 3)), np.ones((3, 3))]
CASES = {
    "arcs": lambda: figures.arcs(DEGREES, CURVES, densities=circle.densities(size=36), ends=ENDS),
    "price": lambda: figures.price_of_negatives(K, 1 / K, 2 / K, (1.7, 40 / K), 20 / np.sqrt(K)),
    "climb": lambda: figures.climb(np.stack([CHAIN, CHAIN], axis=1), ["left", "right"], errors=[0, 0.1]),
    "bridge": lambda: figures.bridge(np.stack([BRIDGE, BRIDGE], axis=1), ["left", "right"]),
    "swap": lambda: figures.swap_world(*[np.linspace(0, 1, 3)] * 5),
    "certificate": lambda: figures.certificate(K, 1 + 1 / K, 1 / K, parts={"one": 0.5, "two": 0.5}, truth=0.1),
    "dial": lambda: figures.dial(K, [K, K], K, [1 / K, 1 / K], ceiling=10.0, mark=(5.0, 5.0)),
    "map": lambda: figures.temperature_map(
        K, np.array([0.1, 0.5, 2.0]), RNG.uniform(0, 2, (2, 3, 3)), np.full((2, 3), 0.4)
    ),
    "chance": lambda: figures.chance_line(DEGREES, DEGREES / 90, DEGREES / 80, 0.1 + 0 * DEGREES, chance=0.5),
    "judges": lambda: figures.discriminators(
        SHADES, np.linspace(-1, 1, 3), [np.eye(2), -np.eye(2)], K, {"linear": 1 / K, "quadratic": 2 / K}, floor=0.0
    ),
    "directions": lambda: figures.attack_directions(
        K, RNG.uniform(0, 1, (3, 4)), K, 1 / K, 0.1 / K, 1 / K, population=0.99
    ),
    "arc attack": lambda: figures.arc_attack(
        DEGREES, RNG.normal(size=(3, 4)), {"one": np.zeros((3, 2)), "many": np.ones((3, 2))}, [0.5, 0.1, 0.0]
    ),
    "ablation": lambda: figures.ablation(["a", "b", "c"], SEEDS, SEEDS + 0.1, SEEDS - 0.2),
    "recorded": lambda: figures.ablation_recorded(["a", "b", "c"], SEEDS, SEEDS + 0.1),
    "probes": lambda: figures.fashion_probes(["a", "b", "c"], PROBES, PROBES),
    "terms": lambda: figures.fashion_terms([0, 6], {"benign": TERMS, "adversarial": TERMS}, classes=10),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_a_picture_is_drawn_with_named_axes(name):
    fig = CASES[name]()
    fig.canvas.draw()
    shown = [ax for ax in fig.axes if ax.axison]
    assert shown
    assert any(ax.get_xlabel() or ax.get_ylabel() for ax in shown)
    plt.close(fig)


def test_curves_of_the_opening_picture_are_those_given():
    fig = CASES["arcs"]()
    drawn = [line.get_ydata() for line in fig.axes[1].lines]
    assert all(any(np.array_equal(curve, line) for line in drawn) for curve in CURVES.values())
    plt.close(fig)
