"""Contrastive losses, forward and backward, on unit rows of dimension 128 in float32."""

import torch
from torch.nn import functional

from benchmarks import peers
from helpers import losses

DIMENSION, TEMPERATURE = 128, 0.1
COUNTED = {"positive_in_denominator": True, "reduction": "mean"}


def pairs(n, *, dimension=DIMENSION, noise=0.1, dtype=torch.float32, seed=0):
    """Aligned pairs of unit rows: ``n`` anchors and their positives, both wanting gradients."""
    generator = torch.Generator().manual_seed(seed)
    first = functional.normalize(torch.randn(n, dimension, generator=generator, dtype=torch.float64), dim=1)
    second = functional.normalize(
        first + noise * torch.randn(n, dimension, generator=generator, dtype=torch.float64), dim=1
    )
    return first.to(dtype).requires_grad_(), second.to(dtype).requires_grad_()


def infonce(temperature=TEMPERATURE):
    """Label to loss of (anchors, candidates): one direction."""

    def sentence_transformers(name, **options):
        found = getattr(_sentence_losses(), name)(_model(), scale=1 / temperature, **options)
        return found.compute_loss_from_embeddings

    return {
        "ours": lambda: lambda x, y: losses.infonce(x, y, temperature=temperature, **COUNTED),
        "torch dense": lambda: lambda x, y: functional.cross_entropy(x @ y.T / temperature, torch.arange(len(x))),
        "info-nce-pytorch": lambda: _info_nce(temperature),
        "sentence-transformers MNRL": lambda: _on_lists(sentence_transformers("MultipleNegativesRankingLoss")),
        "sentence-transformers CachedMNRL, mini 512": lambda: _cached(temperature, 512),
    }


def clip(temperature=TEMPERATURE):
    """Label to loss of (first, second): two directions."""

    def dense(x, y):
        logits, own = x @ y.T / temperature, torch.arange(len(x))
        return (functional.cross_entropy(logits, own) + functional.cross_entropy(logits.T, own)) / 2

    def open_clip():
        loss = peers.file_of("open_clip_torch", "open_clip/loss.py").ClipLoss()
        return lambda x, y: loss(x, y, 1 / temperature)

    return {
        "ours": lambda: lambda x, y: losses.clip(x, y, temperature=temperature, **COUNTED),
        "torch dense": lambda: dense,
        "open_clip": open_clip,
    }


def ntxent(temperature=TEMPERATURE):
    """Label to loss of (first views, second views): all 2N views as anchors."""

    def ours(x, y):
        return losses.ntxent(torch.cat([x, y]), temperature=temperature, include_self=False, **COUNTED)

    def dense(x, y):
        views, n = torch.cat([x, y]), len(x)
        logits = (views @ views.T / temperature).fill_diagonal_(-torch.inf)
        return functional.cross_entropy(logits, torch.arange(2 * n).roll(n))

    def metric_learning(name):
        loss = getattr(peers.module("pytorch_metric_learning.losses"), name)(temperature=temperature)
        return lambda x, y: loss(torch.cat([x, y]), torch.arange(len(x)).repeat(2))

    def solo_learn():
        loss = peers.file_of("solo-learn", "solo/losses/simclr.py").simclr_loss_func
        return lambda x, y: loss(x, y, temperature=temperature)

    return {
        "ours": lambda: ours,
        "torch dense": lambda: dense,
        "lightly": lambda: peers.module("lightly.loss.ntx_ent_loss").NTXentLoss(temperature=temperature),
        "solo-learn": solo_learn,
        "pytorch-metric-learning SupCon": lambda: metric_learning("SupConLoss"),
        "pytorch-metric-learning NTXent": lambda: metric_learning("NTXentLoss"),
    }


def supcon(temperature=TEMPERATURE):
    """Label to loss of N rows, half of them of each argument, eight rows a class: seven positives an anchor."""

    def rows(x, y):
        half = len(x) // 2
        return torch.cat([x[:half], y[:half]]), (torch.arange(half) // 4).repeat(2)

    def ours(x, y):
        options = {"temperature": temperature, "form": "out", "include_self": False}
        return losses.supcon(*rows(x, y), **options, **COUNTED)

    def dense(x, y):
        features, labels = rows(x, y)
        logits = (features @ features.T / temperature).fill_diagonal_(-torch.inf)
        positive = (labels[:, None] == labels).fill_diagonal_(False)
        log_shares = logits.log_softmax(1).masked_fill(~positive, 0.0)
        return -(log_shares.sum(1) / positive.sum(1)).mean()

    def metric_learning():
        loss = peers.module("pytorch_metric_learning.losses").SupConLoss(temperature=temperature)
        return lambda x, y: loss(*rows(x, y))

    return {"ours": lambda: ours, "torch dense": lambda: dense, "pytorch-metric-learning": metric_learning}


def queue(temperature=TEMPERATURE):
    """Label to loss of N / 2 pairs against N / 2 further rows without gradients: N candidates an anchor."""

    def parts(x, y):
        half = len(x) // 2
        return x[:half], y[:half], x[half : 2 * half].detach()

    def ours(x, y):
        anchors, positives, bank = parts(x, y)
        return losses.infonce(anchors, positives, queue=bank, temperature=temperature, **COUNTED)

    def dense(x, y):
        anchors, positives, bank = parts(x, y)
        return functional.cross_entropy(
            anchors @ torch.cat([positives, bank]).T / temperature, torch.arange(len(anchors))
        )

    def metric_learning():
        loss = peers.module("pytorch_metric_learning.losses").SupConLoss(temperature=temperature)

        def with_references(x, y):
            anchors, positives, bank = parts(x, y)
            labels = torch.arange(len(anchors) + len(bank))
            return loss(anchors, labels[: len(anchors)], ref_emb=torch.cat([positives, bank]), ref_labels=labels)

        return with_references

    return {"ours": lambda: ours, "torch dense": lambda: dense, "pytorch-metric-learning": metric_learning}


FAMILIES = {"infonce": infonce, "clip": clip, "ntxent": ntxent, "supcon": supcon, "queue": queue}
# Memory that grows faster than N^2, or time far beyond the others': the largest N at which they are run.
LARGEST = {"pytorch-metric-learning NTXent": 256, "pytorch-metric-learning SupCon": 4096}


def candidates(family, n, only=None):
    """Label to a call of forward and backward at this size, and the absent peers; of one label if asked."""
    factories = FAMILIES[family]()
    found, absent = peers.available(factories if only is None else {only: factories[only]})
    x, y = pairs(n)

    def both(loss):
        def run():
            x.grad = y.grad = None
            loss(x, y).backward()

        return run

    return {label: both(loss) for label, loss in found.items() if n <= LARGEST.get(label, n)}, absent


def errors(family, temperature, *, n=300, dimension=32):
    """Relative errors of loss and gradient in float32 against the dense form in float64, by label."""
    found, _ = peers.available(FAMILIES[family](temperature))
    exact = _value_and_gradient(found["torch dense"], *pairs(n, dimension=dimension, dtype=torch.float64))
    result = {}
    for label, loss in found.items():
        value, gradient = _value_and_gradient(loss, *pairs(n, dimension=dimension))
        result[label] = (
            float(abs(value - exact[0]) / abs(exact[0])),
            float(torch.linalg.vector_norm(gradient - exact[1]) / torch.linalg.vector_norm(exact[1])),
        )
    return result


def _value_and_gradient(loss, x, y):
    value = loss(x, y)
    value.backward()
    gradients = []
    for side in (x, y):  # several peers normalise inside: only the part along the sphere is comparable
        if side.grad is None:  # where numbers overflow, a peer may give a constant
            side.grad = torch.zeros_like(side)
        point, slope = side.detach().double(), side.grad.double()
        gradients.append(slope - (slope * point).sum(1, keepdim=True) * point)
    return value.detach().double(), torch.cat(gradients)


def _info_nce(temperature):
    return peers.module("info_nce").InfoNCE(temperature=temperature)


def _model():
    return torch.nn.Sequential(torch.nn.Identity())  # the loss is asked of features, the model never runs


def _sentence_losses():
    return peers.module("sentence_transformers.sentence_transformer.losses")


def _on_lists(loss):
    return lambda x, y: loss([x, y], None)


def _cached(temperature, size):
    loss = _sentence_losses().CachedMultipleNegativesRankingLoss(_model(), scale=1 / temperature, mini_batch_size=size)

    class _Cached(torch.autograd.Function):
        """Its gradients come out of its own forward pass."""

        @staticmethod
        def forward(ctx, x, y):
            with torch.enable_grad():
                leaves = [[side.detach().requires_grad_()] for side in (x, y)]
                value = loss.calculate_loss(leaves, with_backward=True)
            ctx.save_for_backward(*(leaf[0].grad for leaf in leaves))
            return value.detach()

        @staticmethod
        def backward(ctx, upstream):
            return tuple(upstream * gradient for gradient in ctx.saved_tensors)

    return _Cached.apply
