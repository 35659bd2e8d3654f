"""Problems: what they are held to, and that every registered one has an exact gradient which is not zero."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.distributions import Bernoulli, OneHotCategorical

from gradverify.estimators import Program, Sample
from gradverify.estimators.enumeration import enumerate_paths
from gradverify.estimators.k_subset import KSubset
from gradverify.estimators.protocol import ALL_SITES
from gradverify.estimators.registry import TargetError
from gradverify.verification import verify
from gradverify.verification.problems import Problem, ProblemError, find_problems, hold_to_rows, probe, registered
from gradverify.verification.problems.toys import polynomial_programming
from gradverify.verification.truth.references import find_reference

from ..targets import programs
from ..targets.programs import FAIR, cubic, scalar

TARGETS = programs.__file__
BUILT: dict[str, Problem] = registered()
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


def test_toys_have_their_closed_forms() -> None:
    """``n (1 - 2 p0) p (1 - p)`` for bits that share a logit; ``p (1 - p) (0.55^a - 0.45^a)`` for polynomial programming."""
    (toy,) = find_problems(["toy_vae:7"], quick=True)
    p = float(toy.params.sigmoid())
    assert find_reference(toy, 0, 0.1).gradient[0] == pytest.approx(7 * 0.1 * p * (1 - p), rel=1e-12)
    logits = torch.tensor([[0.0, 0.8]], dtype=torch.float64)
    one = float(logits.softmax(-1)[0, 1])
    found = enumerate_paths(polynomial_programming(3.0), logits).gradient()[0, 1]
    assert float(found) == pytest.approx(one * (1 - one) * (0.55**3 - 0.45**3), rel=1e-12)


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
    ("changes", "said"),
    [
        ({"params": torch.tensor(float("nan"))}, "params hold NaN or infinity"),
        ({"params": torch.tensor(float("inf"))}, "params hold NaN or infinity"),
        ({"params": torch.tensor(3)}, "params must be a floating tensor"),
        ({"params": 0.5}, "params must be a floating tensor"),
        ({"exact": torch.zeros(2)}, r"exact has shape \(2,\), params \(\); they must agree"),
        ({"reference": "oracle"}, "expected 'likelihood ratio' or 'finite difference'"),
    ],
)
def test_an_unusable_problem_is_refused_by_name(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ProblemError, match=f"problem 'mine': .*{said}"):
        Problem(**{"name": "mine", "program": cubic, "params": scalar(0.5), **changes})


@pytest.mark.parametrize(
    ("factory", "said"),
    [
        ("shapeless", r"the program returned \(\) for 8 rows; expected a tensor of shape \(8,\)"),
        ("raising", "its program failed on 8 rows: ZeroDivisionError: no rows to spare"),
        ("improbable", r"site 0 \(Bernoulli\) has probabilities from -?[\d.]+ to 1.5; they must lie in \[0, 1\]"),
        ("continuous", "Normal"),
    ],
)
def test_a_program_that_breaks_its_contract_is_refused_by_name(factory: str, said: str) -> None:
    (problem,) = find_problems([f"{TARGETS}:{factory}"], quick=True)
    with pytest.raises(ProblemError, match=f"problem '{factory}': .*{said}"):
        probe(problem)


def test_a_program_without_samples_or_with_an_infinite_objective_is_refused() -> None:
    with pytest.raises(ProblemError, match="sampled nothing; call sample"):
        probe(replace(FAIR, program=lambda params, sample: params))
    with pytest.raises(ProblemError, match="objective is not finite"):
        probe(replace(FAIR, program=lambda params, sample: cubic(params, sample) / 0))


def test_probe_counts_sites_and_elements() -> None:
    def program(params: Tensor, sample: Sample) -> Tensor:
        table = sample(OneHotCategorical(logits=params.reshape(-1, 1, 1).expand(-1, 2, 3)))
        return table.sum((1, 2)) + sample(Bernoulli(logits=params))

    seen = probe(Problem(name="two", program=program, params=scalar(0.1)))
    assert (seen.num_sites, seen.elements, seen.categories) == (2, 3, 8)


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("walk", "unknown problem 'walk'; expected one of the families bernoulli, "),
        ("random_walk:many", "'many' is no size of random_walk; expected int, as 10"),
        ("random_walk:0", "'0' is no size of random_walk; expected int, as 10; a size is at least 1"),
        ("random_walk:-3", "'-3' is no size of random_walk"),
        ("bernoulli:nan", "'nan' is no size of bernoulli"),
        ("subsets:2", "'2' is no size of subsets; expected int, as 4"),
        ("random_walk:15/septic", "random_walk has random_walk:15/square/p, "),
        ("random_walks:10", "unknown problem 'random_walks:10'; did you mean random_walk? expected one of"),
        ("bits:", "'' is no size of bits; expected int, as 3"),
        ("no_such_module:x", "there is no module 'no_such_module'"),
        ("nowhere.py:x", "there is no file"),
        (f"{TARGETS}:absent", "has no attribute 'absent'"),
        (f"{TARGETS}:NOT_A_PROBLEM", "is a str, not a problem; expected a gradverify.verification.Problem"),
        (f"{TARGETS}:cubic", "is a program, and where to differentiate it is not said"),
        (f"{TARGETS}:no_problem", "calling it raised RuntimeError: no data"),
        (f"{TARGETS}:not_finite", "params hold NaN"),
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


def by_place(params: Tensor, sample: Sample) -> Tensor:
    """Its objective knows which row it is."""
    bit = sample(Bernoulli(params))
    return bit * (1 + torch.arange(len(bit)) % 2)


def remembering() -> Program:
    """It asks for one more sample at each call."""
    calls: list[int] = []

    def program(params: Tensor, sample: Sample) -> Tensor:
        calls.append(1)
        return sum((sample(Bernoulli(params)) for _ in calls), torch.zeros_like(params))

    return program


@pytest.mark.parametrize(
    ("program", "said"),
    [
        (
            lambda params, sample: cubic(params, sample) - cubic(params, sample).mean(),
            "its rows depend on each other",
        ),
        (by_place, "its rows depend on each other"),
        (lambda params, sample: cubic(params, sample) + torch.rand_like(params), "random state of its own or remembers"),
        (remembering(), "random state of its own or remembers"),
    ],
    ids=["batch mean", "place", "hidden noise", "memory"],
)
def test_a_program_whose_rows_are_not_runs_of_their_own_is_refused(program: Program, said: str) -> None:
    """Else sound estimators would be accused of what the program does."""
    with pytest.raises(ProblemError, match=f"problem 'mine': .*{said}"):
        verify("leave_one_out", Problem(name="mine", program=program, params=scalar(0.3)))


@pytest.mark.parametrize("name", sorted(BUILT))
def test_every_registered_problems_rows_are_runs_of_their_own(name: str) -> None:
    hold_to_rows(BUILT[name])


def test_rows_that_all_draw_alike_have_nothing_to_exchange() -> None:
    hold_to_rows(Problem(name="certain", program=cubic, params=scalar(1.0)))


def test_a_series_is_named_without_its_size() -> None:
    names = [each.name for each in find_problems(["random_walk/square/p"], quick=False)]
    assert names == [f"random_walk:{size}/square/p" for size in (10, 20, 50, 100)]
