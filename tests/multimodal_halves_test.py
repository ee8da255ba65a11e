import subprocess
import sys

import numpy as np
import pytest
import torch

from helpers.papers.multimodal_svd import dual_encoder, tower_scores
from helpers.papers.multimodal_svd.tables import multimodal_halves
from helpers.recording import recorded

CPU = torch.device("cpu")
SMALL = multimodal_halves.CONSTANTS | {
    "split": "shipped",
    "encoder": [4, 8, 8],
    "outputs": 8,
    "steps": 6,
    "batch": 64,
    "look_every": 2,
    "held_out": 64,
    "candidates": 200,
    "unpaired": 256,
    "unpaired_steps": 4,
}


def test_parts_share_no_image():
    images, probe, test = multimodal_halves.pools(SMALL, 0)
    sizes = [len(part) for part in (images, probe[0], test[0])]
    assert sizes == [6000, 2000, 2000]
    everything = torch.cat([images, probe[0], test[0]]).flatten(1)
    assert len(torch.unique(everything, dim=0)) >= 9990  # a few images are in the data set twice
    assert torch.equal(multimodal_halves.pools(SMALL, 0)[0], images)
    assert not torch.equal(multimodal_halves.pools(SMALL, 1)[0], images)


def test_the_standard_split_keeps_the_test_part_for_the_test(monkeypatch):
    shipped, labels = multimodal_halves._bytes("fashion-mnist", "test")
    monkeypatch.setattr(
        multimodal_halves,
        "_bytes",
        lambda name, part: (shipped[7000:], labels[7000:]) if part == "test" else (shipped[:7000], labels[:7000]),
    )
    images, probe, test = multimodal_halves.pools(SMALL | {"split": "standard", "probe": 900}, 0)
    assert [len(images), len(probe[1]), len(test[1])] == [6100, 900, 3000]
    assert torch.equal(test[0], shipped[7000:])


def test_unknown_splits_are_refused():
    with pytest.raises(ValueError, match="split is 'other'"):
        multimodal_halves.pools(SMALL | {"split": "other"}, 0)


@pytest.mark.slow
def test_a_row_with_wrong_pairs_is_a_function_of_its_seed(tmp_path):
    cell = SMALL | {"task": "wrong", "n": 128, "share": 0.5}
    values = multimodal_halves.measure(cell, 0, CPU, tmp_path / "row.pt")
    assert values == multimodal_halves.measure(cell, 0, CPU)
    assert values["error"] != multimodal_halves.measure(cell, 1, CPU)["error"]
    assert not list(tmp_path.iterdir())
    for kind in ("", "stopped ", "linear "):
        assert 0 < values[f"{kind}error"] <= values[f"{kind}left_error"] + 0.05 < 0.95
        assert 0 <= values[f"{kind}hit"] <= 1
    assert values["stopped step"] in (2, 4, 6)
    assert values["identity"] < 1e-10
    assert 1 <= values["rank"] <= 8
    assert all(values[f"strength {k}"] >= values[f"strength {k + 1}"] > 0 for k in range(1, 8))


@pytest.mark.slow
def test_settings_are_honoured():
    cell = SMALL | {"task": "wrong", "n": 128, "share": 0.0, "steps": 2}
    assert multimodal_halves.measure(cell, 0, CPU)["stopped step"] == 2
    images = torch.zeros(2, 3, 32, 32, dtype=torch.uint8)
    colour = multimodal_halves.towers(SMALL | {"encoder": "resnet18", "grid": None, "outputs": 5}, images, 0)
    assert colour.split == 16
    assert colour.left.projector[0].in_features == 512
    assert colour.left.colours == 3


@pytest.mark.slow
def test_a_row_with_unpaired_images(tmp_path):
    cell = SMALL | {"task": "unpaired", "n": 128, "share": 0.0}
    values = multimodal_halves.measure(cell, 0, CPU, tmp_path / "row.pt")
    for arm in ("untrained", "start", *multimodal_halves.reading.ARMS):
        assert 0 < values[f"{arm} error"] < 0.95
        assert 0 <= values[f"{arm} hit"] <= 1
    assert values["aligned guessed"] > values["shuffled guessed"]
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_training_keeps_the_state_with_the_lowest_held_out_loss():
    images = multimodal_halves.pools(SMALL, 0)[0]
    rows = tower_scores.observed(images[:64], np.roll(np.arange(64), 1))  # nothing true can be learnt
    held, settings = images[-64:], SMALL | {"learning_rate": 1e-2}
    model = multimodal_halves.towers(settings, images, 0)
    clip = dual_encoder.paired(temperature=settings["temperature"])
    stopped, step = multimodal_halves.train(model, clip, rows, held, settings, 0, CPU, None, steps=40)
    with torch.no_grad():
        best, last = (float(clip(one, held, None)) for one in (stopped, model))
    assert best < last
    assert step < 40
    shorter = multimodal_halves.towers(settings, images, 0)
    again, _ = multimodal_halves.train(shorter, clip, rows, held, settings, 0, CPU, None, steps=step)
    assert all(torch.equal(x, y) for x, y in zip(again.parameters(), stopped.parameters(), strict=True))
    with pytest.raises(ValueError, match="steps is 5, expected a multiple of 2"):
        multimodal_halves.train(model, clip, rows, held, settings, 0, CPU, None, steps=5)


def test_every_cell_can_be_trained_for_its_steps():
    for profile in ("quick", "full"):
        table = recorded.table("multimodal_halves", profile)
        for cell in table.cells:
            settings = table.settings(cell)
            per_round = cell["n"] // settings["batch"]
            assert settings["steps"] % (per_round * max(1, settings["look_every"] // per_round)) == 0
            per_round = settings["unpaired"] // settings["batch"]
            assert settings["unpaired_steps"] % (per_round * max(1, settings["look_every"] // per_round)) == 0


def fake(exponent):
    """A recording whose errors and retrieval are functions of n (1 - p)^exponent."""
    rng, rows = np.random.default_rng(0), []
    for cell in multimodal_halves.CELLS:
        for seed in range(3):
            size = cell["n"] * (1 - cell["share"]) ** exponent
            noise = np.exp(0.02 * rng.standard_normal(3))
            row = {**cell, "seed": seed}
            for kind in ("", "stopped ", "linear "):
                row[f"{kind}error"] = (0.15 + 2 * size**-0.5) * noise[0]
                row[f"{kind}hit"] = 0.9 * size / (size + 3000) * noise[1]
            row |= {f"strength {k}": noise[2] / k for k in range(1, multimodal_halves.reading.STRENGTHS + 1)}
            if cell["task"] == "unpaired":
                row |= {f"{arm} hit": 0.5 * noise[0] for arm in ("start", *multimodal_halves.reading.ARMS)}
                row |= {f"{arm} error": 0.2 for arm in ("untrained", "start", *multimodal_halves.reading.ARMS)}
                row |= {f"{arm} guessed": 0.6 for arm in multimodal_halves.reading.GUESSING}
                row["oracle hit"] += 0.1 + 0.001 * seed
            rows.append(row)
    return recorded.Recording(rows, {"seeds": [0, 1, 2], "table": "fake"})


@pytest.mark.parametrize("exponent", [1.0, 2.0])
def test_exponents_are_found_in_a_recording(exponent):
    for measured in ("stopped hit", "error"):
        found = multimodal_halves.reading.exponents(fake(exponent), measured)
        assert found.shape == (3,)
        assert np.abs(found - exponent).max() < 0.25


def test_the_tables_say_what_is_in_the_recording():
    header, rows = multimodal_halves.reading.exponent_table(fake(2.0))
    assert all(len(row) == len(header) for row in rows)
    assert [row[0] for row in rows] == list(multimodal_halves.reading.COMPARED.values())
    for row in rows:
        assert abs(float(row[1].split()[0]) - 2) < 0.25
        assert float(row[3]) > 3 * float(row[5])  # far from one curve in n, close to one in n (1 - p)^2
        assert abs(float(row[6].split()[0]) - 1) < 0.05
    header, sizes = multimodal_halves.reading.size_table(fake(2.0))
    assert len(sizes) == 5 * 4
    assert all(len(row) == len(header) == 2 + 6 for row in sizes)
    assert [row[2] != "" for row in sizes[:4]] == [True, False, False, False]
    header, rows = multimodal_halves.reading.arm_table(fake(2.0))
    assert all(len(row) == len(header) for row in rows)
    arms = {row[0]: row[1:] for row in rows}
    assert arms["oracle"][2].startswith("+0.101")
    assert arms["shuffled"][2] == "+0.000 (+0.000 to +0.000)"
    assert [arm for arm, row in arms.items() if row[0] == "0.600"] == list(multimodal_halves.reading.GUESSING)


@pytest.mark.slow
def test_the_figure_is_drawn():
    pyplot = pytest.importorskip("matplotlib.pyplot")
    figure = multimodal_halves.draw(fake(2.0))
    figure.canvas.draw()
    assert figure.axes[1].get_xlabel() == "$n(1-p)^2$"
    lines = figure.axes[1].get_lines()  # three seeds, then the mean, of each share
    sizes = [line.get_xdata() for line in lines[3::4]]
    assert [len(x) for x in sizes] == [6, 5, 5, 4]
    assert sizes[2].tolist() == [cell["n"] / 4 for cell in multimodal_halves.CELLS if cell["share"] == 0.5]
    pyplot.close(figure)


@pytest.mark.slow
def test_the_table_needs_no_matplotlib():
    code = """
import sys
sys.modules.update({"matplotlib": None, "tqdm": None, "networkx": None})
from helpers.papers.multimodal_svd.tables import multimodal_halves
"""
    subprocess.run([sys.executable, "-c", code], check=True)
