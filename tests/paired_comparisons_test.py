import numpy as np
import pytest
from scipy import stats

from helpers import statistics


def test_one_comparison_is_the_paired_t_test():
    rng = np.random.default_rng(0)
    values, baseline = rng.normal(1, 1, (3, 12)), rng.normal(size=12)
    found = statistics.against(values, baseline, level=0.9, comparisons=1)
    for row in range(3):
        expected = stats.ttest_rel(values[row], baseline).confidence_interval(0.9)
        assert np.allclose([found.low[row], found.high[row]], expected)
    assert np.allclose(found.mean, values.mean(axis=1) - baseline.mean())


def test_intervals_hold_jointly():
    rng = np.random.default_rng(1)
    repeats, treatments = 2000, 8
    baseline = rng.normal(size=(repeats, 5))
    values = baseline[:, None] + rng.normal(size=(repeats, treatments, 5))
    wrong = [statistics.against(v, b).clear.any() for v, b in zip(values, baseline, strict=True)]
    single = [statistics.against(v, b, comparisons=1).clear.any() for v, b in zip(values, baseline, strict=True)]
    # 5 % of 2,000 with a standard error of 0.5 %; uncorrected about 1 - 0.95^8 = 34 %
    assert np.mean(wrong) < 0.05 + 4 * 0.005
    assert np.mean(single) > 0.25


def test_a_large_difference_is_clear_with_its_sign():
    baseline = np.array([1.0, 2.0, 3.0])
    found = statistics.against([baseline + [5, 5.1, 5.2], baseline - [5, 5.1, 5.2], baseline], baseline)
    assert found.clear.tolist() == [1, -1, 0]


@pytest.mark.parametrize(
    ("values", "baseline", "options", "message"),
    [
        ([[1.0, 2.0]], [1.0, 2.0, 3.0], {}, r"shapes \(1, 2\) and \(3,\)"),
        ([[1.0]], [1.0], {}, "at least two seeds"),
        ([[1.0, np.nan]], [1.0, 2.0], {}, "1 of the differences are not finite"),
        ([[1.0, 2.0]], [1.0, 2.0], {"level": 1.0}, "level is 1.0"),
        ([[1.0, 2.0]], [1.0, 2.0], {"comparisons": 0}, "comparisons 0"),
    ],
)
def test_what_makes_no_sense_is_refused(values, baseline, options, message):
    with pytest.raises(ValueError, match=message):
        statistics.against(values, baseline, **options)
