"""The losses beside the libraries they follow: value and gradient in float64, in the environment of the benchmarks.

``python -m benchmarks.environment`` runs this before it measures; nothing is skipped there.
"""

import pytest
import torch
from torch.nn.functional import cross_entropy, normalize

from benchmarks import peers
from helpers import losses

N, D, M = 12, 5, 9
LABELS = torch.tensor([0, 1, 0, 2, 1, 0, 3, 3, 2, 0, 1, 3])
ALONE = torch.tensor([0, 1, 0, 2, 1, 0, 3, 3, 4, 0, 1, 5])  # 2, 4 and 5 have no partner
SENTENCES = "sentence_transformers.sentence_transformer.losses"


@pytest.fixture(scope="module", autouse=True)
def _peers():
    peers.prepare()


def normal(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


X, Y, BANK = normal(N, D), normal(N, D, seed=1), normalize(normal(M, D, seed=2), dim=1)


def assert_same(ours, theirs, *inputs, tolerance=1e-12):
    """Value and gradients with respect to the inputs; the control changes the inputs and must be noticed."""
    results = []
    for loss in (ours, theirs):
        leaves = [value.clone().requires_grad_() for value in inputs]
        value = loss(*leaves)
        results.append((value.detach(), *torch.autograd.grad(value, leaves)))
    for found, expected in zip(*results, strict=True):
        assert (found - expected).norm() <= tolerance * (1 + expected.norm())
    assert abs(ours(*(1.02 * value**3 for value in inputs)) - results[1][0]) > 1e-4


# -- pytorch-metric-learning 2.9.0 --------------------------------------------------------------------------
def metric_learning(name, **options):
    return getattr(peers.module("pytorch_metric_learning.losses"), name)(**options)


@pytest.mark.parametrize("labels", [LABELS, ALONE])
def test_supcon_is_that_of_pytorch_metric_learning(labels):
    theirs = metric_learning("SupConLoss")
    # It adds 2^-1022 to a count and leaves losses of zero, those of anchors without a positive, out of its mean.
    assert_same(lambda x: losses.SupCon()(x, labels), lambda x: theirs(x, labels), X)


def test_supcon_of_two_views_too():
    labels, theirs = torch.arange(N).repeat(2), metric_learning("SupConLoss", temperature=0.3)
    ours = losses.SupCon(0.3)
    assert_same(lambda x, y: ours(torch.cat([x, y]), labels), lambda x, y: theirs(torch.cat([x, y]), labels), X, Y)


def test_supcon_across_is_that_with_reference_rows():
    other, theirs = torch.tensor([0, 1, 2, 3, 0, 5, 5, 1, 2]), metric_learning("SupConLoss", temperature=0.3)
    options = {"form": "out", "temperature": 0.3, "positive_in_denominator": True, "reduction": "mean"}

    def ours(x, y):
        return losses.supcon_across(normalize(x, dim=1), normalize(y, dim=1), LABELS, other, **options)

    assert_same(ours, lambda x, y: theirs(x, LABELS, ref_emb=y, ref_labels=other), X, Y[:M])


def test_ntxent_is_that_of_pytorch_metric_learning():
    labels, theirs = torch.arange(N).repeat(2), metric_learning("NTXentLoss")
    # It adds 1e-308 to a ratio and counts every ordered pair once, so that its mean is ours.
    assert_same(losses.NTXent(0.07), lambda x, y: theirs(torch.cat([x, y]), labels), X, Y, tolerance=1e-11)


# -- lightly 1.6.0 ------------------------------------------------------------------------------------------
def test_ntxent_is_that_of_lightly():
    theirs = peers.module("lightly.loss.ntx_ent_loss").NTXentLoss()
    assert_same(losses.NTXent(), theirs, X, Y)


def test_a_memory_bank_is_that_of_lightly():
    theirs = peers.module("lightly.loss.ntx_ent_loss").NTXentLoss(memory_bank_size=(M, D))

    def with_bank(x, y):
        theirs.memory_bank.bank = BANK.clone()  # it is rewritten by the call
        theirs.memory_bank.bank_ptr = torch.zeros(1, dtype=torch.long)
        return theirs(x, y)

    assert_same(lambda x, y: losses.InfoNCE(0.5)(x, y, BANK), with_bank, X, Y)


def test_the_decoupled_form_is_that_of_lightly():
    theirs = peers.module("lightly.loss.dcl_loss").DCLLoss()
    ours = losses.NTXent(0.1, positive_in_denominator=False)
    assert_same(ours, theirs, X, Y)


# -- open_clip_torch 3.3.0 ----------------------------------------------------------------------------------
def unit(x, y):
    return normalize(x, dim=1), normalize(y, dim=1)


def test_clip_is_that_of_open_clip_with_its_learnt_scale():
    theirs = peers.file_of("open_clip_torch", "open_clip/loss.py").ClipLoss()

    def ours(x, y, log_scale):
        module = losses.CLIP().double()
        return torch.func.functional_call(module, {"log_scale": log_scale}, (x, y))

    start = losses.CLIP().double().log_scale.detach()
    assert_same(ours, lambda x, y, log_scale: theirs(*unit(x, y), log_scale.exp()), X, Y, start)


def test_siglip_is_that_of_open_clip_with_its_learnt_scale_and_bias():
    theirs = peers.file_of("open_clip_torch", "open_clip/loss.py").SigLipLoss()

    def ours(x, y, log_scale, bias):
        module = losses.SigLIP().double()
        return torch.func.functional_call(module, {"log_scale": log_scale, "bias": bias}, (x, y))

    start = [parameter.detach() for parameter in losses.SigLIP().double().parameters()]
    assert_same(ours, lambda x, y, log_scale, bias: theirs(*unit(x, y), log_scale.exp(), bias), X, Y, *start)


# -- sentence-transformers 6.2.0, info-nce-pytorch 0.1.4, solo-learn 1.0.2 ----------------------------------
def test_infonce_is_multiple_negatives_ranking():
    model = torch.nn.Sequential(torch.nn.Identity())
    theirs = peers.module(SENTENCES).MultipleNegativesRankingLoss(model)
    assert_same(losses.InfoNCE(0.05), lambda x, y: theirs.compute_loss_from_embeddings([x, y], None), X, Y)


def test_infonce_is_multiple_negatives_ranking_with_hard_negatives():
    """Further columns of the peer are candidates of every anchor: a queue."""
    model, hard = torch.nn.Sequential(torch.nn.Identity()), normal(N, D, seed=3)
    theirs = peers.module(SENTENCES).MultipleNegativesRankingLoss(model)
    assert_same(
        lambda x, y: losses.InfoNCE(0.05)(x, y, queue=hard),
        lambda x, y: theirs.compute_loss_from_embeddings([x, y, hard], None),
        X,
        Y,
    )


@pytest.mark.parametrize("bank", [None, BANK])
def test_infonce_is_that_of_info_nce_pytorch(bank):
    theirs = peers.module("info_nce").InfoNCE()
    assert_same(lambda x, y: losses.InfoNCE()(x, y, bank), lambda x, y: theirs(x, y, bank), X, Y)


def test_no_reduction_is_that_of_info_nce_pytorch():
    theirs, upstream = peers.module("info_nce").InfoNCE(reduction="none"), torch.linspace(1, 2, N).double()
    ours = losses.InfoNCE(reduction="none")
    assert_same(lambda x, y: ours(x, y) @ upstream, lambda x, y: theirs(x, y) @ upstream, X, Y)


def test_ntxent_is_that_of_solo_learn():
    theirs = peers.file_of("solo-learn", "solo/losses/simclr.py").simclr_loss_func
    assert_same(losses.NTXent(0.1), lambda x, y: theirs(x, y, temperature=0.1), X, Y)


def test_moco_is_cross_entropy_against_the_queue():
    """He et al. (2020), Algorithm 1: the positive in column 0, the queue behind it."""

    def moco(q, k):
        q, k = unit(q, k)
        logits = torch.cat([(q * k).sum(1, keepdim=True), q @ BANK.T], dim=1) / 0.07
        return cross_entropy(logits, torch.zeros(N, dtype=torch.long))

    assert_same(lambda q, k: losses.InfoNCE(0.07)(q, k, BANK), moco, X, Y)
