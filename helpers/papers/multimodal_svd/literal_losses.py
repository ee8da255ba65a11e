"""The (phi, psi) family of losses as the paper writes it, (8.1), with nothing but values of phi and psi.

The second route of the gradient claims: it shares no code with ``losses.pair_loss_family``, whose slopes are written by
hand. torch, batch dimensions lead.
"""

import torch


def members(*, temperature):
    """phi and psi of the seven members, by the names of ``pair_loss_family.members``: dict of str to two functions."""

    def exponential(t):
        return torch.exp(t / temperature)

    def softplus(t):
        return temperature * torch.logaddexp(t / temperature, torch.zeros_like(t))

    return {
        "linear": (torch.clone, torch.clone),
        "CLIP": (lambda a: temperature * torch.log(a), exponential),
        "CLIP as log1p": (lambda a: temperature * torch.log1p(a), exponential),
        "softplus-softplus": (softplus, softplus),
        "id-softplus": (torch.clone, softplus),
        "square-exp": (torch.square, exponential),
        "sqrt-exp": (torch.sqrt, exponential),
    }


def loss(member, scores, *, self_weight, positive_factor):
    """``L`` of (8.1) with C_n = n and without regulariser, shape (...).

    Parameters
    ----------
    member : (callable, callable)
        phi and psi.
    scores : Tensor, shape (..., n, n)
        Pairs on the diagonal.
    self_weight, positive_factor : float
        epsilon and nu.

    >>> s = torch.zeros(3, 3, dtype=torch.float64)
    >>> loss(members(temperature=1.0)["CLIP"], s, self_weight=1.0, positive_factor=1.0).exp().item()
    3.0...
    """
    (phi, psi), n = member, scores.shape[-1]
    weight = torch.ones(n, n, dtype=scores.dtype).fill_diagonal_(self_weight)
    own = positive_factor * scores.diagonal(dim1=-2, dim2=-1)[..., None]
    rows, columns = (phi((weight * psi(side - own)).sum(-1)) for side in (scores, scores.mT))
    return (rows + columns).sum(-1) / (2 * n)
