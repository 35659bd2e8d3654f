"""DiCE: the score function's rows at first order, and exact derivatives of second order."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.distributions import Bernoulli, Categorical

from gradverify.estimators import Program, Sample, ScoreFunction
from gradverify.estimators.dice import DiCE
from gradverify.estimators.enumeration import enumerate_paths
from gradverify.estimators.protocol import evaluate, row_leaf
from gradverify.estimators.runs.exact import exact_moments
from gradverify.estimators.runs.tape import Tape, recording

from .programs import CASES

POINT = torch.tensor([0.4, -2.3], dtype=torch.float64)

Surrogate = Callable[[Program, Tensor, torch.Generator], Tensor]


def chained(params: Tensor, sample: Sample) -> Tensor:
    """A bit, a categorical whose logits it moves, and an objective with a curved direct part."""
    bit = sample(Bernoulli(logits=params[:, 0]))
    index = sample(Categorical(logits=torch.stack((params[:, 1] * (1 + bit), params[:, 0], 0 * bit), -1)))
    return 3 + (bit - 1.3 * index + 0.4) ** 3 + params[:, 0] * params[:, 1] ** 2 * index


def exact_hessian(params: Tensor) -> Tensor:
    """Differentiate the expectation, written out as a sum over outcomes."""

    def mean(point: Tensor) -> Tensor:
        total = point.new_zeros(())
        for bit in (0.0, 1.0):
            first = torch.sigmoid(point[0]) if bit else 1 - torch.sigmoid(point[0])
            second = torch.stack((point[1] * (1 + bit), point[0], 0 * point[0])).softmax(0)
            for index in range(3):
                value = 3 + (bit - 1.3 * index + 0.4) ** 3 + point[0] * point[1] ** 2 * index
                total = total + first * second[index] * value
        return total

    return torch.autograd.functional.hessian(mean, params)


def second_derivatives(surrogate: Surrogate) -> Callable[[Program, Tensor, int, torch.Generator], Tensor]:
    """Replicates of the Hessian, flattened, from a surrogate."""

    def rows(program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
        leaf = row_leaf(params, num_samples)
        (first,) = torch.autograd.grad(surrogate(program, leaf, generator).sum(), leaf, create_graph=True)
        second = [torch.autograd.grad(each.sum(), leaf, retain_graph=True)[0] for each in first.unbind(1)]
        return torch.stack(second, 1).flatten(1)

    return rows


@pytest.mark.parametrize("baseline", [0.0, 1.7])
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_first_order_is_the_score_function(case: object, baseline: float) -> None:
    """Row by row, from the same seed."""
    rows = [
        each(case.program, case.point(), 50, torch.Generator().manual_seed(1))  # type: ignore[attr-defined]
        for each in (DiCE(baseline), ScoreFunction(baseline))
    ]
    torch.testing.assert_close(*rows, rtol=1e-9, atol=1e-9)


def test_unbiased() -> None:
    mean, _ = exact_moments(DiCE(baseline=2.5), chained, POINT)
    torch.testing.assert_close(mean, enumerate_paths(chained, POINT).gradient())


@pytest.mark.parametrize("baseline", [0.0, 2.5])
def test_second_order_is_unbiased(baseline: float) -> None:
    mean, _ = exact_moments(second_derivatives(DiCE(baseline).surrogate), chained, POINT)
    torch.testing.assert_close(mean.reshape(2, 2), exact_hessian(POINT))


def test_its_value_is_the_objective() -> None:
    leaf = row_leaf(POINT, 20)
    value = DiCE(baseline=2.5).surrogate(chained, leaf, torch.Generator().manual_seed(1))
    objective = chained(leaf, recording(20, torch.Generator().manual_seed(1), Tape()))
    torch.testing.assert_close(value, objective)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_certain_outcomes_give_finite_rows(dtype: torch.dtype) -> None:
    params = torch.tensor([200.0, -200.0, 0.0, 30.0, -30.0], dtype=dtype)
    rows = DiCE()(
        lambda rows, sample: sample(Bernoulli(logits=rows)).sum(1) ** 2, params, 500, torch.Generator().manual_seed(1)
    )
    assert rows.isfinite().all()
    assert (rows[:, 2] != 0).any()


def plain_surrogate(program: Program, leaf: Tensor, generator: torch.Generator) -> Tensor:
    """Planted: ``sg(f) log p + f``, right at first order only."""
    tape = Tape()
    objective = evaluate(program, leaf, recording(len(leaf), generator, tape))
    score = torch.zeros_like(objective)
    for each in tape.draws:
        score = score + each.site.probability(each.index).log()
    return objective.detach() * score + objective


def test_planted_first_order_surrogate_is_found_at_second_order() -> None:
    mean, _ = exact_moments(second_derivatives(plain_surrogate), chained, POINT)
    assert (mean.reshape(2, 2) - exact_hessian(POINT)).abs().max() > 0.01
