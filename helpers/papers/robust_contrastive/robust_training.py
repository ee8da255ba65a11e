"""Robust contrastive training of one encoder of any kind, and the terms of its bound, measured on the way.

The encoder f descends, in nats,

    adversarial * InfoNCE(attacked anchors) + benign * InfoNCE(clean anchors, weights moved by one ASAM step)
        - discriminator * BCE(D; clean against attacked anchors),

while a linear discriminator D descends the BCE and PGD ascends ``InfoNCE + discriminator * log(1 - D)`` on the anchors;
positives and negatives (the other positives of the batch) stay clean. This is the objective of the official code of
Tran et al. (2023, 2025), as read there, with one encoder instead of two batch norms. ``ensemble`` trains many small
networks; the terms of both are ``four_terms``.
"""

import contextlib
import math
from dataclasses import dataclass

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from torch import nn

from helpers import training
from helpers.adversarial import attacks
from helpers.optimise import sharpness

from . import four_terms, robust_bounds, robust_scores

READINGS = (
    "benign",
    "adversarial",
    "clean_loss",
    "robust_loss",
    "bound",
    "local_shift",
    "global_shift",
    "divergence",
    "sharpness",
)


@dataclass(frozen=True)
class Terms:
    """Weights of the terms; zero leaves a term out.

    Attributes
    ----------
    adversarial, benign : float
    sharpness : float
        Radius of the ASAM step of the benign term.
    discriminator : float
        Of the cross-entropy in the objective and, as in the official code, of ``log(1 - D)`` in the attack.
    """

    adversarial: float
    benign: float
    sharpness: float = 0.0
    discriminator: float = 0.0


def encoding(encoder, shape, *, batch=500):
    """An encoder as a function of flat images, for ``attacks`` and ``robust_scores``.

    Parameters
    ----------
    encoder : callable
        Maps images (n, *shape) to unit features (n, m).
    shape : tuple of int
        Of one image.
    batch : int
        Images encoded at a time.

    Returns
    -------
    callable
        Maps (..., d) to (..., m).

    >>> encode = encoding(lambda images: images.flatten(1)[:, :2], (2, 2))
    >>> encode(torch.ones(5, 1, 3, 4)).shape
    torch.Size([5, 1, 3, 2])
    """

    def encode(points):
        z = torch.cat([encoder(part) for part in points.reshape(-1, *shape).split(batch)])
        return z.reshape(*points.shape[:-1], z.shape[-1])

    return encode


def objective(terms, pairs, threat, *, temperature, seen=None):
    """The objective of ``training.fit`` for a :class:`Watched` encoder.

    Parameters
    ----------
    terms : Terms
    pairs : callable
        Maps ``(rows, generator)`` to anchors and positives, two Tensors (batch, ...) of floating images in the data
        range of the threat.
    threat : robust_scores.Threat
        Of the attack on the anchors, from one random start.
    temperature : float
    seen : dict, optional
        Receives the detached features that the discriminator is to learn from, ``clean`` and ``attacked``.

    Returns
    -------
    callable
        Refuses a batch of one (``ValueError``). On several processes every one computes the whole batch.
    """

    def contrast(anchors, candidates):
        return four_terms.contrast(anchors, candidates, temperature=temperature)

    def attacked(model, anchors, positives, generator):
        flat = anchors.flatten(1)
        encode = encoding(model, anchors.shape[1:], batch=len(anchors))
        with _steady(model):
            with torch.no_grad():
                candidates = model(positives)

            def harm(points):
                z = encode(points)
                logits, form = four_terms.logit(model.judge, z), {"temperature": temperature}
                return four_terms.harm(z, candidates, logits, weight=terms.discriminator, **form)

            start = attacks.random_points(flat, count=1, generator=generator, **threat.ball)
            return attacks.pgd(harm, flat, start, step_sizes=threat.step_sizes, **threat.ball).points.view_as(anchors)

    def rest(judge, z, moved, candidates):
        penalty = None
        if terms.discriminator:
            penalty = terms.discriminator * four_terms.binary_cross_entropy(judge, z[None], moved[None])[0]
        form = {"weight": terms.adversarial, "temperature": temperature, "penalty": penalty}
        return four_terms.attacked_loss(moved, candidates, **form)

    def step(model, rows, generator):
        if len(rows) < 2:
            raise ValueError("a batch of one image has no negatives: contrast needs a batch of at least 2")
        anchors, positives = pairs(rows, generator)
        if not terms.adversarial and not terms.discriminator:
            moved = None
        else:
            moved = attacked(model, anchors, positives, generator)
        if not terms.sharpness:
            z, candidates, *z_moved = _together(model, anchors, positives, moved)
            value = terms.benign * contrast(z, candidates).mean()
            if moved is not None:
                value = value + rest(model.judge, z, z_moved[0], candidates)
                _remember(seen, z, z_moved[0])
            return value
        values, parameters = [], list(model.parameters())

        def benign():
            with _steady(model) if values else contextlib.nullcontext():
                z, candidates = _together(model, anchors, positives)
            values.append(terms.benign * contrast(z, candidates).mean())
            return values[-1]

        slopes = sharpness.gradient_at_worst_neighbour(benign, parameters, terms.sharpness, adaptive=True)
        value = values[1].detach()
        if moved is not None:
            z, candidates, z_moved = _together(model, anchors, positives, moved)
            more = rest(model.judge, z, z_moved, candidates)
            _remember(seen, z, z_moved)
            stirred = torch.autograd.grad(more, parameters, materialize_grads=True, allow_unused=True)
            slopes, value = [a + b for a, b in zip(slopes, stirred, strict=True)], value + more.detach()
        return training.with_gradient(value, parameters, slopes)

    return step


class Watched(nn.Module):
    """An encoder with its linear discriminator and what was measured on the way, all of which a checkpoint holds.

    Attributes
    ----------
    encoder : nn.Module
        Unit features.
    judge : Tensor, shape (1, m + 1)
        Weights and bias of the discriminator; a buffer, because it descends another loss than the encoder.
    steps : Tensor of int
        Training steps so far.
    curve : Tensor, shape (marks, readings), float64
    """

    def __init__(self, encoder, width, *, marks=0, readings=0):
        super().__init__()
        self.encoder = encoder
        self.register_buffer("judge", torch.zeros(1, width + 1))
        self.register_buffer("steps", torch.zeros((), dtype=torch.long))
        self.register_buffer("curve", torch.full((marks, readings), math.nan, dtype=torch.float64))

    def forward(self, images):
        return self.encoder(images)


def fit(
    encoder,
    data,
    pairs,
    terms,
    threat,
    *,
    width,
    temperature,
    epochs,
    batch,
    discriminator_rate=0.2,
    measure=None,
    marks=(),
    **options,
):
    """Train an encoder robustly, in place, by ``training.fit``.

    Parameters
    ----------
    encoder : nn.Module
    data : Tensor, shape (n, ...)
        Its rows are what ``pairs`` takes, such as indices of images.
    pairs, terms, threat, temperature
        As :func:`objective`.
    width : int
        Of the features.
    epochs, batch : int
    discriminator_rate : float
        Step size of the discriminator's gradient descent, one step a training step.
    measure : callable, optional
        Maps the encoder, in evaluation mode, to a dict with the keys ``READINGS``. It must not draw from a generator
        that the training uses.
    marks : sequence of int
        Epochs after which to measure; 0 for before the training.
    **options
        Of ``training.fit``.

    Returns
    -------
    dict of str to list of float
        Each reading at the marks.
    """
    model = Watched(encoder, width, marks=len(marks), readings=len(READINGS))
    seen, per_epoch = {}, len(data) // batch

    def look(model, mark):
        was_training = model.training
        model.eval()
        found = measure(model.encoder)
        model.train(was_training)
        model.curve[list(marks).index(mark)] = torch.tensor([found[name] for name in READINGS], dtype=torch.float64)

    def after_step(model):
        model.steps += 1
        if terms.discriminator:
            clean, attacked = seen["clean"][None], seen["attacked"][None]
            model.judge.copy_(four_terms.discriminator_step(model.judge, clean, attacked, rate=discriminator_rate))
        epoch, over = divmod(int(model.steps), per_epoch)
        if not over and epoch in marks:
            look(model, epoch)

    if 0 in marks:
        look(model.to(options.get("device", "cpu")), 0)
    rule = objective(terms, pairs, threat, temperature=temperature, seen=seen)
    training.fit(model, rule, data, epochs=epochs, batch=batch, after_step=after_step, **options)
    return {name: model.curve[:, column].tolist() for column, name in enumerate(READINGS)}


def bound_terms(encoder, test, test_labels, reference, reference_labels, threat, *, classes, temperature, **options):
    """The terms of the robust bounds on images the training has not seen, for pairs of one class.

    Positives, negatives and class means come from the reference images, anchors from the test images; the adversary
    is PGD on the mean classifier, and the attack on tuples starts from its answer. Classes are taken as equally likely.

    Parameters
    ----------
    encoder : nn.Module
        In evaluation mode.
    test, reference : Tensor, shape (n, ...)
        Floating images in the range of the threat.
    test_labels, reference_labels : Tensor of int, shape (n,)
    threat : robust_scores.Threat
    classes : int
    temperature : float
    **options
        ``generator`` (of positives, negatives and random starts), ``negatives`` (their number, which is also their
        weight), ``tuple_steps`` of the attack on tuples.

    Returns
    -------
    dict of str to float, nats
        ``benign``, ``adversarial``: InfoNCE of clean and attacked anchors; ``clean_loss``, ``robust_loss``: of the mean
        classifier; ``bound``: ``adversarial + allowance + log classes``, at least the robust loss up to the samples;
        ``local_shift``, ``global_shift``: their sum is robust minus clean loss exactly; ``divergence``: lower estimate
        of the Jensen-Shannon divergence of clean and attacked features, :func:`divergence`.
    """
    generator, count = options["generator"], options["negatives"]
    encode = encoding(encoder, test.shape[1:])
    inputs, labels, pool = test.flatten(1)[None], test_labels[None], reference.flatten(1)
    with torch.no_grad():
        z_pool = encode(pool)[None]
    form = {"classes": classes, "temperature": temperature}
    classifier = robust_scores.mean_classifier(z_pool, reference_labels[None], **form)
    found = robust_scores.scores(encode, inputs, labels, classifier, threat, generator=generator)
    same = (reference_labels == test_labels[:, None]).double().cpu()
    partner = torch.multinomial(same, 1, generator=generator)[:, 0]
    others = torch.randperm(len(pool), generator=generator)[:count]
    weak = robust_scores.Threat(threat.radius, options["tuple_steps"], threat.low, threat.high)
    benign, adversarial = robust_scores.tuple_losses(
        encode, inputs, pool[partner][None], pool[others][None], found.points[None], weak, temperature=temperature
    )
    with torch.no_grad():
        z, moved = encode(inputs)[0], encode(found.points)[0]
    weights, bias = (part[0] for part in classifier)
    partition = [(rows @ weights.mT + bias).logsumexp(dim=-1) for rows in (z, moved)]
    price = robust_bounds.allowance(temperature, count, float(count)) + math.log(classes)
    return {
        "benign": benign.mean().item(),
        "adversarial": adversarial.mean().item(),
        "clean_loss": found.clean_loss.item(),
        "robust_loss": found.robust_loss.item(),
        "bound": adversarial.mean().item() + float(price),
        "local_shift": ((z - moved) * weights[test_labels]).sum(dim=-1).mean().item(),
        "global_shift": (partition[1] - partition[0]).mean().item(),
        "divergence": divergence(z.cpu().numpy(), moved.cpu().numpy()),
    }


def divergence(clean, attacked):
    """``log 2 - BCE`` of a linear discriminator fitted on one half of the rows and judged on the other.

    In expectation at most the Jensen-Shannon divergence of the two laws, whatever the discriminator.

    Parameters
    ----------
    clean, attacked : ndarray, shape (n, m)
        Rows correspond: a row and its attacked version are in the same half.

    Returns
    -------
    float
        In nats, at most log 2; below zero where the fit is worse than knowing nothing.

    >>> divergence(np.zeros((8, 2)), np.zeros((8, 2)))
    0.0
    """
    half = len(clean) // 2
    fitted, judged = (np.concatenate([clean[part], attacked[part]]) for part in (slice(half), slice(half, None)))
    judge = LogisticRegression(C=10.0, max_iter=2000).fit(fitted, np.repeat([1, 0], half))
    logits = judge.decision_function(judged)
    clean_logits, attacked_logits = np.split(logits, 2)
    entropy = (np.logaddexp(0, -clean_logits).mean() + np.logaddexp(0, attacked_logits).mean()) / 2
    return float(math.log(2) - entropy)


def sharpness_term(model, anchors, positives, radius, *, temperature):
    """How much the clean InfoNCE of these pairs grows by one ASAM step of the weights; a lower estimate of its maximum.

    Parameters
    ----------
    model : nn.Module
        Its weights are the same afterwards.
    anchors, positives : Tensor, shape (n, ...)
    radius : float
    temperature : float

    Returns
    -------
    float
        In nats.
    """
    values = []

    def benign():
        z, candidates = _together(model, anchors, positives)
        values.append(four_terms.contrast(z, candidates, temperature=temperature).mean())
        return values[-1]

    sharpness.gradient_at_worst_neighbour(benign, model.parameters(), radius, adaptive=True)
    return (values[1] - values[0]).item()


def _together(model, *views):
    """Features of several batches in one pass, so that a BatchNorm sees them together."""
    views = [view for view in views if view is not None]
    return model(torch.cat(views)).chunk(len(views))


def _remember(seen, clean, attacked):
    if seen is not None:
        seen["clean"], seen["attacked"] = clean.detach(), attacked.detach()


@contextlib.contextmanager
def _steady(model):
    """Leave the running statistics of every BatchNorm as they are: passes of an attack are no training data."""
    norms = [part for part in model.modules() if isinstance(part, nn.modules.batchnorm._BatchNorm)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
    try:
        yield
    finally:
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum
