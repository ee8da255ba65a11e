"""The terms of the four-term objective of the official code, once for one encoder and for an ensemble of them.

The encoder descends ``adversarial * InfoNCE(attacked) + benign * InfoNCE(clean) - discriminator * BCE``, the attack
ascends ``InfoNCE + discriminator * log(1 - D)``, and a linear discriminator D descends the BCE. The functions here know
features, not encoders: the leading axes of a Tensor may count networks. Who trains is ``ensemble`` (many small networks
at once) or ``robust_training`` (one encoder of any kind).
"""

import torch
from torch.nn import functional

from helpers import losses


def contrast(anchors, candidates, *, temperature):
    """InfoNCE of every anchor, the other rows' candidates being the negatives, shape (..., n)."""
    scores = anchors @ candidates.mT
    return losses.infonce_from_scores(scores, temperature=temperature, positive_in_denominator=True)


def logit(judge, z):
    """Logits of linear discriminators, shape (networks, n); ``judge`` (networks, m + 1), ``z`` (networks, n, m)."""
    return (z @ judge[:, :-1, None])[..., 0] + judge[:, -1:]


def harm(z, candidates, logits, *, weight, temperature):
    """What the attack ascends for every anchor: InfoNCE and ``weight * log(1 - D)``, shape (..., n)."""
    return contrast(z, candidates, temperature=temperature) + weight * functional.logsigmoid(-logits)


def attacked_loss(moved, candidates, *, weight, temperature, penalty=None):
    """The terms that see attacked anchors: ``weight`` times their mean InfoNCE, minus the discriminator's penalty."""
    value = weight * contrast(moved, candidates, temperature=temperature).mean(dim=-1)
    return value if penalty is None else value - penalty


def binary_cross_entropy(judge, benign, attacked):
    """``1/2 (BCE(D(benign), 1) + BCE(D(attacked), 0))`` of linear discriminators, shape (networks,), nats."""
    right = functional.softplus(-logit(judge, benign)).mean(dim=-1)
    return (right + functional.softplus(logit(judge, attacked)).mean(dim=-1)) / 2


def discriminator_step(judge, benign, attacked, *, rate):
    """Linear discriminators after one step down their cross-entropy; shapes as :func:`binary_cross_entropy`."""
    with torch.enable_grad():
        leaf = judge.detach().clone().requires_grad_()
        (slope,) = torch.autograd.grad(binary_cross_entropy(leaf, benign, attacked).sum(), leaf)
    return judge - rate * slope
