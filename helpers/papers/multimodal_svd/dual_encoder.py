"""Two encoders, one a modality, trained on pairs: aligned minibatches, guessed pairs, pair graphs.

A pair is one row ``[x | y]``, so that ``training.fit`` shuffles both modalities together: its minibatches are
*aligned*, the partner of every item is in its own batch. :func:`shuffled` undoes that. Similarities are
``scores[..., i, j]``, rows of the first modality.
"""

import torch
from torch import nn
from torch.nn import functional

from helpers import losses
from helpers.networks import encoders


class Linear(nn.Module):
    """Linear maps without bias, one a problem: (n, problems, inputs) to (n, problems, outputs).

    Parameters
    ----------
    problems, inputs, outputs : int
    seed : int
        Weights are uniform within one over the root of ``inputs`` (PyTorch's rule), float32.
    """

    def __init__(self, problems, inputs, outputs, *, seed):
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        weight = 2 * torch.rand(problems, inputs, outputs, generator=generator) - 1
        self.weight = nn.Parameter(weight / inputs**0.5)

    def forward(self, inputs):
        return (inputs.movedim(1, 0) @ self.weight).movedim(0, 1)


class TwoTowers(nn.Module):
    """Two encoders side by side.

    Parameters
    ----------
    left, right : nn.Module
        Encoders of the two modalities.
    split : int
        Length of the first modality in a row ``[x | y]``.
    normalise : bool
        Scale outputs to unit length, so that scores are cosines.
    """

    def __init__(self, left, right, *, split, normalise):
        super().__init__()
        self.left, self.right, self.split, self.normalise = left, right, split, normalise

    def forward(self, rows):
        """Outputs of both modalities, each (n, ..., outputs), for rows (n, ..., inputs of both)."""
        x, y = self.left(rows[..., : self.split]), self.right(rows[..., self.split :])
        return (functional.normalize(x, dim=-1), functional.normalize(y, dim=-1)) if self.normalise else (x, y)

    def scores(self, rows):
        """Similarities, shape (..., n, n): problems lead."""
        return scores_of(*self(rows))


def perceptrons(left, right, *, seed):
    """Two small networks with ReLU and cosine similarity; widths from inputs to outputs, such as (392, 64, 32).

    >>> perceptrons((5, 8, 2), (4, 8, 2), seed=0).scores(torch.ones(3, 9)).shape
    torch.Size([3, 3])
    """
    towers = [
        encoders.encoder(widths, batch_norm=False, normalise=False, seed=2 * seed + number)
        for number, widths in enumerate((left, right))
    ]
    return TwoTowers(*towers, split=left[0], normalise=True)


def scores_of(left, right):
    """Inner products of two sets of outputs, each (n, ..., outputs), shape (..., n, n)."""
    if left.ndim == 2:
        return left @ right.mT
    return left.movedim(0, -2) @ right.movedim(0, -2).mT


def paired(*, temperature):
    """Objective for ``training.fit``: CLIP on the diagonal, summed over the problems."""

    options = {"temperature": temperature, "positive_in_denominator": True}

    def objective(model, rows, generator):
        left, right = model(rows)
        if left.ndim == 2:  # one problem: no matrix of scores is needed
            return losses.clip(left, right, **options, reduction="mean")
        return losses.clip_from_scores(scores_of(left, right), **options).mean(dim=-1).sum()

    return objective


def weighted_clip(scores, positives, *, temperature):
    """CLIP with given positive pairs: minus their scores, plus both log-sum-exps (Nakada et al., loss (4.1), nu = 1).

    Parameters
    ----------
    scores, positives : Tensor, shape (..., n, n)
        ``positives`` holds non-negative weights; a matching has n ones.
    temperature : float > 0

    Returns
    -------
    Tensor, shape (...,)
        Per item, in nats; for the identity as ``positives`` the mean CLIP loss.
    """
    logits = scores / temperature
    rows, columns = logits.logsumexp(dim=-1).sum(dim=-1), logits.logsumexp(dim=-2).sum(dim=-1)
    return ((rows + columns) / 2 - (positives * logits).sum(dim=(-2, -1))) / scores.shape[-1]


def graph_clip(scores, adjacency, *, temperature):
    """CLIP with many positives an item: mean of both cross-entropies over the edges of a pair graph.

    Parameters
    ----------
    scores : Tensor, shape (..., n1, n2)
    adjacency : Tensor, shape (n1, n2)
    temperature : float > 0

    Returns
    -------
    Tensor, shape (...,)
    """
    logits = scores / temperature
    rows = (adjacency.sum(dim=-1) * logits.logsumexp(dim=-1)).sum(dim=-1)
    columns = (adjacency.sum(dim=-2) * logits.logsumexp(dim=-2)).sum(dim=-1)
    return ((rows + columns) / 2 - (adjacency * logits).sum(dim=(-2, -1))) / adjacency.sum()


def largest_entries(scores):
    """Guess as many pairs as there are rows: the n largest entries of each n x n block (the code of Figure 2).

    Parameters
    ----------
    scores : Tensor, shape (..., n, n)

    Returns
    -------
    Tensor, shape (..., n, n)
        n ones, the rest zeros.
    """
    flat = scores.detach().flatten(-2)
    chosen = flat.topk(scores.shape[-1], dim=-1).indices
    return torch.zeros_like(flat).scatter_(-1, chosen, 1.0).reshape(scores.shape)


def best_partners(scores, *, transposed=False):
    """Guess pairs by the best partner of every row and of every column, each with weight 1/2 (the code of Figure 3).

    Parameters
    ----------
    scores : Tensor, shape (..., n, n)
    transposed : bool
        As the released code indexes its flattened scores: entry (j, argmax_i s_ij) is taken where
        (argmax_i s_ij, j) is meant, and (argmax_j s_ij, i) for (i, argmax_j s_ij).

    Returns
    -------
    Tensor, shape (..., n, n)
        Weights with sum n.
    """
    scores = scores.detach()
    size = scores.shape[-1]
    of_row = functional.one_hot(scores.argmax(dim=-1), size)  # row i: its best column
    of_column = functional.one_hot(scores.argmax(dim=-2), size)  # row j: the best row of column j
    guessed = (of_row + of_column.mT).to(scores) / 2
    return guessed.mT if transposed else guessed


def guessed_pairs(guess, *, temperature, anchor=None):
    """Objective for ``training.fit`` on unpaired data: guess the pairs inside the batch, then CLIP on the guesses.

    Parameters
    ----------
    guess : callable
        Maps scores (..., n, n) to weights of pairs, such as :func:`largest_entries`.
    temperature : float > 0
    anchor : TwoTowers, optional
        The model whose scores are guessed from, frozen; by default the one in training.

    Returns
    -------
    callable
        Summed over the problems.
    """

    def objective(model, rows, generator):
        scores = model.scores(rows)
        if anchor is None:
            positives = guess(scores)
        else:
            with torch.no_grad():
                positives = guess(anchor.scores(rows))
        return weighted_clip(scores, positives, temperature=temperature).sum()

    return objective


def in_blocks(objective):
    """The same objective for data cut into fixed minibatches beforehand, as in the code of Figure 2.

    Give ``training.fit`` data of shape (blocks, batch, ...) and a batch of 1: the order of the blocks is shuffled, what
    they hold is not.
    """
    return lambda model, rows, generator: objective(model, rows[0], generator)


def shuffled(objective, right):
    """The same objective with the second modality of every batch drawn independently of the first.

    Without this, a minibatch of N "unpaired" rows holds the partner of every item, and guessing inside it uses what
    the data are said not to tell.

    Parameters
    ----------
    objective : callable
        For ``training.fit``.
    right : Tensor, shape (N, ..., d2)
        All items of the second modality, on the device of the training.

    Returns
    -------
    callable
    """

    def independent(model, rows, generator):
        drawn = torch.randint(len(right), (len(rows),), generator=generator).to(rows.device)
        rows = torch.cat([rows[..., : rows.shape[-1] - right.shape[-1]], right[drawn]], dim=-1)
        return objective(model, rows, generator)

    return independent
