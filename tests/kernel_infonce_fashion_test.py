"""The table of kernels on Fashion-MNIST: tiny runs on the shipped images, and what is made of a recording."""

import subprocess
import sys

import numpy as np
import pytest
import torch

from helpers.networks import encoders
from helpers.papers.spectral_clustering import figures, kernel_reading
from helpers.papers.spectral_clustering.tables import kernel_infonce_digits
from helpers.papers.spectral_clustering.tables import kernel_infonce_fashion as table
from helpers.recording import recorded

CPU = torch.device("cpu")
SMALL = {
    "train_part": "test",
    "unlabelled": 128,
    "labelled": 64,
    "validation": 50,
    "test": 50,
    "encoder": [4, 8],
    "projector": [8, 8, 4],
    "epochs": 1,
    "batch": 64,
}
SCALES = (0.1, 1.0)


def settings(**changes):
    return table.CONSTANTS | SMALL | changes


def fake():
    """A recording in which the Laplacian is a point better at scale 1, where validation sends it, and worse at 0.1."""
    rows = []
    for cell in table.cells(SCALES):
        for seed in range(5):
            # the seed shifts all kernels alike; half the shift of sines is left in the paired differences
            value = 0.8 + 0.01 * seed + 0.0005 * np.sin(7.0 * seed + len(cell["kernel"]))
            value += {"laplacian": 0.01 if cell.get("scale") == 1.0 else -0.01, "raw pixels": -0.1}.get(
                cell["kernel"], 0.0
            )
            row = {**cell, "seed": seed, "seconds": 1.0}
            rows.append(row | {f"{name}{part}": value for name in table.MEASURES for part in ("", "_validation")})
    return recorded.Recording(rows, {"seeds": list(range(5)), "constants": table.CONSTANTS})


def test_every_kernel_has_the_same_scales_and_the_full_profile_the_same_settings():
    definition, full = (recorded.table("kernel_infonce_fashion", profile) for profile in ("quick", "full"))
    assert set(full.constants) == set(definition.constants)
    for cells in (definition.cells, full.cells):
        by_kernel = {kernel: [c["scale"] for c in cells if c["kernel"] == kernel] for kernel in table.KERNELS}
        assert len(by_kernel) == 5
        assert len(set(map(tuple, by_kernel.values()))) == 1


def test_parts_are_disjoint_and_a_function_of_the_seed():
    parts = table.parts(settings(), 0)
    assert [part.images.shape for part in parts] == [(128, 28, 28), (50, 28, 28), (50, 28, 28)]
    assert parts[0].images.dtype == np.uint8
    every = np.concatenate([part.images.reshape(len(part), -1) for part in parts])
    assert len(np.unique(every, axis=0)) == len(every)
    again, other = table.parts(settings(), 0)[0].images, table.parts(settings(), 1)[0].images
    assert np.array_equal(parts[0].images, again)
    assert not np.array_equal(again, other)


@pytest.mark.slow
@pytest.mark.parametrize("kernel", [*table.KERNELS, *table.BASELINES])
def test_a_row_measures_fractions_and_repeats(kernel):
    scale = {} if kernel in table.BASELINES else {"scale": 0.2}
    first, second = (table.measure(settings(kernel=kernel, **scale), 0, CPU) for _ in range(2))
    assert first == second
    assert set(first) == {"probe", "neighbours", "probe_validation", "neighbours_validation"}
    assert all(0 < value < 1 for value in first.values())


@pytest.mark.slow
def test_settings_are_honoured():
    images = table.parts(settings(), 0)[0].images
    gaussian = settings(kernel="gaussian", scale=0.2)

    def trained(**changes):
        model, trace = table.encode(gaussian | changes, 0, CPU, images)
        return model.backbone[0].weight.detach(), trace

    weights, trace = trained()
    assert weights.shape == (4, 1, 3, 3)
    assert len(trace) == 1
    for changes in ({"kernel": "laplacian"}, {"scale": 0.3}, {"crop": 0.9}, {"learning_rate": 1e-3}, {"warmup": 0.0}):
        assert not torch.equal(weights, trained(**changes)[0])
    assert len(trained(epochs=2)[1]) == 2
    wide, _ = table.encode(gaussian | {"kernel": "concatenation"}, 0, CPU, images)
    assert wide(torch.from_numpy(images[:2])).shape == (2, 8)
    assert table.encode(settings(kernel="untrained"), 0, CPU, images)[1] == []
    with pytest.raises(ValueError, match="no kernel is named 'cauchy'"):
        trained(kernel="cauchy")


@pytest.mark.slow
def test_a_small_full_profile_trains(monkeypatch):
    thin = encoders.resnet18
    monkeypatch.setattr(encoders, "resnet18", lambda *widths, **options: thin(*widths, **options, width=2))
    full = table.CONSTANTS | table.FULL["constants"] | SMALL
    full |= {"data": "fashion-mnist", "encoder": "resnet18", "projector": [16, 16, 4], "learning_rate": 0.01}
    images = table.parts(full, 0)[0].images
    _, trace = table.encode(full | {"kernel": "sum of kernels", "scale": 0.5}, 0, CPU, images)
    assert len(trace) == 1
    assert np.isfinite(trace[0])


def test_the_scale_is_chosen_by_validation_and_differences_are_paired():
    found = table.compared(fake())["probe"]
    assert found.scales["laplacian"] == 1.0
    assert found.others == ["laplacian", "exponent 0.5", "sum of kernels", "concatenation"]
    assert found.baselines == ["untrained", "raw pixels"]
    assert found.clear(1) == ["laplacian"]
    assert found.clear(-1) == []
    # the seeds' common shift of a point a seed is gone: what is left is below a tenth of a point
    assert found.differences.standard_error.max() < 0.1
    assert abs(found.differences.mean[0] - 1) < 0.1
    # the intervals are those of four comparisons, the baselines not among them
    half = found.differences.mean - found.differences.low
    assert half[0] / found.differences.standard_error[0] == pytest.approx(6.758, abs=1e-3)  # t, 4 d.f., 1 - 0.01 / 8
    rows = found.rows()
    assert list(rows) == ["gaussian", *found.others, *found.baselines]
    assert rows["gaussian"][1] == ""
    assert rows["laplacian"][1].startswith("+0.98")
    assert rows["untrained"][2] == ""


def test_the_figures_and_their_numbers():
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("agg")
    figure = table.draw(fake())
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == list(table.KERNELS[1:])
    matplotlib.pyplot.close(figure)
    found = table.compared(fake())
    figure, drawn = figures.kernel_differences(found, table.MEASURES)
    matplotlib.pyplot.close(figure)
    assert {len(column) for column in drawn.values()} == {2 * 4 * 5}  # measures, kernels but one, seeds
    names = list(zip(drawn["measure"], drawn["kernel"], strict=True))
    chosen = [k for k, name in enumerate(names) if name == ("probe", "laplacian")]
    assert [drawn["seed"][k] for k in chosen] == [0, 1, 2, 3, 4]
    assert np.mean([drawn["difference"][k] for k in chosen]) == pytest.approx(drawn["mean"][chosen[0]])
    figure, drawn = figures.kernel_scales(fake(), found, table.MEASURES)
    matplotlib.pyplot.close(figure)
    assert {len(column) for column in drawn.values()} == {2 * 5 * 2}  # measures, kernels, scales
    assert sum(drawn["chosen"]) == 2 * 5


def test_the_printed_table_and_the_verdict_lines():
    found = table.compared(fake())
    header, rows = kernel_reading.printed(found, table.MEASURES)
    assert {len(row) for row in rows} == {len(header)} == {7}
    assert [row[0] for row in rows] == [*table.KERNELS, *table.BASELINES]
    line = kernel_reading.verdicts(found, table.MEASURES)[0]
    assert line == "linear probe: better than the Gaussian beyond noise: ['laplacian']; worse: none"


def test_the_digits_table_is_compared_by_the_same_rules():
    stored = recorded.load(recorded.table("kernel_infonce_digits"))
    found = kernel_infonce_digits.compared(stored)
    assert found["test"].scales["gaussian"] == 0.1
    assert found["one_shot"].clear(1) == []
    assert stored.values("test", kernel="untrained").mean() * 100 == pytest.approx(
        found["test"].values["untrained"].mean()
    )


@pytest.mark.slow
@pytest.mark.parametrize("kernel", ["concatenation", "untrained", "raw pixels"])
def test_a_row_of_the_digits_table(kernel):
    values = kernel_infonce_digits.measure({"kernel": kernel, "scale": 0.3}, 0, CPU, epochs=1)
    assert {*kernel_infonce_digits.MEASURES, *kernel_infonce_digits.VALIDATED_BY.values()} < set(values)
    assert all(0.2 < value <= 1 for value in values.values())


@pytest.mark.slow
def test_it_runs_without_matplotlib():
    code = """
import sys
sys.modules.update({"matplotlib": None, "tqdm": None, "networkx": None})
from helpers.papers.spectral_clustering.tables import kernel_infonce_fashion
"""
    subprocess.run([sys.executable, "-c", code], check=True)
