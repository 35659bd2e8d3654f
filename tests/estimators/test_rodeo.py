"""RODEO: exact means over all outcomes, cold, with untrained weights and learned."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor
from torch.distributions import Bernoulli, Categorical

from gradverify.estimators import LeaveOneOut, NotApplicableError
from gradverify.estimators.enumeration import enumerate_paths
from gradverify.estimators.perceptron import Perceptron, initial_weights
from gradverify.estimators.protocol import Sample
from gradverify.estimators.rodeo import Rodeo, _Groups
from gradverify.estimators.runs.exact import exact_moments

from .polynomial_programs import BITS, CERTAIN, agrees, bit_chain, bit_program, certain_bits, check_finite, power_of, replicates

TWO_BITS = BITS[1:]


def random_network() -> Perceptron:
    generator = torch.Generator().manual_seed(2)
    hidden, output = initial_weights(1, 2, 5, generator, torch.zeros(1, dtype=torch.float64))
    return Perceptron.of((2 * hidden, torch.randn(output.shape, generator=generator, dtype=torch.float64)))


def two_sites(params: Tensor, sample: Sample) -> Tensor:
    """A bit and a pair, and parameters that enter the objective beside them."""
    first = sample(Bernoulli(logits=params[:, 0]))
    pair = sample(Bernoulli(logits=params * torch.tensor([-0.5, 1.2], dtype=params.dtype)))
    return 4 + (first + pair @ torch.tensor([1.5, -0.7], dtype=params.dtype)) ** 3 + first * pair[:, 1] * params[:, 1]


UNTRAINED = Rodeo(network=random_network(), centre=5.0, scale=3.0)


@pytest.mark.parametrize("estimator", [Rodeo(), UNTRAINED, replace(UNTRAINED, centre=-3.0, scale=8.0)])
def test_exact_mean_is_the_gradient(estimator: Rodeo) -> None:
    """Cold, and with networks that nobody trained, both of whose outputs act; two and three runs."""
    params = torch.tensor([0.4, -1.1], dtype=torch.float64)
    for program, point in ((bit_program(), BITS), (two_sites, params)):
        mean, _ = exact_moments(estimator, program, point)
        torch.testing.assert_close(mean, enumerate_paths(program, point).gradient(), rtol=1e-9, atol=1e-9)
    mean, _ = exact_moments(replace(estimator, group=3), bit_program(), TWO_BITS)
    torch.testing.assert_close(mean, enumerate_paths(bit_program(), TWO_BITS).gradient(), rtol=1e-9, atol=1e-9)


def test_formula_run_by_run() -> None:
    """The published sum, term by term, with the operator and the scores written out."""
    estimator, program = replace(UNTRAINED, group=3), bit_program()
    generator = torch.Generator().manual_seed(8)
    rows = estimator(program, BITS, 4, generator)
    generator.manual_seed(8)
    probs = BITS.sigmoid()
    bits = (torch.rand(12, 3, generator=generator, dtype=torch.float64) < probs).double().reshape(4, 3, 3)
    leaf = bits.reshape(12, 3).requires_grad_()
    objective = program(torch.zeros(12, 3, dtype=torch.float64), lambda _: leaf)
    slopes = torch.autograd.grad(objective.sum(), leaf)[0].reshape(4, 3, 3)
    bits, objective = bits.detach(), objective.detach().reshape(4, 3)
    for n in range(4):
        expected = _written_out(estimator, bits[n], objective[n], slopes[n], probs)
        torch.testing.assert_close(rows[n], expected)


def _written_out(estimator: Rodeo, bits: Tensor, objective: Tensor, slopes: Tensor, probs: Tensor) -> Tensor:
    network, count = estimator.network, len(bits)
    assert network is not None

    def function(k: int, output: int) -> Callable[[Tensor], Tensor]:
        def value(point: Tensor) -> Tensor:
            lines = [objective[j] + slopes[j] @ (point - bits[j]) for j in range(count) if j != k]
            inputs = (torch.stack(lines).unsqueeze(-1) - estimator.centre) / estimator.scale
            return estimator.scale * network(inputs)[:, output].mean()

        return value

    def operator(h: Callable[[Tensor], Tensor], point: Tensor) -> Tensor:
        total = torch.zeros(())
        for i in range(len(point)):
            flipped = point.clone()
            flipped[i] = 1 - point[i]
            chance = probs[i] if flipped[i] == 1 else 1 - probs[i]
            total = total + chance * (h(flipped) - h(point)) / len(point)
        return total

    expected = torch.zeros_like(probs)
    for k in range(count):
        baseline = sum(objective[j] + operator(function(j, 0), bits[j]) for j in range(count) if j != k) / (count - 1)
        vector = function(k, 1)
        expected = expected + (objective[k] - baseline) * (bits[k] - probs)
        expected = expected + operator(lambda point, vector=vector: vector(point) * (point - probs), bits[k])
    return expected / count


def test_mean_agrees_by_sampling() -> None:
    """At a false-fail rate of 1e-6; an error of a tenth of the gradient would be seen."""
    exact = enumerate_paths(bit_program(), BITS).gradient()
    rows = replicates(replace(UNTRAINED, group=4), bit_program(), BITS, 100_000)
    assert agrees(rows, exact)
    assert power_of(rows, 0.1 * exact) > 8


def test_learned_once_then_frozen() -> None:
    cold = Rodeo(steps=100)
    warm = cold.fit(bit_program(), BITS, num_samples=1_000, generator=torch.Generator().manual_seed(3))
    mean, variance = exact_moments(warm, bit_program(), BITS)
    torch.testing.assert_close(mean, enumerate_paths(bit_program(), BITS).gradient(), rtol=1e-9, atol=1e-9)
    assert variance.sum() < 0.7 * exact_moments(LeaveOneOut(), bit_program(), BITS)[1].sum()
    assert variance.sum() < exact_moments(cold, bit_program(), BITS)[1].sum()
    assert warm == cold.fit(bit_program(), BITS, num_samples=1_000, generator=torch.Generator().manual_seed(3))
    assert torch.equal(replicates(warm, bit_program(), BITS, 5), replicates(warm, bit_program(), BITS, 5))


def test_cold_it_is_leave_one_out() -> None:
    rows = replicates(Rodeo(group=3), bit_program(), BITS, 50)
    torch.testing.assert_close(rows, replicates(LeaveOneOut(group=3), bit_program(), BITS, 50))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("estimator", [Rodeo(), UNTRAINED])
def test_extreme_logits_and_certain_outcomes(dtype: torch.dtype, estimator: Rodeo) -> None:
    logits = torch.tensor([30.0, -30.0, 2.0], dtype=dtype)
    for program, params in ((bit_program(), logits), (certain_bits, CERTAIN.to(dtype))):
        check_finite(estimator, program, params)
    warm = Rodeo(steps=3).fit(bit_program(), logits, num_samples=20, generator=torch.Generator().manual_seed(1))
    check_finite(warm, bit_program(), logits)


def test_refuses_by_name() -> None:
    with pytest.raises(NotApplicableError, match="RODEO: group=1"):
        Rodeo(group=1)
    with pytest.raises(NotApplicableError, match="RODEO: steps=0"):
        Rodeo(steps=0)
    with pytest.raises(NotApplicableError, match="RODEO: the probabilities of a site depend on earlier outcomes"):
        replicates(Rodeo(), bit_chain, torch.tensor([0.4, -1.1], dtype=torch.float64), 5)
    with pytest.raises(NotApplicableError, match=r"RODEO: site 0 is Categorical .* needs Bernoulli"):
        replicates(Rodeo(), lambda params, sample: sample(Categorical(logits=params)), BITS, 5)
    with pytest.raises(NotApplicableError, match="RODEO: the program draws nothing"):
        replicates(Rodeo(), lambda params, sample: params.sum(1), BITS, 5)


def test_planted_own_run_in_its_functions_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """h_k built from all runs, its own among them."""
    monkeypatch.setattr(torch, "eye", lambda count, **kind: torch.zeros(count, count, **kind))
    mean, _ = exact_moments(UNTRAINED, bit_program(), TWO_BITS)
    assert (mean - enumerate_paths(bit_program(), TWO_BITS).gradient()).abs().max() > 1e-2


def test_planted_score_held_at_the_flip_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """The operator of h', times the score of the unflipped bits: as if the vector were a number."""
    plain = _Groups.surrogate

    def held(self: _Groups, functions: Tensor) -> Tensor:
        signed = (2 * self.bits - 1) * self.probs
        count = functions.shape[1]
        others = 1 - torch.eye(count, dtype=functions.dtype)
        built = torch.einsum("kj,nkjdo->nkdo", others, functions)[:, :, 1:, 1] / (count - 1)
        flip = torch.where(self.bits.bool(), 1 - self.probs, self.probs).detach()
        missing = built / flip.shape[-1] * (1 + flip / (1 - flip))
        return plain(self, functions) + (missing * signed).sum(-1)

    monkeypatch.setattr(_Groups, "surrogate", held)
    mean, _ = exact_moments(UNTRAINED, bit_program(), TWO_BITS)
    assert (mean - enumerate_paths(bit_program(), TWO_BITS).gradient()).abs().max() > 1e-2
