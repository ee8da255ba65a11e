"""The losses as ``torch.nn.Module``, with the defaults of the libraries that people come from.

Only here do the losses have defaults. Each class names the library and version whose defaults, and whose value, it has;
functions and conventions are those of :mod:`.features`. Rows are scaled to unit length unless ``normalise=False``. A
learnable temperature is a parameter ``log_scale``, the log of its inverse.
"""

import math

import torch
from torch import Tensor, nn

from . import _anchors, _checks, _precision, features
from .features import Weights


class _Loss(nn.Module):
    """Options that all losses share, and their rows."""

    def __init__(self, *, normalise, reduction, gather_distributed):
        super().__init__()
        features.require_reduction(reduction)
        self.normalise, self.reduction, self.gather_distributed = normalise, reduction, gather_distributed

    def rows(self, values):
        """Rows in the precision of their sums, of unit length if wanted; None stays None."""
        if values is None:
            return None
        _checks.require_tensors(features=values)
        values = _precision.full(values)
        return nn.functional.normalize(values, dim=-1) if self.normalise else values

    def extra_repr(self):
        return f"normalise={self.normalise}, reduction={self.reduction!r}, gather_distributed={self.gather_distributed}"


class _Softmax(_Loss):
    """A loss with a temperature."""

    def __init__(self, temperature, *, learnable, positive_in_denominator, **shared):
        super().__init__(**shared)
        _checks.require_positive("temperature", temperature)
        self.positive_in_denominator, self.fixed = positive_in_denominator, float(temperature)
        self.log_scale = nn.Parameter(torch.tensor(-math.log(temperature))) if learnable else None

    @property
    def temperature(self):
        """The number, or the tensor that is learnt."""
        return self.fixed if self.log_scale is None else torch.exp(-self.log_scale)

    def options(self):
        return {
            "temperature": self.temperature,
            "positive_in_denominator": self.positive_in_denominator,
            "reduction": self.reduction,
        }

    def extra_repr(self):
        with torch.no_grad():
            shown = f"temperature={float(self.temperature):.4g}{'' if self.log_scale is None else ', learnt'}"
        return f"{shown}, positive_in_denominator={self.positive_in_denominator}, {super().extra_repr()}"


class InfoNCE(_Softmax):
    """InfoNCE, one direction. Defaults: info-nce-pytorch 0.1.4 (``InfoNCE``).

    With ``temperature=0.05`` it is ``MultipleNegativesRankingLoss`` of sentence-transformers 6.2.0; with a bank and
    ``temperature=0.5`` it is ``NTXentLoss`` of lightly 1.6.0 with its memory bank.

    >>> round(InfoNCE()(torch.eye(3), torch.eye(3)).item(), 4)  # log(1 + 2 exp(-10))
    0.0001
    """

    def __init__(
        self,
        temperature: float = 0.1,
        *,
        learnable: bool = False,
        positive_in_denominator: bool = True,
        normalise: bool = True,
        reduction: str = "mean",
        gather_distributed: bool = False,
    ):
        super().__init__(
            temperature,
            learnable=learnable,
            positive_in_denominator=positive_in_denominator,
            normalise=normalise,
            reduction=reduction,
            gather_distributed=gather_distributed,
        )

    def forward(
        self,
        anchors: Tensor,
        candidates: Tensor,
        bank: Tensor | None = None,
        *,
        queue: Tensor | None = None,
        weights: Weights | None = None,
    ) -> Tensor:
        """Loss of anchors and candidates, (n, d) each; with a `bank` its rows are the only negatives.

        A `queue` adds negatives to those of the batch.
        """
        anchors, candidates, bank, queue = (self.rows(values) for values in (anchors, candidates, bank, queue))
        if bank is None:
            chosen = {"queue": queue, "weights": weights, "gather_distributed": self.gather_distributed}
            return features.infonce(anchors, candidates, **chosen, **self.options())
        if queue is not None:
            raise ValueError("got a bank and a queue: a bank replaces the batch's negatives, a queue adds to them")
        return features.bank_infonce(anchors, candidates, bank, weights=weights, **self.options())


class NTXent(_Softmax):
    """NT-Xent of two views. Defaults: lightly 1.6.0 (``NTXentLoss``).

    With ``temperature=0.07`` it is ``NTXentLoss`` of pytorch-metric-learning 2.9.0 on two views of every object.

    >>> round(NTXent()(torch.eye(2), torch.eye(2)).item(), 4)  # log(1 + 2 exp(-2))
    0.2395
    """

    def __init__(
        self,
        temperature: float = 0.5,
        *,
        learnable: bool = False,
        positive_in_denominator: bool = True,
        include_self: bool = False,
        normalise: bool = True,
        reduction: str = "mean",
        gather_distributed: bool = False,
    ):
        super().__init__(
            temperature,
            learnable=learnable,
            positive_in_denominator=positive_in_denominator,
            normalise=normalise,
            reduction=reduction,
            gather_distributed=gather_distributed,
        )
        self.include_self = include_self

    def forward(
        self, first: Tensor, second: Tensor, *, queue: Tensor | None = None, weights: Weights | None = None
    ) -> Tensor:
        """Loss of the first and the second views, (B, d) each; anchors are the first views, then the second."""
        first, second, queue = (self.rows(values) for values in (first, second, queue))
        if first.shape != second.shape:
            raise ValueError(f"views have shapes {tuple(first.shape)} and {tuple(second.shape)}, expected (B, d) twice")
        chosen = {"queue": queue, "weights": weights, "gather_distributed": self.gather_distributed}
        return features.ntxent(torch.cat([first, second]), include_self=self.include_self, **chosen, **self.options())


class CLIP(_Softmax):
    """CLIP's two directions with a learnt temperature. Defaults: open_clip_torch 3.3.0 (``CLIP``, ``ClipLoss``).

    >>> round(CLIP(1.0)(torch.eye(2), torch.eye(2)).item(), 4)  # log(1 + exp(-1))
    0.3133
    """

    def __init__(
        self,
        temperature: float = 0.07,
        *,
        learnable: bool = True,
        positive_in_denominator: bool = True,
        normalise: bool = True,
        reduction: str = "mean",
        gather_distributed: bool = False,
    ):
        super().__init__(
            temperature,
            learnable=learnable,
            positive_in_denominator=positive_in_denominator,
            normalise=normalise,
            reduction=reduction,
            gather_distributed=gather_distributed,
        )

    def forward(self, first: Tensor, second: Tensor, *, weights: Weights | None = None) -> Tensor:
        """Loss of two modalities, (n, d) each, in equal rows."""
        chosen = {"weights": weights, "gather_distributed": self.gather_distributed}
        return features.clip(self.rows(first), self.rows(second), **chosen, **self.options())


class SupCon(_Softmax):
    """Supervised contrastive loss. Defaults: pytorch-metric-learning 2.9.0 (``SupConLoss``), which has form "out".

    >>> labels = torch.tensor([0, 0, 1, 1])
    >>> round(SupCon(1.0)(torch.eye(4)[labels], labels).item(), 4)  # log(1 + 2 exp(-1))
    0.5514
    """

    def __init__(
        self,
        temperature: float = 0.1,
        *,
        form: str = "out",
        learnable: bool = False,
        positive_in_denominator: bool = True,
        include_self: bool = False,
        normalise: bool = True,
        reduction: str = "mean",
        gather_distributed: bool = False,
    ):
        super().__init__(
            temperature,
            learnable=learnable,
            positive_in_denominator=positive_in_denominator,
            normalise=normalise,
            reduction=reduction,
            gather_distributed=gather_distributed,
        )
        _anchors.require_form(form)
        self.form, self.include_self = form, include_self

    def forward(
        self,
        rows: Tensor,
        labels: Tensor,
        *,
        queue: Tensor | None = None,
        queue_labels: Tensor | None = None,
        weights: Weights | None = None,
    ) -> Tensor:
        """Loss of rows (n, d) with labels (n,); a queue (q, d) brings its labels (q,)."""
        chosen = {"queue": self.rows(queue), "queue_labels": queue_labels, "weights": weights}
        chosen |= {"include_self": self.include_self, "gather_distributed": self.gather_distributed}
        return features.supcon(self.rows(rows), labels, form=self.form, **chosen, **self.options())

    def extra_repr(self):
        return f"form={self.form!r}, include_self={self.include_self}, {super().extra_repr()}"


class SigLIP(_Loss):
    """The sigmoid loss with learnt scale and bias. Defaults: open_clip_torch 3.3.0 (``SigLipLoss``, ViT-B-16-SigLIP).

    >>> loss = SigLIP(scale=1.0, bias=0.0, learnable=False)
    >>> round(loss(torch.eye(2), torch.eye(2)).item(), 4)  # log(1 + exp(-1)) + log 2
    1.0064
    """

    def __init__(
        self,
        scale: float = 10.0,
        bias: float = -10.0,
        *,
        learnable: bool = True,
        normalise: bool = True,
        reduction: str = "mean",
        gather_distributed: bool = False,
    ):
        super().__init__(normalise=normalise, reduction=reduction, gather_distributed=gather_distributed)
        _checks.require_positive("scale", scale)
        _checks.require_finite("bias", bias)
        self.fixed = float(scale), float(bias)
        self.log_scale = nn.Parameter(torch.tensor(math.log(scale))) if learnable else None
        self.bias = nn.Parameter(torch.tensor(float(bias))) if learnable else None

    def forward(self, first: Tensor, second: Tensor, *, weights: Weights | None = None) -> Tensor:
        """Loss of two modalities, (n, d) each, in equal rows."""
        scale, bias = self.fixed if self.bias is None else (self.log_scale.exp(), self.bias)
        chosen = {"weights": weights, "gather_distributed": self.gather_distributed, "reduction": self.reduction}
        return features.siglip(self.rows(first), self.rows(second), scale=scale, bias=bias, **chosen)

    def extra_repr(self):
        with torch.no_grad():
            scale, bias = self.fixed if self.bias is None else (float(self.log_scale.exp()), float(self.bias))
        shown = f"scale={scale:.4g}, bias={bias:.4g}{'' if self.bias is None else ', learnt'}"
        return f"{shown}, {super().extra_repr()}"
