"""Numbers published by Nakada et al. (AISTATS 2023): Figures 1 and 2 read off the plots, Table 1 as printed.

Each is one curve without error bars. Reading a plot is good to about ``READING``.
"""

import numpy as np

READING = {"figure_1": 0.01, "figure_2": 0.03}

# Figure 1: accuracy of a match among ten classes (chance 0.1) against the edge noise p', 500 + 500 items.
NOISE = np.arange(11) / 20
FIGURE_1 = {
    "partitioned": np.array([0.70, 0.675, 0.675, 0.697, 0.672, 0.66, 0.662, 0.61, 0.093, 0.10, 0.10]),
    "not partitioned": np.array([0.717, 0.705, 0.684, 0.67, 0.628, 0.548, 0.159, 0.114, 0.102, 0.106, 0.108]),
}

# Table 1: the same accuracy; keys are (number of clusters, p'), 0 clusters is no partitioning.
TABLE_1 = {
    (clusters, noise): value
    for noise, values in {
        0.1: (0.370, 0.438, 0.675, 0.667, 0.650, 0.684),
        0.2: (0.407, 0.482, 0.672, 0.669, 0.612, 0.628),
        0.3: (0.353, 0.481, 0.662, 0.596, 0.579, 0.159),
    }.items()
    for clusters, value in zip((5, 7, 10, 13, 15, 0), values, strict=True)
}

# Figure 2: |sin(P_r(G1), U1)| in Frobenius norm against N/n, for n paired samples; random level 2.74.
RATIOS = np.array([0, 3, 6, 9, 12, 15])
FIGURE_2 = {
    100: np.array([2.32, 2.09, 1.93, 1.85, 1.78, 1.77]),
    200: np.array([1.95, 1.53, 1.36, 1.28, 1.28, 1.30]),
    500: np.array([1.28, 0.90, 0.83, 0.82, 0.84, 0.78]),
}

# Figure 3, from the log stored with the code: test accuracy after the paired data, after the unpaired, with true pairs.
FIGURE_3 = {"start": 0.580, "semi-supervised": 0.636, "oracle": 0.720}


def cliff(*, level, curve="partitioned"):
    """The last noise level of a curve of Figure 1 with an accuracy above ``level``, and the first one without.

    Raises
    ------
    ValueError
        If the curve does not cross the level exactly once from above.

    >>> cliff(level=0.3)
    (0.35, 0.4)
    """
    above = FIGURE_1[curve] > level
    last = int(above.sum())
    if not above[0] or above[-1] or not above[:last].all():
        raise ValueError(f"{curve!r} does not cross {level} once from above: {FIGURE_1[curve].tolist()}")
    return float(NOISE[last - 1]), float(NOISE[last])
