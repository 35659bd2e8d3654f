"""The random walk: two forms of one law, and the published point."""

from __future__ import annotations

import pytest

from gradverify.verification.problems import Problem, find_problems, registered_problems
from gradverify.verification.truth.references import find_reference

BUILT: dict[str, Problem] = registered_problems()


def test_categorical_walk_is_the_walk() -> None:
    one, other = (find_reference(BUILT[f"{each}:10/square/p"], 0, 0.1) for each in ("random_walk", "random_walk_categorical"))
    assert one.gradient == pytest.approx(other.gradient, rel=1e-12)


@pytest.mark.parametrize(("length", "gradient"), [(10, 1.48981782), (50, 7.55818819), (100, 15.13490144), (800, 121.19683906)])
def test_published_walk_has_its_published_gradient(length: int, gradient: float) -> None:
    """Sizes that are not registered are made; at p = n instead of 2n the gradient is nearly twice as large."""
    (problem,) = find_problems([f"published_walk:{length}"], quick=True)
    assert not problem.quick
    assert float(problem.params) == 2 * length
    assert abs(float(find_reference(problem, 0, 0.1).gradient[0]) - gradient) < 6e-9
