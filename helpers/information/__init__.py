"""Information of finite laws: entropies, divergences, estimators and bounds, all in nats."""

from .laws import (
    ROUNDING,
    bayes_error,
    binary_entropy,
    chi_squared,
    class_uncertainties,
    conditional_entropy,
    conditional_mutual_information,
    density_ratio,
    encode,
    entropy,
    fano,
    marginals,
    mutual_information,
    symmetric_confusion,
    to_bits,
)

__all__ = [
    "ROUNDING",
    "bayes_error",
    "binary_entropy",
    "chi_squared",
    "class_uncertainties",
    "conditional_entropy",
    "conditional_mutual_information",
    "density_ratio",
    "encode",
    "entropy",
    "fano",
    "marginals",
    "mutual_information",
    "symmetric_confusion",
    "to_bits",
]
