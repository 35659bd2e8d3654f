"""The six-edge problem: its exact gradient is a sum over 64 graphs, and it tells right estimators from wrong ones."""

from __future__ import annotations

from itertools import product

import pytest
import torch

from gradverify.estimators.enumeration import enumerate_paths
from gradverify.estimators.registry import ESTIMATORS
from gradverify.verification.problems import find_problems, probe
from gradverify.verification.problems.relational.edges import edges
from gradverify.verification.truth.references import find_reference

ONE_HOT, INDEX = edges(3)


def summed() -> torch.Tensor:
    """``grad sum_z q(z) f(z)`` over the 64 graphs, f found without a sample."""
    outcomes = torch.tensor(list(product((0, 1), repeat=6)))
    table = torch.nn.functional.one_hot(outcomes, 2).double()
    losses = ONE_HOT.program(ONE_HOT.params.expand(64, 6, 2), lambda distribution: table)
    leaf = ONE_HOT.params.clone().requires_grad_()
    weights = (table * leaf.log_softmax(-1)).sum((-1, -2)).exp()
    (gradient,) = torch.autograd.grad((weights * losses).sum(), leaf)
    return gradient


def test_the_exact_gradient_is_the_sum_over_graphs() -> None:
    expected = summed()
    for problem in (ONE_HOT, INDEX):
        reference = find_reference(problem, 0, 0.1)
        assert reference.kind == "exact (enumeration)"
        assert torch.tensor(reference.gradient).reshape(6, 2) == pytest.approx(expected, rel=1e-12)
        assert enumerate_paths(problem.program, problem.params).gradient() == pytest.approx(expected, rel=1e-12)
    assert float(find_reference(edges(3)[0], 0, 0.1).gradient[0]) != pytest.approx(float(expected[1, 0]), rel=1e-3)


def test_every_edge_matters() -> None:
    gradient = summed()
    assert torch.allclose(gradient.sum(-1), torch.zeros(6, dtype=torch.float64), atol=1e-9)
    assert float(gradient[:, 1].abs().min()) > 0.3 * float(gradient[:, 1].abs().max())


@pytest.mark.parametrize(("name", "unbiased"), [("leave_one_out", True), ("straight_through", False)])
def test_estimators_against_the_sum(name: str, unbiased: bool) -> None:
    """20,000 rows, twelve numbers within 5.5 standard errors: false-fail rate 5e-7; the biased one is fifty out."""
    rows = ESTIMATORS[name](ONE_HOT.program, ONE_HOT.params, 20_000, torch.Generator().manual_seed(0))
    distance = (rows.mean(0) - summed()).abs() / (rows.std(0) / 20_000**0.5)
    assert (float(distance.max()) < 5.5) is unbiased
    assert unbiased or float(distance.max()) > 20


def test_the_tutorials_rule_gives_exactly_nothing() -> None:
    rows = ESTIMATORS["agent_torch_categorical_float"](INDEX.program, INDEX.params, 100, torch.Generator().manual_seed(0))
    assert float(rows.abs().max()) < 1e-12
    right = ESTIMATORS["reinmax"](INDEX.program, INDEX.params, 100, torch.Generator().manual_seed(0))
    assert float(right.abs().max()) > 1


def test_the_tutorials_weights_on_a_one_hot_sample_are_reinmax() -> None:
    """Sample by sample for two types: ``1 / (2 p_j)`` at the drawn one, ``1 / (2 (1 - p_j))`` at the other."""
    rows = ESTIMATORS["reinmax"](ONE_HOT.program, ONE_HOT.params, 50, torch.Generator().manual_seed(3))
    leaf = ONE_HOT.params.expand(50, 6, 2).clone().requires_grad_()

    def sample(distribution: torch.distributions.Distribution) -> torch.Tensor:
        probs = distribution.probs
        uniform = torch.rand(50, 6, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
        drawn = torch.nn.functional.one_hot((uniform >= probs.detach()[..., 0]).long(), 2).double()
        carried = probs * 0.5 / torch.where(drawn.bool(), probs, 1 - probs).detach()
        return drawn + carried - carried.detach()

    (weighted,) = torch.autograd.grad(ONE_HOT.program(leaf, sample).sum(), leaf)
    assert torch.allclose(weighted, rows, atol=1e-10)


def test_sizes_are_made_on_demand_and_rows_are_independent() -> None:
    (found,) = find_problems(["edges:4/one_hot"], quick=False)
    assert found.params.shape == (12, 2)
    assert probe(found).elements == 12
    assert not found.quick
    with pytest.raises(ValueError, match="1' is not a size of edges"):
        find_problems(["edges:1"], quick=False)


def test_the_program_follows_its_parameters_type() -> None:
    params = ONE_HOT.params.float().expand(4, 6, 2)
    drawn = lambda distribution: torch.nn.functional.one_hot(torch.zeros(4, 6, dtype=torch.long), 2).float()  # noqa: E731
    assert ONE_HOT.program(params, drawn).dtype == torch.float32
