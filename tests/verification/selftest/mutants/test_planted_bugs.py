"""The catalogue of planted bugs: as many and as small as promised, as large as declared, beside sound originals."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from gradverify.estimators.protocol import Estimator, NotApplicableError, describe
from gradverify.estimators.runs.exact import exact_moments
from gradverify.verification.selftest.mutants.mutant import Mutant
from gradverify.verification.selftest.mutants.planted_bugs import find_mutant, mutants
from gradverify.verification.selftest.sensitive import find_problem
from gradverify.verification.statistics.channels import scales
from gradverify.verification.truth.references import find_reference

SEEDED = (
    "own seed",
    "one stream",
    "generator ignored",
    "logarithm",
    "noise shared by",
    "second half",
    "every row",
    "rows pooled",
    "log(0)",
)
EXACT = [each for each in mutants() if each.size is not None and not each.name.startswith(SEEDED)]
ORIGINALS = {(repr(each.original), each.problem): each for each in mutants() if each.problem != "coin/certain/logit"}
"""One mutant for each sound estimator and problem, but where the score overflows by itself and what is planted is a NaN."""
LISTED = 2**10


def relative_bias(estimator: Estimator, problem: str) -> float:
    """The largest exact bias: of a coordinate over its scale, or along the gradient over its length."""
    target = find_problem(problem)
    truth = find_reference(target, 0, 0.1).gradient
    mean = exact_moments(estimator, target.program, target.params, LISTED)[0].reshape(-1).numpy()
    error = mean - truth
    return float(max(np.abs(error / scales(truth, target.scale_floor)).max(), abs(error @ truth) / (truth @ truth)))


def test_there_are_enough_and_small_ones() -> None:
    names = [each.name for each in mutants()]
    assert len(names) == len(set(names))
    assert len(names) >= 60
    assert sum(each.size is not None and 0 < each.size <= 0.0101 for each in mutants()) >= 10
    assert sum(each.mean_is_right for each in mutants()) >= 8
    assert find_mutant("scale 1.01").size == pytest.approx(0.01)


@pytest.mark.parametrize("mutant", EXACT, ids=lambda mutant: mutant.name)
def test_the_bias_is_as_declared(mutant: Mutant) -> None:
    try:
        found = relative_bias(mutant.estimator, mutant.problem)
    except NotApplicableError:
        pytest.skip("its randomness cannot be listed; the kill matrix measures it")
    assert found == pytest.approx(mutant.size, rel=0.03, abs=1e-6)


@pytest.mark.parametrize("mutant", ORIGINALS.values(), ids=lambda mutant: f"{mutant.original} on {mutant.problem}")
def test_the_original_is_sound(mutant: Mutant) -> None:
    try:
        assert relative_bias(mutant.original, mutant.problem) <= 1e-9
    except NotApplicableError:
        claims = describe(mutant.original).claims
        degree = find_problem(mutant.problem).degree
        assert claims.bias == "unbiased" or (degree is not None and degree <= (claims.exact_degree or 0))


@pytest.mark.parametrize("mutant", mutants(), ids=lambda mutant: mutant.name)
def test_every_one_can_be_told_apart_in_a_record(mutant: Mutant) -> None:
    """Frozen, with a repr of its own, which addresses its random numbers."""
    assert repr(mutant.estimator) != repr(mutant.original)
    assert hash(mutant.estimator) == hash(mutant.estimator)


def test_noise_is_small_beside_the_gradient() -> None:
    """sigma / |g| at most 2.5, on the problems on which the bugs are planted."""
    for mutant in ORIGINALS.values():
        target = find_problem(mutant.problem)
        rows = mutant.original(target.program, target.params, 4000, torch.Generator().manual_seed(0))
        gradient = find_reference(target, 0, 0.1).gradient
        sigma = float(rows.reshape(4000, -1).std(0).max())
        assert sigma <= 2.5 * float(np.linalg.norm(gradient)), mutant.name
