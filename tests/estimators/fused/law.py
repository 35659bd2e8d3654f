"""A test of rows against a finite law that is known exactly: Pearson's test over the values that they can take."""

from __future__ import annotations

import numpy as np
from scipy.stats import chi2
from torch import Tensor

from gradverify.estimators.runs.exact import Branches

__all__ = ["FALSE_FAIL_RATE", "misfit"]

FALSE_FAIL_RATE = 1e-6
"""The rate of one comparison; seeds are fixed, so a test passes always or never."""

_LEAST_EXPECTED = 20.0
_DIGITS = 9


def misfit(rows: Tensor, law: Branches) -> float:
    """The p-value of rows under a law; zero if a row has a value that the law gives no probability.

    Values that are expected fewer than 20 times are counted as one.

    Args:
        rows: ``[n]``.
        law: Every value with its probability.
    """
    values, place = np.unique(_rounded(law.rows), return_inverse=True)
    expected = np.bincount(place, np.asarray(law.weight)) * len(rows)
    found = np.searchsorted(values, _rounded(rows)).clip(max=len(values) - 1)
    if (values[found] != _rounded(rows)).any():
        return 0.0
    counts = np.bincount(found, minlength=len(values)).astype(float)
    if (counts[expected == 0] > 0).any():
        return 0.0
    common = expected >= _LEAST_EXPECTED
    expected, counts = (np.append(each[common], each[~common].sum()) for each in (expected, counts))
    used = expected > 0
    statistic = ((counts - expected)[used] ** 2 / expected[used]).sum()
    return float(chi2.sf(statistic, max(int(used.sum()) - 1, 1)))


def _rounded(values: Tensor) -> np.ndarray:
    """Values as they are told apart; sums in another order differ in their last digits."""
    return np.round(np.asarray(values.double()), _DIGITS) + 0.0
