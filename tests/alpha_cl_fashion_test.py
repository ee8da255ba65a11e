import subprocess
import sys

import numpy as np
import pytest
import torch

from helpers.losses import alpha_cl
from helpers.papers.alpha_cl.tables import alpha_cl_fashion as table
from helpers.recording import recorded

CPU = torch.device("cpu")
SMALL = table.CONSTANTS | {
    "train_part": "test",
    "train": 128,
    "labelled": 100,
    "test": 60,
    "encoder": [4, 8],
    "projector": [8, 8, 16],
    "epochs": 2,
    "batch": 32,
    "probe_epochs": 3,
    "probe_batch": 50,
}


@pytest.mark.parametrize("loss", ["square", "untrained", "raw pixels"])
def test_a_row_has_the_measured_numbers(loss):
    values = table.measure(SMALL | {"loss": loss}, 0, CPU)
    assert set(values) == {"probe", "neighbours", "rank", "feature_rank"}
    assert all(0 < values[name] <= 1 for name in ("probe", "neighbours"))
    assert 1 <= values["rank"] <= 60
    assert (values["rank"] == values["feature_rank"]) == (loss == "raw pixels")


def test_all_losses_but_the_one_that_is_quadratic_in_disguise():
    assert set(table.LOSSES) == set(alpha_cl.PAIR_LOSSES) - {"power"}
    assert [cell["loss"] for cell in table.CELLS] == [*table.LOSSES, *table.BASELINES]
    assert len(table.SEEDS) >= 3


@pytest.mark.slow
def test_training_repeats_and_follows_its_settings():
    images = torch.from_numpy(table.parts(SMALL, 3)[1].images)

    def outputs(**changes):
        model = table.encode(SMALL | {"loss": "direct"} | changes, 3, CPU)
        with torch.no_grad():
            return model(images)

    reference = outputs()
    assert torch.allclose(reference.norm(dim=1), torch.ones(60))
    assert torch.equal(outputs(), reference)
    for change in (
        {"loss": "infonce"},
        {"temperature": 0.1},
        {"crop_area": [0.5, 1.0]},
        {"jitter": 0.0},
        {"learning_rate": 1e-3},
        {"epochs": 1},
        {"batch": 64},
    ):
        assert not torch.equal(outputs(**change), reference), change


def test_the_projector_is_the_released_one():
    head = table.encode(SMALL | {"loss": "untrained"}, 0, CPU).projector
    assert [type(layer).__name__ for layer in head] == ["Linear", "BatchNorm1d", "ReLU", "Linear"]
    assert not head[1].affine


def test_the_split_is_disjoint_and_the_test_part_stays():
    train, test = table.parts(SMALL, 1)
    assert (len(train), len(test)) == (128, 60)
    assert train.images.dtype == np.uint8
    assert not {image.tobytes() for image in train.images} & {image.tobytes() for image in test.images}
    assert (table.parts(SMALL, 2)[0].images != train.images).any()


def test_the_standard_split_draws_from_both_parts(monkeypatch):
    shown = []

    def stored(name, part):
        shown.append((name, part))
        count = {"train": 6, "test": 4}[part]
        images = np.full((count, 3, 2, 2), {"train": 1, "test": 2}[part], np.uint8)
        return table.data.Images(images, np.arange(count))

    monkeypatch.setattr(table.data, "byte_images", stored)
    settings = SMALL | {"data": "cifar-10", "train_part": "train", "train": 5, "test": 4}
    train, test = table.parts(settings, 0)
    assert set(shown) == {("cifar-10", "train"), ("cifar-10", "test")}
    assert (len(train), len(test)) == (5, 4)
    assert (train.images == 1).all()
    assert sorted(test.labels) == [0, 1, 2, 3]


def test_unknown_names_are_refused():
    with pytest.raises(ValueError, match="loss is 'triplet', expected one of quadratic; infonce"):
        table.measure(SMALL | {"loss": "triplet"}, 0, CPU)
    with pytest.raises(ValueError, match=r"no data set is named 'mnist'; there are"):
        table.measure(SMALL | {"loss": "square", "data": "mnist"}, 0, CPU)


def test_the_summary_has_one_line_a_loss():
    header, rows = table.summary(made_up())
    assert {len(row) for row in rows} == {len(header)} == {9}
    assert [row[0] for row in rows] == list(table.LABELS.values())
    starred = [(row[0], number) for row in rows for number, entry in enumerate(row) if entry.endswith("*")]
    assert starred == [("r_s", 2), ("r_s", 4)]
    assert [rows[2][0], rows[2][2]] == ["InfoNCE, ε = 1", ""]


def made_up():
    """A recording of random numbers; r_s is six points above InfoNCE for every seed."""
    rng, rows = np.random.default_rng(0), []
    for cell in table.CELLS:
        for seed in table.SEEDS:
            score = 0.8 + 0.01 * np.random.default_rng(seed).normal() + 0.001 * rng.normal()
            score += 0.06 * (cell["loss"] == "square")
            ranks = {"neighbours": score, "rank": 2 + 10 * rng.random(), "feature_rank": 5 + rng.random()}
            rows.append({**cell, "seed": seed, "probe": score, **ranks})
    return recorded.Recording(rows, {"seeds": list(table.SEEDS), "table": "made up"})


def test_differences_are_paired():
    found = table.compared(made_up(), "probe")
    square = table.COMPARED.index("square")
    assert found.clear[square] == 1
    assert not np.delete(found.clear, square).any()
    assert table.sides(made_up(), "probe") == (["r_s"], [])
    assert found.mean[square] == pytest.approx(0.06, abs=0.005)
    assert (found.high - found.low).max() < 0.02  # much less than the spread of 0.01 a seed would give unpaired


def test_the_figures_are_drawn_with_their_numbers():
    import matplotlib.pyplot as plt

    from helpers.papers.alpha_cl import figures

    assert len(table.draw(made_up()).axes) == 2
    _figure, columns = figures.clothes(made_up())
    assert set(columns["loss"]) == {loss.replace(",", "") for loss in table.LOSSES}
    other, columns = figures.clothes_differences(made_up())
    assert [text.get_text() for text in other.axes[0].get_yticklabels()][-2:] == ["r_s", "untrained"]
    square = [value for value, loss in zip(columns["mean"], columns["loss"], strict=True) if loss == "square"]
    assert square == pytest.approx([6, 6], abs=0.5)
    plt.close("all")


@pytest.mark.slow
def test_it_needs_no_matplotlib():
    code = "import sys; sys.modules['matplotlib'] = None; sys.modules['tqdm'] = None; "
    subprocess.run([sys.executable, "-c", code + "import helpers.papers.alpha_cl.tables.alpha_cl_fashion"], check=True)
