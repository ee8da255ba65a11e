import pytest
import torch

from helpers.losses import alpha_cl
from helpers.papers.alpha_cl.tables import alpha_cl_digits as table


@pytest.mark.slow
@pytest.mark.parametrize("loss", ["square", "untrained", "raw pixels"])
def test_one_epoch_measures_finite_numbers(loss):
    values = table.measure({"loss": loss}, 0, torch.device("cpu"), epochs=1)
    assert set(values) == {"neighbours", "rank", "probe"}
    assert 0.3 < values["neighbours"] <= 1
    assert 0.5 < values["probe"] <= 1
    assert 1 <= values["rank"] <= 64


def test_every_loss_is_trained_and_training_repeats():
    assert set(table.LOSSES) == set(alpha_cl.PAIR_LOSSES)
    first, again = (table.encode("entropy", 3, torch.device("cpu"), epochs=1) for _ in range(2))
    images = torch.from_numpy(table.parts(3)[1].images)
    with torch.no_grad():
        assert torch.equal(first(images), again(images))


def test_the_split_is_disjoint_and_a_function_of_the_seed():
    train, test = table.parts(1)
    assert (len(train), len(test)) == (1300, 497)
    assert (table.parts(1)[0].images == train.images).all()
    assert (table.parts(2)[0].images != train.images).any()
