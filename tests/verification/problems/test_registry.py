"""Problems: what they are held to, and that every registered one has an exact gradient which is not zero."""

from __future__ import annotations

from pathlib import Path

import pytest
from torch import Tensor
from torch.distributions import Bernoulli

from gradverify.estimators import Sample
from gradverify.estimators.enumeration import enumerate_paths
from gradverify.estimators.k_subset import KSubset
from gradverify.estimators.protocol import ALL_SITES
from gradverify.estimators.registry import TargetError
from gradverify.verification.problems import Problem, find_problems, probe, registered_problems
from gradverify.verification.truth.references import find_reference

from ..targets import programs

TARGETS = programs.__file__
BUILT: dict[str, Problem] = registered_problems()
PUBLISHED = {"random_walk_categorical", "published_walk", "toy_vae"}
"""Families that are what somebody wrote down, objectives included."""


@pytest.mark.parametrize("name", BUILT)
def test_every_registered_problem_has_an_exact_gradient_that_is_not_zero(name: str) -> None:
    problem = BUILT[name]
    reference = find_reference(problem, 0, 0.1)
    assert reference.exact
    assert reference.gradient.shape == (problem.params.numel(),)
    assert abs(reference.gradient).max() > 1e-3
    assert 0 < reference.rarest <= 1


@pytest.mark.parametrize("name", BUILT)
def test_every_registered_problem_keeps_its_contract(name: str) -> None:
    problem = BUILT[name]
    seen = probe(problem)
    assert seen.num_sites <= seen.elements < seen.categories
    assert seen.types <= set(ALL_SITES)
    assert problem.chained == (seen.num_sites > 1)
    assert problem.name == f"{problem.family}:{problem.size}/{problem.series.partition('/')[2]}"
    assert find_problems([name], quick=True) == [problem]


def test_objectives_expose_errors_of_every_order() -> None:
    """An objective that is linear or quadratic in its samples hides second-order errors, so every family has others."""
    for family in {each.family for each in BUILT.values()} - PUBLISHED:
        degrees = {each.degree for each in BUILT.values() if each.family == family}
        assert degrees & {None, 3}, f"{family} has objectives of degree {degrees} alone"


def test_rarest_events_are_known() -> None:
    """The least probable outcome of any site."""
    assert find_reference(BUILT["bernoulli:0.3/cubic/p"], 0, 0.1).rarest == pytest.approx(0.3)
    assert find_reference(BUILT["bernoulli:0.01/cubic/p"], 0, 0.1).rarest == pytest.approx(0.01)
    softmax = BUILT["categorical:4/linear/logits"].params.softmax(0)
    assert find_reference(BUILT["categorical:4/linear/logits"], 0, 0.1).rarest == pytest.approx(float(softmax.min()))


@pytest.mark.parametrize("name", ["subsets:4/linear/logits", "subsets:4/cubic/logits", "subsets:4/exponential/logits"])
def test_subsets_are_not_independent_bits(name: str) -> None:
    """Bits of the same marginals have another gradient, even of a linear objective: their covariance is diagonal."""
    problem = BUILT[name]
    marginals = KSubset(problem.params, 2).marginals()

    def independent(params: Tensor, sample: Sample) -> Tensor:
        probs = marginals + marginals * (1 - marginals) * (params - params.detach())
        return problem.program(params, lambda _: sample(Bernoulli(probs, validate_args=False)))

    truth = find_reference(problem, 0, 0.1).gradient
    other = enumerate_paths(independent, problem.params).gradient()
    assert abs(other.numpy() - truth).max() > 0.1 * abs(truth).max()


def test_quick_profile_leaves_out_what_three_minutes_do_not_hold() -> None:
    quick = {each.name for each in find_problems([], quick=True)}
    every = {each.name for each in find_problems([], quick=False)}
    assert quick < every
    assert "random_walk:100/square/p" in quick
    assert "bernoulli:0.01/cubic/p" in every - quick


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("walk", "unknown problem 'walk'; expected one of the families bernoulli, "),
        ("random_walk:many", "'many' is not a size of random_walk; expected int, as 10"),
        ("random_walk:0", "'0' is not a size of random_walk; expected int, as 10; a size is at least 1"),
        ("random_walk:-3", "'-3' is not a size of random_walk"),
        ("bernoulli:nan", "'nan' is not a size of bernoulli"),
        ("subsets:2", "'2' is not a size of subsets; expected int, as 4"),
        ("random_walk:15/septic", "expected one of random_walk:15/square/p, "),
        ("random_walks:10", "unknown problem 'random_walks:10'; did you mean random_walk? expected one of"),
        ("bits:", "'' is not a size of bits; expected int, as 3"),
        ("no_such_module:x", "there is no module 'no_such_module'"),
        ("nowhere.py:x", "there is no file"),
        (f"{TARGETS}:absent", "has no attribute 'absent'"),
        (f"{TARGETS}:NOT_A_PROBLEM", "is a str, not a problem; expected a gradverify.verification.Problem"),
        (f"{TARGETS}:cubic", "is a program without the point at which to differentiate it"),
        (f"{TARGETS}:no_problem", "calling it raised RuntimeError: no data"),
        (f"{TARGETS}:not_finite", "expected finite numbers"),
    ],
)
def test_a_target_that_names_no_problem_is_refused(target: str, said: str) -> None:
    with pytest.raises(TargetError) as caught:
        find_problems([target], quick=True)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("target", "name"),
    [
        ("bernoulli:0.30/cubic", "bernoulli:0.3/cubic/p"),
        ("poisson:2.0/linear", "poisson:2/linear/rate"),
        ("poisson:1e-3/linear", "poisson:0.001/linear/rate"),
        ("bernoulli:0.123456789/cubic", "bernoulli:0.123456789/cubic/p"),
        ("bits:05/parity", "bits:5/parity/logits"),
    ],
)
def test_a_size_may_be_written_as_one_likes(target: str, name: str) -> None:
    (found,) = find_problems([target], quick=True)
    assert found.name == name


def test_a_module_of_ones_own_may_be_called_nearly_like_a_family(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own_random_walk.py").write_text(
        "import torch\nfrom gradverify.verification import Problem\n"
        "own = Problem(name='own', program=lambda params, sample: params, params=torch.tensor(0.5))\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    assert find_problems(["own_random_walk:own"], quick=True)[0].name == "own"


def test_targets_name_problems() -> None:
    assert find_problems([f"{TARGETS}:FAIR"], quick=True)[0].name == "fair"
    assert [each.name for each in find_problems([f"{TARGETS}:several"], quick=True)] == ["several:0.3", "several:0.6"]
    walks = find_problems(["random_walk:15/square"], quick=True)
    assert [each.name for each in walks] == ["random_walk:15/square/p", "random_walk:15/square/theta"]
    assert len(find_problems(["bernoulli:0.3", "bernoulli:0.3/cubic"], quick=True)) == 3
    assert {each.family for each in find_problems(["chain"], quick=False)} == {"chain"}


def test_a_series_is_named_without_its_size() -> None:
    names = [each.name for each in find_problems(["random_walk/square/p"], quick=False)]
    assert names == [f"random_walk:{size}/square/p" for size in (10, 20, 50, 100)]
