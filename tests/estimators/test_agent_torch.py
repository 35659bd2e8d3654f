"""The tutorial's rules, as they ship and as they would act: what each one's mean is, by enumeration of outcomes."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.distributions import Categorical

from gradverify.estimators import (
    AgentTorchBernoulli,
    AgentTorchCategorical,
    AgentTorchFloatCategorical,
    AgentTorchStraightThroughBernoulli,
    NoGradientPathError,
    Sample,
    SmoothedTriple,
    StraightThrough,
)
from gradverify.estimators.enumeration import enumerate_paths

from .programs import coin, outcome_table, polynomial_bits

P = torch.tensor(0.3, dtype=torch.float64)
LOGITS = torch.tensor([0.5, -1.0, 0.3, -2.1], dtype=torch.float64)


def _index_program(objective: Callable[[Tensor], Tensor]) -> Callable[[Tensor, Sample], Tensor]:
    return lambda params, sample: objective(sample(Categorical(logits=params)))


@pytest.mark.parametrize(
    ("objective", "mean", "truth"),
    [
        pytest.param(lambda bit: (bit + 1) ** 3, 7.5, 7.0, id="cube"),
        pytest.param(lambda bit: (bit + 1) ** 2, 3.0, 3.0, id="square"),
        pytest.param(torch.exp, (1 + math.e) / 2, math.e - 1, id="exp"),
    ],
)
def test_the_bernoulli_rule_is_the_smoothed_triple(objective: Callable[[Tensor], Tensor], mean: float, truth: float) -> None:
    program = coin(objective)
    assert float(outcome_table(AgentTorchBernoulli(), program, P)) == pytest.approx(mean, rel=1e-12)
    assert float(enumerate_paths(program, P).gradient()) == pytest.approx(truth, rel=1e-12)
    ours, theirs = (
        each(program, P, 50, torch.Generator().manual_seed(1)) for each in (SmoothedTriple(), AgentTorchBernoulli())
    )
    torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("p", [0.0, 1.0])
def test_the_bernoulli_rule_weighs_certain_bits_by_a_half(p: float) -> None:
    rows = AgentTorchBernoulli()(coin(lambda bit: bit), torch.tensor(p), 3, torch.Generator())
    assert rows.tolist() == [0.5] * 3


def test_the_straight_through_rule_is_straight_through() -> None:
    program, params = polynomial_bits(3), torch.tensor([0.4, -0.8, 2.2], dtype=torch.float64)
    ours, theirs = (
        each(program, params, 200, torch.Generator().manual_seed(1))
        for each in (StraightThrough(), AgentTorchStraightThroughBernoulli())
    )
    torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(("estimator", "degree"), [(AgentTorchBernoulli(), 2), (AgentTorchStraightThroughBernoulli(), 1)])
def test_bits_are_exact_up_to_the_claimed_degree_and_no_further(estimator: object, degree: int) -> None:
    params = torch.tensor([0.4, -0.8, 2.2], dtype=torch.float64)
    for tried in (1, 2, 3):
        program = polynomial_bits(tried)
        mean = outcome_table(estimator, program, params)  # type: ignore[arg-type]
        exact = torch.allclose(mean, enumerate_paths(program, params).gradient(), rtol=1e-9, atol=1e-9)
        assert exact == (tried <= degree)


@pytest.mark.parametrize("objective", [lambda index: index, lambda index: 0 * index, lambda index: (index > 1).double()])
def test_the_categorical_as_shipped_has_no_gradient_path(objective: Callable[[Tensor], Tensor]) -> None:
    """Said at the site, with the integer type that ends the path, whatever the objective makes of the value."""
    with pytest.raises(NoGradientPathError, match=r"site 0 \(Categorical\).*torch\.int64 output carries none"):
        AgentTorchCategorical()(_index_program(objective), LOGITS, 4, torch.Generator())


def test_the_culprit_is_the_site_that_needs_a_gradient() -> None:
    def program(params: Tensor, sample: Sample) -> Tensor:
        fixed = sample(Categorical(logits=torch.zeros(len(params), 2, dtype=params.dtype)))
        return fixed + sample(Categorical(logits=params))

    with pytest.raises(NoGradientPathError, match=r"site 1 \(Categorical\)"):
        AgentTorchCategorical()(program, LOGITS, 4, torch.Generator())


def test_the_categorical_as_shipped_runs_where_no_gradient_is_needed() -> None:
    def program(params: Tensor, sample: Sample) -> Tensor:
        return params[:, 0] * (1 + sample(Categorical(logits=torch.tensor([[-100.0, 100.0]]).expand(len(params), 2))))

    assert AgentTorchCategorical()(program, torch.zeros(2), 2, torch.Generator()).tolist() == [[2.0, 0.0]] * 2


def test_the_float_rule_follows_its_weights() -> None:
    """``w_j(i) = 1[j = i] / (2 p_j) + 1[j != i] / (2 (1 - p_j))``, through the softmax, row by row."""
    probs = LOGITS.softmax(0)
    seen: list[Tensor] = []

    def program(params: Tensor, sample: Sample) -> Tensor:
        index = sample(Categorical(logits=params))
        seen.append(index.detach().long())
        return index**3

    rows = AgentTorchFloatCategorical()(program, LOGITS, 300, torch.Generator().manual_seed(1))
    hot = torch.nn.functional.one_hot(seen[0], 4).double()
    weights = hot / (2 * probs) + (1 - hot) / (2 * (1 - probs))
    softmaxed = probs * (weights - (weights * probs).sum(-1, keepdim=True))
    torch.testing.assert_close(rows, (3 * seen[0].double() ** 2).unsqueeze(1) * softmaxed)


def test_the_float_rule_has_its_published_mean() -> None:
    """``E g_j = g_j / 2 + (mean g - p_j g_j) / (2 (1 - p_j))`` in the probabilities, then through the softmax."""
    probs = LOGITS.softmax(0)
    slope = 3 * torch.arange(4, dtype=torch.float64) ** 2
    mean = slope / 2 + ((probs * slope).sum() - probs * slope) / (2 * (1 - probs))
    expected = probs * (mean - (probs * mean).sum())
    found = outcome_table(AgentTorchFloatCategorical(), _index_program(lambda index: index**3), LOGITS)
    torch.testing.assert_close(found, expected)
    truth = enumerate_paths(_index_program(lambda index: index**3), LOGITS).gradient()
    assert (found - truth).abs().max() > 0.3 * truth.abs().max()


@pytest.mark.parametrize("scale", [1.0, -4.0])
def test_the_float_rule_means_nothing_on_linear_objectives(scale: float) -> None:
    """Zero in every logit, for a truth of ``scale p_j (j - mean)``; single rows are not zero."""
    program = _index_program(lambda index: scale * index + 2)
    mean = outcome_table(AgentTorchFloatCategorical(), program, LOGITS)
    torch.testing.assert_close(mean, torch.zeros(4, dtype=torch.float64), rtol=0, atol=1e-12)
    rows = AgentTorchFloatCategorical()(program, LOGITS, 10, torch.Generator())
    assert rows.abs().max() > 0.01
    assert enumerate_paths(program, LOGITS).gradient().abs().max() > 0.1


@pytest.mark.parametrize("objective", [lambda index: index, lambda index: (index + 1) ** 3, torch.exp])
def test_the_float_rule_is_zero_for_two_categories(objective: Callable[[Tensor], Tensor]) -> None:
    """Row by row: both weights are 1 / (2 p_i), and what moves along (1, 1) does not move on the simplex."""
    rows = AgentTorchFloatCategorical()(
        _index_program(objective), torch.tensor([0.3, -0.9], dtype=torch.float64), 200, torch.Generator().manual_seed(1)
    )
    assert rows.abs().max() < 1e-14


def test_the_float_rule_is_zero_inside_a_walk_of_two_categories() -> None:
    def program(params: Tensor, sample: Sample) -> Tensor:
        state = torch.zeros_like(params)
        for _ in range(5):
            up = torch.exp(-((state + 1) ** 2) / params)
            state = state + 1 - 2 * sample(Categorical(probs=torch.stack((up, 1 - up), -1)))
        return state**2

    rows = AgentTorchFloatCategorical()(program, torch.tensor(5.0, dtype=torch.float64), 200, torch.Generator().manual_seed(1))
    assert rows.abs().max() < 1e-12
    assert enumerate_paths(program, torch.tensor(5.0, dtype=torch.float64)).gradient().abs() > 0.1


def test_batches_keep_their_shape() -> None:
    def program(params: Tensor, sample: Sample) -> Tensor:
        return (sample(Categorical(logits=params.unsqueeze(1).expand(-1, 3, 4))) ** 2).sum(-1)

    alone = outcome_table(AgentTorchFloatCategorical(), _index_program(lambda index: index**2), LOGITS)
    together = outcome_table(AgentTorchFloatCategorical(), program, LOGITS, num_samples=20_000)
    torch.testing.assert_close(together, 3 * alone)
