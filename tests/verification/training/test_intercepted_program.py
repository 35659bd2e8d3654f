"""Ordinary code as a program: enumeration gives its exact gradient, and every way to draw has its law."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch import distributions as laws
from torch.nn import functional

from gradverify.estimators import LeaveOneOut
from gradverify.estimators.enumeration import enumerate_paths
from gradverify.verification.problems import registered_problems
from gradverify.verification.training.intercepted_program import InterceptedProgram
from gradverify.verification.training.interception import UnseenRandomnessError
from gradverify.verification.training.named_parameters import read_parameters

VALUES = torch.tensor([1.0, 2.0, 4.0], dtype=torch.float64)


def leaf(*numbers: float) -> Tensor:
    return torch.tensor(numbers, dtype=torch.float64, requires_grad=True)


def read(code: Callable[[], Tensor], *tensors: Tensor) -> InterceptedProgram:
    return InterceptedProgram.of(code, read_parameters(tensors))


def exact_mean(program: InterceptedProgram) -> Tensor:
    params = program.parameters.flatten().requires_grad_()
    return enumerate_paths(program, params).mean()


THETA = leaf(0.3, -0.5, 0.8)
PROBS = THETA.detach().softmax(-1)
ONE = leaf(0.4)
P = float(torch.sigmoid(torch.tensor(0.4, dtype=torch.float64)))


@pytest.mark.parametrize(
    ("code", "tensor", "mean"),
    [
        (lambda: functional.gumbel_softmax(THETA, tau=3.0) @ VALUES, THETA, PROBS @ VALUES),
        (lambda: functional.gumbel_softmax(THETA, hard=True) @ VALUES, THETA, PROBS @ VALUES),
        (lambda: laws.RelaxedOneHotCategorical(torch.tensor(0.5), logits=THETA).rsample() @ VALUES, THETA, PROBS @ VALUES),
        (lambda: laws.OneHotCategoricalStraightThrough(logits=THETA).rsample() @ VALUES, THETA, PROBS @ VALUES),
        (lambda: VALUES[laws.Categorical(logits=THETA).sample()], THETA, PROBS @ VALUES),
        (lambda: VALUES[torch.multinomial(THETA.softmax(-1), 1)].sum(), THETA, PROBS @ VALUES),
        (lambda: VALUES[torch.multinomial(THETA.softmax(-1), 2, replacement=True)].prod(), THETA, (PROBS @ VALUES) ** 2),
        (lambda: VALUES[laws.Categorical(logits=THETA).sample((2,))].prod(), THETA, (PROBS @ VALUES) ** 2),
        (lambda: 3 * torch.bernoulli(torch.sigmoid(ONE)).sum(), ONE, torch.tensor(3 * P)),
        (lambda: 3 * torch.sigmoid(ONE).bernoulli().sum(), ONE, torch.tensor(3 * P)),
        (lambda: 3 * torch.empty_like(ONE).bernoulli_(torch.sigmoid(ONE)).sum(), ONE, torch.tensor(3 * P)),
        (lambda: laws.RelaxedBernoulli(torch.tensor(0.5), logits=ONE).rsample().sum(), ONE, torch.tensor(P)),
        (lambda: laws.Independent(laws.Bernoulli(logits=ONE.expand(2)), 1).sample().prod(), ONE, torch.tensor(P**2)),
        (lambda: laws.Binomial(3, logits=ONE).sample().sum(), ONE, torch.tensor(3 * P)),
        (lambda: functional.dropout(ONE * 2, 0.25).sum() ** 2, ONE, torch.tensor((2 * 0.4) ** 2 / 0.75)),
        (lambda: torch.nn.Dropout(0.25)(ONE * 2).sum() ** 2, ONE, torch.tensor((2 * 0.4) ** 2 / 0.75)),
    ],
)
def test_a_draw_has_its_exact_law(code: Callable[[], Tensor], tensor: Tensor, mean: Tensor) -> None:
    program = read(code, tensor)
    assert program.reason == ""
    torch.testing.assert_close(exact_mean(program).double(), mean.double(), rtol=1e-6, atol=0)


@pytest.mark.parametrize(
    ("draw", "mean", "square"),
    [
        (lambda: torch.rand(()), 0.5, 1 / 3),
        (lambda: torch.rand_like(ONE)[0], 0.5, 1 / 3),
        (lambda: torch.empty(1).uniform_(1, 3)[0], 2.0, 13 / 3),
        (lambda: torch.randn((1,))[0], 0.0, 1.0),
        (lambda: torch.randn_like(ONE)[0], 0.0, 1.0),
        (lambda: torch.empty(1).normal_(1, 2)[0], 1.0, 5.0),
        (lambda: torch.normal(ONE.detach(), 2.0)[0], 0.4, 4.16),
        (lambda: laws.Normal(0.4, 2.0).rsample(), 0.4, 4.16),
        (lambda: laws.Exponential(2.0).sample(), 0.5, 0.5),
        (lambda: laws.LogNormal(0.0, 0.5).rsample(), 2.718281828 ** (1 / 8), 2.718281828**0.5),
    ],
)
def test_continuous_noise_is_made_of_uniform_numbers(draw: Callable[[], Tensor], mean: float, square: float) -> None:
    """Mean and square within five standard errors; the false-fail rate is 6e-7 each. In place, rows are drawn one at a time."""
    program = read(lambda: draw() + 0 * ONE.sum(), ONE)
    assert program.draws_noise
    count = 2_000 if program.reason else 40_000
    generator = torch.Generator().manual_seed(0)

    def sample(distribution: laws.Distribution) -> Tensor:
        return torch.rand(distribution.batch_shape, generator=generator, dtype=torch.float64)

    rows = program(program.parameters.flatten().expand(count, 1), sample).double()
    for power, expected in ((1, mean), (2, square)):
        values = rows**power
        assert abs(float(values.mean()) - expected) < 5 * float(values.std()) / count**0.5


def test_a_module_gives_the_exact_gradient_of_the_program_that_it_is() -> None:
    problem = registered_problems()["bits:3/cubic/logits"]
    logits = torch.nn.Parameter(problem.params.clone())
    code = lambda: problem.program(logits[None], lambda law: law.sample())[0]  # noqa: E731
    program = read(code, logits)
    found, expected = (enumerate_paths(each, problem.params.clone()).gradient() for each in (program, problem.program))
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-10)


WEIGHTS = leaf(0.2, -0.4, 0.1)


def episode() -> Tensor:
    """Stop with probability sigmoid(w_t) at step t and earn 1 + t, or 5 at the end."""
    for step in range(3):
        if laws.Bernoulli(logits=WEIGHTS[step]).sample().item() == 1:
            return torch.tensor(1.0 + step)
    return torch.tensor(5.0)


def test_control_flow_may_depend_on_what_was_drawn() -> None:
    program = read(episode, WEIGHTS)
    assert "item" in program.reason
    params = WEIGHTS.detach().clone().requires_grad_()
    stop = torch.sigmoid(params)
    go_on = torch.cat((torch.ones(1, dtype=torch.float64), (1 - stop).cumprod(0)))
    mean = (go_on[:3] * stop * torch.tensor([1.0, 2.0, 3.0])).sum() + 5 * go_on[3]
    paths = enumerate_paths(program, params.detach())
    torch.testing.assert_close(paths.mean(), mean.detach(), rtol=0, atol=1e-12)
    (slope,) = torch.autograd.grad(mean, params)
    torch.testing.assert_close(paths.gradient(), slope, rtol=0, atol=1e-12)


def test_estimators_run_on_code_with_control_flow() -> None:
    program = read(episode, WEIGHTS)
    rows = LeaveOneOut()(program, WEIGHTS.detach(), 400, torch.Generator().manual_seed(0))
    exact = enumerate_paths(program, WEIGHTS.detach()).gradient()
    assert bool(((rows.mean(0) - exact).abs() < 5 * rows.std(0) / 20).all())


def test_what_cannot_be_seen_is_named_with_its_place() -> None:
    with pytest.raises(UnseenRandomnessError, match=r"test_intercepted_program.py, line \d+: torch's randperm"):
        read(lambda: torch.randperm(3)[0] * ONE.sum(), ONE)
    with pytest.raises(UnseenRandomnessError, match=r"line \d+: Dirichlet draws"):
        read(lambda: laws.Dirichlet(torch.ones(2)).sample()[0] * ONE.sum(), ONE)
    with pytest.raises(UnseenRandomnessError, match="without replacement"):
        read(lambda: torch.multinomial(PROBS, 2).sum() * ONE.sum(), ONE)


def test_buffers_are_put_back() -> None:
    norm = torch.nn.BatchNorm1d(1).double()
    before = norm.running_mean.clone()  # type: ignore[union-attr]
    program = InterceptedProgram.of(
        lambda: norm(torch.bernoulli(torch.sigmoid(ONE)).expand(4, 1) + torch.arange(4.0)[:, None]).sum(), read_parameters(norm)
    )
    program(program.parameters.flatten().expand(5, -1), lambda law: torch.ones(law.batch_shape, dtype=torch.float64))
    assert norm.running_mean is not None
    assert torch.equal(norm.running_mean, before)
