"""Growth: an upward bend that the lower orders of a power explain is no exponential, and a planted exponential is found."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from gradverify.verification.statistics.growth import corrected_power_misfit
from gradverify.verification.statistics.scaling import fit_exponent

Array = NDArray[np.float64]

SHORT = np.array([10.0, 20, 50, 100])
LONG = np.array([10.0, 20, 50, 100, 200, 500])
REPEATS = 50


def words(sizes: Array, variances: Array, error: float) -> list[str]:
    """Return the verdicts of 50 samples whose variances err by a relative standard error."""
    generator = np.random.default_rng(0)
    errors = np.full(sizes.size, error)
    noisy = (variances * np.exp(generator.normal(0, errors)) for _ in range(REPEATS))
    return [fit_exponent(sizes, each, errors).growth for each in noisy]


POWERS: list[Callable[[Array], Array]] = [
    lambda n: n**3 + 20 * n**2,
    lambda n: n**3 / 30 + n,
    lambda n: (n - 5) ** 3,
    lambda n: (n + 8) ** 3,
    lambda n: 500 + n**2,
    lambda n: n**3 - 3 * n**2,
]


@pytest.mark.parametrize("sizes", [SHORT, LONG])
@pytest.mark.parametrize("power", POWERS)
@pytest.mark.parametrize("error", [0.005, 0.03])
def test_a_power_with_lower_orders_is_never_an_exponential(sizes: Array, power: Callable[[Array], Array], error: float) -> None:
    """At 1 % a verdict, 50 samples give three false ones or more with a probability of .014."""
    assert words(sizes, power(sizes), error).count("exponential") <= 2


def test_the_score_functions_variance_on_the_walk_is_no_exponential() -> None:
    """The reference run's variances and errors of ``score_function`` and ``dice``, which grow as n^2.95 at n = 200 to 1,000."""
    for variances, errors in (
        ([50.616, 256.79, 2626.35, 17583.5], [0.0143, 0.0096, 0.0074, 0.0038]),
        ([52.168, 254.52, 2618.58, 17731.9], [0.0102, 0.0135, 0.0072, 0.0046]),
    ):
        assert fit_exponent(SHORT, variances, errors).growth == "undecided"


@pytest.mark.parametrize(
    ("sizes", "exponential", "error"),
    [
        (SHORT, lambda n: 1.1**n, 0.03),
        (SHORT, lambda n: 2.0**n, 0.1),
        (LONG, lambda n: n * np.exp(0.02 * n), 0.03),
        (LONG, lambda n: n**2 * np.exp(0.01 * n), 0.03),
    ],
)
def test_a_planted_exponential_is_found(sizes: Array, exponential: Callable[[Array], Array], error: float) -> None:
    """Power: 48 of 50 at least; a power of .9 would reach that with a probability of .11."""
    assert words(sizes, exponential(sizes), error).count("exponential") >= 48
    assert fit_exponent(sizes, exponential(sizes)).growth == "exponential"


def test_exact_variances_of_a_power_are_no_exponential() -> None:
    assert [fit_exponent(LONG, power(LONG)).growth for power in POWERS] == ["undecided"] * len(POWERS)


def test_three_sizes_refuse_no_power() -> None:
    assert fit_exponent(SHORT[:3], 2.0 ** SHORT[:3], np.full(3, 0.01)).growth == "undecided"


def test_the_correction_fits_what_it_is_made_for() -> None:
    assert corrected_power_misfit(LONG, np.log(LONG**3 + 20 * LONG**2), None) < 1e-3
    assert corrected_power_misfit(LONG, 0.02 * LONG, None) > 1
