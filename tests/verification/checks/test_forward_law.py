"""The forward check: samples of a wrong law are found, runs that share noise are none, and other programs refute nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pytest
import torch
from torch import Tensor
from torch.distributions import Bernoulli, Categorical, Distribution

from gradverify.estimators import ARS, ARSM, Estimator, Program, Sample
from gradverify.verification.checks.forward_law import ForwardLaw, check_forward_law

ALPHA = 1e-6
"""False-alarm rate of one check."""

OWN = "in a program of the check's own (a Bernoulli site with certain and impossible outcomes)"


def one_bit(params: Tensor, sample: Sample) -> Tensor:
    return sample(Bernoulli(params))


@dataclass(frozen=True)
class Drawing:
    """Draws a share of the ones that it should, or more of them, on sites of some sizes alone; it estimates nothing.

    Attributes:
        share: A factor on probabilities.
        sizes: Elements a row of the sites that it is wrong on.
        offset: Added to every value there.
    """

    share: float = 1.0
    sizes: tuple[int, ...] = ()
    offset: float = 0.0

    sites: ClassVar[tuple[type[Distribution], ...]] = (Bernoulli,)

    def __call__(self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
        def sample(distribution: Distribution) -> Tensor:
            assert isinstance(distribution, Bernoulli)
            p = distribution.probs
            wrong = p.numel() // num_samples in self.sizes
            drawn = torch.bernoulli(p * self.share if wrong else p, generator=generator)
            return drawn + self.offset if wrong else drawn

        return program(params.expand(num_samples, *params.shape), sample)


def checked(estimator: Drawing) -> ForwardLaw:
    seeded = lambda number: torch.Generator().manual_seed(number)  # noqa: E731
    return check_forward_law(estimator, one_bit, torch.tensor(0.7), frozenset({Bernoulli}), seeded, ALPHA)


def test_samples_of_the_right_law_pass() -> None:
    found = checked(Drawing())
    assert (found.outcome, found.note, found.num_samples) == ("pass", "", 4096)


@pytest.mark.parametrize(
    ("planted", "note"),
    [
        (Drawing(share=0.5, sizes=(1,)), "site 0, element 0, category 0: drawn 0."),
        (Drawing(share=0.5, sizes=(1, 5)), "site 0, element 0, category 0: drawn 0."),
        (Drawing(offset=0.5, sizes=(1,)), "site 0: values outside the support, such as "),
    ],
)
def test_a_wrong_law_is_found(planted: Drawing, note: str) -> None:
    found = checked(planted)
    assert found.outcome == "failed"
    assert found.note.startswith(note)


@pytest.mark.parametrize(
    ("planted", "note"),
    [
        (Drawing(share=0.5, sizes=(5,)), f"{OWN}, which decides nothing, site 0, element 1, category 0: drawn 0."),
        (Drawing(offset=0.5, sizes=(5,)), f"{OWN}, which decides nothing, site 0: values outside the support, such as "),
        (Drawing(share=2.0, sizes=(5,)), f"not tried {OWN}, where it could not run: RuntimeError: "),
    ],
)
def test_a_program_of_the_checks_own_refutes_nothing(planted: Drawing, note: str) -> None:
    """An estimator may know its own program alone; the note says what it did in another one, or that it could not run there."""
    found = checked(planted)
    assert found.outcome == "pass"
    assert found.note.startswith(note)


def ten_letters(params: Tensor, sample: Sample) -> Tensor:
    return sample(Categorical(logits=params)).to(params)


def law_at(seed: int, estimator: Estimator, program: Program, params: Tensor, alpha: float = ALPHA) -> ForwardLaw:
    kinds: frozenset[type[Distribution]] = frozenset({Categorical if program is ten_letters else Bernoulli})
    seeded = lambda number: torch.Generator().manual_seed(1000 * seed + number)  # noqa: E731
    return check_forward_law(estimator, program, params, kinds, seeded, alpha)


@pytest.mark.parametrize(("estimator", "categories"), [(ARSM(), 10), (ARS(), 50)])
@pytest.mark.parametrize("seed", range(3))
def test_runs_that_share_noise_within_a_replicate_pass(estimator: Estimator, categories: int, seed: int) -> None:
    """Their 46 and 50 runs a replicate, taken for independent, gave bounds of e^-38 and less at each of 12 seeds."""
    params = torch.linspace(-1.0, 1.0, categories, dtype=torch.float64)
    found = law_at(seed, estimator, ten_letters, params)
    assert found.outcome == "pass"
    assert found.num_samples > 3000


@dataclass(frozen=True)
class Sharing:
    """Runs that share one uniform a replicate, in a batch of ``[outer, replicates, inner]`` runs; it estimates nothing.

    Attributes:
        outer: The runs of a replicate that lie apart.
        inner: The runs of a replicate that lie side by side.
        share: A factor on the probabilities of the last run alone.
        step: The distance of each run's parameters from those of the run before it; the first run is at the point.
    """

    outer: int
    inner: int
    share: float = 1.0
    step: float = 0.0

    def __call__(self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
        shape = (self.outer, num_samples, self.inner)
        number = torch.arange(self.outer * self.inner).reshape(self.outer, 1, self.inner).expand(shape).reshape(-1)
        shared = torch.rand(num_samples, 1, generator=generator).expand(shape).reshape(-1)
        last = number == self.outer * self.inner - 1

        def sample(distribution: Distribution) -> Tensor:
            assert isinstance(distribution, Bernoulli)
            factor = torch.where(last, self.share, 1.0).to(params).reshape(-1, *(1 for _ in distribution.batch_shape[1:]))
            uniforms = shared.reshape(factor.shape)
            return (uniforms < distribution.probs * factor).to(params)

        program(params + self.step * number.to(params), sample)
        return params.new_zeros(num_samples)


@pytest.mark.parametrize(("outer", "inner"), [(1, 1), (12, 1), (1, 12), (3, 4)])
def test_false_alarms_of_shared_noise_stay_within_their_rate(outer: int, inner: int) -> None:
    """At .1 a check, 40 checks give 10 alarms or more with a probability of .005 at most; the bound makes them far rarer.

    The sum of runs taken for independent would have twelve times its variance, and raise an alarm in 17 checks on average.
    """
    seeds = range(40)
    failed = [law_at(seed, Sharing(outer, inner), one_bit, torch.tensor(0.7), 0.1).outcome == "failed" for seed in seeds]
    assert sum(failed) < 10


@pytest.mark.parametrize(("outer", "inner"), [(1, 1), (6, 1), (1, 6), (2, 3)])
def test_a_wrong_law_of_one_run_in_six_is_found(outer: int, inner: int) -> None:
    """The last run never draws a one, so .7 becomes .583; over some 3,700 rows .063 is found with a probability of .99."""
    planted = Sharing(outer, inner, share=0.0)
    assert all(law_at(seed, planted, one_bit, torch.tensor(0.7)).outcome == "failed" for seed in range(5))


def test_only_runs_at_the_point_are_compared() -> None:
    """Differences with common random numbers have runs beside the point, and some none at it."""
    at_point = law_at(0, Sharing(1, 2, share=0.0, step=0.1), one_bit, torch.tensor(0.5))
    assert (at_point.outcome, at_point.note) == ("pass", "")
    assert 2000 < at_point.num_samples < 4096

    def two_sided(program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
        uniforms = torch.rand(num_samples, generator=generator).repeat_interleave(2)
        sides = torch.tensor([0.1, -0.1]).repeat(num_samples)
        program(params + sides, lambda law: (uniforms < law.probs).to(params))  # type: ignore[attr-defined]
        return params.new_zeros(num_samples)

    nowhere = law_at(0, two_sided, one_bit, torch.tensor(0.5))
    assert (nowhere.outcome, nowhere.num_samples) == ("not-tested", 0)
    assert nowhere.note == "none of its runs is at the parameters, so no values could be compared"


def test_a_batch_that_no_number_of_runs_divides_is_not_compared() -> None:
    def uneven(program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
        rows = params.expand(num_samples + 1)
        program(rows, lambda law: torch.bernoulli(law.probs * 0, generator=generator))  # type: ignore[attr-defined]
        return params.new_zeros(num_samples)

    found = law_at(0, uneven, one_bit, torch.tensor(0.5))
    assert (found.outcome, found.note) == (
        "not-tested", "its runs cannot be assigned to its replicates, so no values could be compared"
    )  # fmt: skip


def test_an_estimator_that_knows_its_own_program_alone_is_not_refuted() -> None:
    """It takes two parameters and one bit a site; elsewhere it raises an exception, and the note says so."""

    def two_bits(params: Tensor, sample: Sample) -> Tensor:
        return (sample(Bernoulli(torch.sigmoid(params[:, 0]))) + 2 * sample(Bernoulli(torch.sigmoid(params[:, 1])))) ** 2

    def score(program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
        leaf = params.detach().expand(num_samples, 2).clone().requires_grad_()
        scores: list[Tensor] = []

        def sample(law: Distribution) -> Tensor:
            drawn = torch.bernoulli(law.probs.detach(), generator=generator)  # type: ignore[attr-defined]
            scores.append(law.log_prob(drawn))
            return drawn

        objective = program(leaf, sample)
        return torch.autograd.grad((torch.stack(scores).sum(0) * objective.detach()).sum(), leaf)[0]

    found = law_at(0, score, two_bits, torch.tensor([0.3, -0.2]))
    assert found.outcome == "pass"
    assert found.note.startswith(f"not tried {OWN}, where it could not run: ")


def test_an_estimator_that_ignores_the_laws_it_is_handed_is_not_refuted() -> None:
    """Its values have the shape of its own program wherever it runs, so that those of another program cannot be compared."""

    def ignoring(program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
        p = torch.sigmoid(params).expand(num_samples, 3)
        bits = torch.bernoulli(p, generator=generator)
        return program(params.expand(num_samples, 3), lambda law: bits).unsqueeze(-1) * (bits - p)

    def three_bits(params: Tensor, sample: Sample) -> Tensor:
        return sample(Bernoulli(torch.sigmoid(params))).sum(-1)

    found = law_at(0, ignoring, three_bits, torch.zeros(3))
    assert found.outcome == "pass"
    assert found.note.startswith(f"not tried {OWN}, where it could not run: ")
