"""Small programs whose exact gradient is known by enumeration, chosen so that they expose what symmetric ones hide.

Logits of both signs, one beyond two; interactions and third-order terms; a mean far from zero.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor
from torch.distributions import Bernoulli, Binomial, Categorical, Distribution, OneHotCategorical

from gradverify.estimators import Estimator, MarkovProgram, NotApplicableError, Program, Sample
from gradverify.estimators.enumeration import enumerate_paths
from gradverify.estimators.k_subset import KSubset
from gradverify.estimators.protocol import describe
from gradverify.estimators.sites.reading import site_of

__all__ = [
    "CASES",
    "Case",
    "applies",
    "chain_of_indices",
    "chain_of_one_hots",
    "coin",
    "one_step",
    "outcome_table",
    "polynomial_bits",
    "polynomial_index",
    "random_walk",
    "refuses",
    "single_index",
    "single_one_hot",
    "supports",
]


@dataclass(frozen=True, eq=False)
class Case:
    """A program at one parameter, and what an estimator must support to run it.

    Attributes:
        name: For the tests' names.
        program: The program.
        params: Its parameters.
        sites: The types of its sites.
        differentiable: The objective can be differentiated with respect to the samples.
        chained: The probabilities of a site depend on earlier outcomes.
    """

    name: str
    program: Program
    params: tuple[float, ...] | float
    sites: tuple[type[Distribution], ...]
    differentiable: bool = True
    chained: bool = True

    def point(self, dtype: torch.dtype = torch.float64, device: str = "cpu") -> Tensor:
        return torch.tensor(self.params, dtype=dtype, device=device)

    def exact(self) -> Tensor:
        return enumerate_paths(self.program, self.point()).gradient()


@cache
def supports(estimator: Estimator, case: Case) -> bool:
    described = describe(estimator)
    runs = described.claims.bias != "no-gradient" and (case.differentiable or not described.needs_differentiable)
    return runs and all(each in described.sites for each in case.sites)


@cache
def applies(estimator: Estimator, case: Case) -> bool:
    """Return True if an estimator supports a case's sites and does not refuse its structure either.

    Refusals go by the kind of program, which `check_refusals` holds them to, so one run of each kind tells. This is asked
    while tests are collected, and once in every process.
    """
    return supports(estimator, case) and not refuses(estimator, _simplest(estimator, case))


def _simplest(estimator: Estimator, case: Case) -> Case:
    """Return the supported case of the same kind that has the fewest parameters and sites."""
    kind = case.chained, isinstance(case.program, MarkovProgram)
    alike = [each for each in CASES if (each.chained, isinstance(each.program, MarkovProgram)) == kind]
    return next((each for each in alike if supports(estimator, each)), case)


@cache
def refuses(estimator: Estimator, case: Case) -> bool:
    """Return True if an estimator that supports a case's sites refuses its structure."""
    try:
        estimator(case.program, case.point(), 2, torch.Generator().manual_seed(0))
    except NotApplicableError:
        return True
    except Exception:  # An error of its own is for the laws to show, not a reason to leave it out.
        return False
    return False


def coin(objective: Callable[[Tensor], Tensor]) -> Program:
    """One bit of probability `params`: with p known, every estimator's mean is a sum of two terms."""
    return lambda params, sample: objective(sample(Bernoulli(params)))


def one_step(site: Callable[[Tensor], Distribution], score: Callable[[Tensor], Tensor]) -> MarkovProgram:
    """One site, scored: also for estimators that run Markov programs alone."""
    return MarkovProgram(
        num_steps=1,
        initial=lambda params: torch.zeros(len(params), dtype=params.dtype, device=params.device),
        site=lambda params, state, k: site(params),
        step=lambda state, value, k: score(value),
        objective=lambda state: state,
    )


def polynomial_bits(degree: int) -> Program:
    """Degree at most `degree` in each of three bits, with all their interactions."""

    def program(params: Tensor, sample: Sample) -> Tensor:
        first, second, third = sample(Bernoulli(logits=params)).unbind(-1)
        bends = (first + 0.5) ** degree * (second - 2) ** degree
        return 2 + bends + 0.5 * bends * (third + 1) ** degree - third**degree

    return program


def polynomial_index(degree: int) -> Program:
    """Degree `degree` in the index of one categorical of four."""
    return lambda params, sample: 2 + (sample(Categorical(logits=params)) - 0.7) ** degree


def random_walk(num_steps: int) -> MarkovProgram:
    """X up with probability exp(-X / p), else down; objective X_n^2; p is the parameter.

    From 0 it moves up for certain; the clip is for the paths below, which enumeration asks about and nobody takes.
    """
    return MarkovProgram(
        num_steps=num_steps,
        initial=torch.zeros_like,
        site=lambda params, state, k: Bernoulli(torch.exp(-state / params).clamp(max=1)),
        step=lambda state, value, k: state + 2 * value - 1,
        objective=torch.square,
    )


def single_one_hot(params: Tensor, sample: Sample) -> Tensor:
    """One site of three categories, scored by arithmetic on its one-hot vector."""
    return 2 + (sample(OneHotCategorical(logits=params)) @ _chain_tables(params)[1]) ** 3


def single_index(params: Tensor, sample: Sample) -> Tensor:
    """`single_one_hot`, scored by looking the index up."""
    return 2 + _chain_tables(params)[1][sample(Categorical(logits=params)).long()] ** 3


def chain_of_one_hots(params: Tensor, sample: Sample) -> Tensor:
    """A Markov chain of three steps on three categories, scored by arithmetic on one-hot vectors."""
    move, values = _chain_tables(params)
    state = sample(OneHotCategorical(logits=params))
    score = state @ values
    total = 3 + score
    for _ in range(2):
        state = sample(OneHotCategorical(logits=params + state @ move))
        total = total + score * (state @ values)
        score = score + state @ values
    return total + 0.2 * score**3


def chain_of_indices(params: Tensor, sample: Sample) -> Tensor:
    """`chain_of_one_hots`, scored by looking the index up."""
    move, values = _chain_tables(params)
    state = sample(Categorical(logits=params)).long()
    score = values[state]
    total = 3 + score
    for _ in range(2):
        state = sample(Categorical(logits=params + move[state])).long()
        total = total + score * values[state]
        score = score + values[state]
    return total + 0.2 * score**3


def _chain_tables(params: Tensor) -> tuple[Tensor, Tensor]:
    move = torch.tensor([[0.5, -1.0, 0.3], [-0.7, 0.2, 1.1], [0.4, 0.9, -0.6]], dtype=params.dtype, device=params.device)
    return move, torch.tensor([1.0, -0.5, 2.0], dtype=params.dtype, device=params.device)


def _bits(params: Tensor, sample: Sample) -> Tensor:
    first, second, third = sample(Bernoulli(logits=params)).unbind(-1)
    return 3 + 2 * first * second - 1.5 * second * third + (first + 0.3 * second + 0.5 * third) ** 3


def _index(params: Tensor, sample: Sample) -> Tensor:
    index = sample(Categorical(logits=params))
    return 2 + 0.5 * index**3 - torch.exp(index)


def _count(params: Tensor, sample: Sample) -> Tensor:
    first, second = sample(Binomial(2, logits=params)).unbind(-1)
    return 3 + (first + 0.5) ** 3 - 2 * first * second**2 + params[:, 0] * second


def _scalar(params: Tensor, sample: Sample) -> Tensor:
    state = torch.zeros_like(params)
    for _ in range(4):
        state = state + sample(Bernoulli(torch.exp(-(state + 0.5) / params)))
    return (state + 1) ** 2


def _direct(params: Tensor, sample: Sample) -> Tensor:
    bits = sample(Bernoulli(logits=params))
    return 2 + ((params + 1.5) * (bits + 0.5)).sum(-1) ** 2 + params.prod(-1) * bits.prod(-1)


def _batch(params: Tensor, sample: Sample) -> Tensor:
    shift = torch.tensor([[0.0, 0.3, -0.4], [0.8, -0.2, 0.1]], dtype=params.dtype, device=params.device)
    pair = sample(Categorical(logits=params.unsqueeze(1) + shift))
    grid = torch.stack((pair, pair.flip(-1) - 1), -1) * params[:, :1, None] - 0.5
    bits = sample(Bernoulli(logits=grid))
    return 1 + (bits.sum((1, 2)) + 0.5 * pair.prod(-1)) ** 2


def _subset(params: Tensor, sample: Sample) -> Tensor:
    items = sample(KSubset(params, 2))
    weight = torch.tensor([1.0, -0.6, 0.4, 0.9], dtype=params.dtype, device=params.device)
    return 2 + (items @ weight + 0.5) ** 3 + 2 * items[:, 0] * items[:, 3] + params[:, 1] * items[:, 2]


def _noisy_start(params: Tensor) -> Tensor:
    return 0.5 * params[:, 1]


def _spreading(params: Tensor, state: Tensor, k: int) -> Distribution:
    return Categorical(logits=torch.stack((params[:, 0] * state, params[:, 1] - 0.1 * state, 0.3 * params.sum(-1)), -1))


CASES = (
    Case("bits", _bits, (0.4, -0.8, 2.2), (Bernoulli,), chained=False),
    Case("index", _index, (0.5, -1.0, 0.3, -2.1), (Categorical,), chained=False),
    Case("count", _count, (0.6, -1.4), (Binomial,), chained=False),
    Case("one-hot chain", chain_of_one_hots, (0.3, -0.4, 0.6), (OneHotCategorical,)),
    Case("index chain", chain_of_indices, (0.3, -0.4, 0.6), (Categorical,), differentiable=False),
    Case("subset", _subset, (0.5, -1.2, 0.3, -2.1), (KSubset,), chained=False),
    Case("scalar", _scalar, 2.5, (Bernoulli,)),
    Case("direct dependence", _direct, (0.7, -2.2), (Bernoulli,), chained=False),
    Case("batch", _batch, (0.6, -0.5, 0.2), (Categorical, Bernoulli)),
    Case("walk", random_walk(4), 3.0, (Bernoulli,)),
    Case(
        "vector walk",
        MarkovProgram(
            num_steps=3,
            initial=_noisy_start,
            site=_spreading,
            step=lambda state, value, k: state + value - 0.5,
            objective=lambda state: (state + 1) ** 2,
        ),
        (0.4, -0.7),
        (Categorical,),
    ),
)
"""The programs on which the shared laws run."""


def outcome_table(estimator: Estimator, program: Program, params: Tensor, *, num_samples: int = 4000) -> Tensor:
    """The exact mean of an estimator whose row is a function of the outcomes that the program was handed.

    The row of every possible path is read from a run that is long enough to meet them all; the paths' exact probabilities
    do the rest. Rows that differ on one path are an error.
    """
    paths = enumerate_paths(program, params)
    seen: list[Tensor] = []

    def watched(rows: Tensor, sample: Sample) -> Tensor:
        values: list[Tensor] = []

        def watching(distribution: Distribution) -> Tensor:
            value = sample(distribution)
            values.append(site_of(distribution).nearest(value.detach()).reshape(len(rows), -1).long())
            return value

        objective = program(rows, watching)
        seen.append(torch.cat(values, 1))
        return objective

    rows = estimator(watched, params, num_samples, torch.Generator().manual_seed(0))
    mean = torch.zeros_like(params)
    for weight, outcome in zip(paths.weight, paths.outcomes, strict=True):
        here = rows[(seen[0] == outcome).all(1)]
        assert len(here) > 0, f"no row took the path {outcome.tolist()}"
        torch.testing.assert_close(here, here[:1].expand_as(here), rtol=1e-9, atol=1e-9)
        mean += weight * here[0]
    return mean
