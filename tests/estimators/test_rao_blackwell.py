"""Sum-and-sample, local expectation gradients and bitflip-1: their exact means and variances, by exact mode."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.distributions import Bernoulli, Categorical, Distribution

from gradverify.estimators import Estimator, LeaveOneOut, NotApplicableError, Program, Sample, ScoreFunction, rao_blackwell
from gradverify.estimators.enumeration import enumerate_paths
from gradverify.estimators.rao_blackwell import BitFlip, LocalExpectation, SumAndSample
from gradverify.estimators.runs import tape
from gradverify.estimators.runs.exact import exact_moments
from gradverify.verification.problems.toys import THREE_BITS, bits_near

from .programs import CASES

MIXED = torch.tensor([0.3, -1.5, 1.2], dtype=torch.float64)


def mixed_sites(params: Tensor, sample: Sample) -> Tensor:
    index = sample(Categorical(logits=params))
    bits = sample(Bernoulli(logits=params[:, :2]))
    return 3 + index * bits[:, 0] * bits[:, 1] + (index + bits[:, 0] - 2 * bits[:, 1]) ** 3 + params[:, 0] * index


def bit_sites(params: Tensor, sample: Sample) -> Tensor:
    """Three sites, one of two bits, one that does not depend on the parameters, one chained to the others."""
    pair = sample(Bernoulli(logits=params[:, :2]))
    coin = sample(Bernoulli(torch.full_like(params[:, 0], 0.3)))
    last = sample(Bernoulli(logits=params[:, 2] - 2 * pair[:, 0] + coin))
    return 2 + (pair[:, 0] - 1.5 * pair[:, 1] * last + coin * last + 0.5) ** 3 + params[:, 1] * last


def assert_unbiased(estimator: Estimator, program: Program, params: Tensor) -> None:
    mean, _ = exact_moments(estimator, program, params)
    torch.testing.assert_close(mean, enumerate_paths(program, params).gradient(), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("baseline", ["none", "shared", "separate"])
@pytest.mark.parametrize("top", [0, 1, 2])
def test_sum_and_sample_is_unbiased(top: int, baseline: str) -> None:
    assert_unbiased(SumAndSample(top, baseline), mixed_sites, MIXED)


@pytest.mark.parametrize("top", [12, 50])
def test_sum_and_sample_of_everything_is_exact(top: int) -> None:
    mean, variance = exact_moments(SumAndSample(top, "shared"), mixed_sites, MIXED)
    torch.testing.assert_close(mean, enumerate_paths(mixed_sites, MIXED).gradient())
    assert (variance < 1e-20).all()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_local_expectation_is_unbiased(case: object) -> None:
    assert_unbiased(LocalExpectation(), case.program, case.point())  # type: ignore[attr-defined]


def test_bit_flip_is_unbiased() -> None:
    assert_unbiased(BitFlip(), bit_sites, MIXED)
    for case in CASES:
        if case.sites == (Bernoulli,):
            assert_unbiased(BitFlip(), case.program, case.point())


@pytest.mark.parametrize("estimator", [LocalExpectation(), BitFlip()])
@pytest.mark.parametrize("p", [0.0, 1.0])
def test_certain_bits_keep_their_derivative(estimator: Estimator, p: float) -> None:
    mean, variance = exact_moments(estimator, lambda rows, sample: (sample(Bernoulli(rows)) + 1) ** 3, torch.tensor(p).double())
    assert (mean, variance) == (7, 0)


def test_impossible_outcomes_are_not_asked_for() -> None:
    """A third category that cannot come, where the objective has no value."""

    def program(params: Tensor, sample: Sample) -> Tensor:
        index = sample(Categorical(probs=torch.stack((params, 1 - params, 0 * params), -1)))
        return torch.where(index == 2, torch.nan, (index + 1) ** 3)

    mean, _ = exact_moments(LocalExpectation(), program, torch.tensor(0.3, dtype=torch.float64))
    torch.testing.assert_close(mean, torch.tensor(-7.0, dtype=torch.float64))


@pytest.mark.parametrize(
    ("estimator", "at_zero", "at_minus_four"),
    [
        (ScoreFunction(), 0.43842, 3.356e-2),
        (LeaveOneOut(2), 7.275e-3, 3.810e-4),
        (LeaveOneOut(3), 3.200e-3, 2.458e-4),
        (SumAndSample(0, "separate"), 1.2525e-2, 7.52e-4),
        (SumAndSample(1, "separate"), None, 3.313e-5),
        (SumAndSample(4, "separate"), None, 2.58e-6),
    ],
)
def test_toy_variances(estimator: Estimator, at_zero: float | None, at_minus_four: float) -> None:
    """Published to three or four digits; where equally probable outcomes compete for the top k there is no one number."""
    for logit, expected, gradient in ((0.0, at_zero, -0.045), (-4.0, at_minus_four, -0.00317929)):
        mean, variance = exact_moments(estimator, bits_near(THREE_BITS), torch.tensor(logit, dtype=torch.float64))
        assert mean.item() == pytest.approx(gradient, rel=1e-5)
        assert expected is None or variance.item() == pytest.approx(expected, rel=2e-3)


def test_the_toy_has_no_interaction_so_local_expectations_do_not_vary() -> None:
    _, variance = exact_moments(LocalExpectation(), bits_near(THREE_BITS), torch.tensor(-0.7, dtype=torch.float64))
    assert variance < 1e-30


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("estimator", [SumAndSample(2, "shared"), LocalExpectation(), BitFlip()])
def test_extreme_logits_give_finite_rows(estimator: Estimator, dtype: torch.dtype) -> None:
    params = torch.tensor([30.0, -30.0, 0.1, 200.0, -200.0], dtype=dtype)
    rows = estimator(
        lambda rows, sample: (sample(Bernoulli(logits=rows)).sum(1) + 1) ** 3, params, 500, torch.Generator().manual_seed(1)
    )
    assert rows.isfinite().all()
    assert rows.dtype == dtype


def test_a_program_without_free_bits_has_its_own_derivative_only() -> None:
    rows = BitFlip()(
        lambda rows, sample: rows * sample(Bernoulli(0.5 + 0 * rows.detach())), torch.tensor(2.0), 50, torch.Generator()
    )
    assert set(rows.tolist()) == {0.0, 1.0}


def test_what_does_not_fit_is_refused_by_name() -> None:
    with pytest.raises(NotApplicableError, match="top=-1"):
        SumAndSample(-1)
    with pytest.raises(NotApplicableError, match="baseline='mean'; expected one of none, shared, separate"):
        SumAndSample(1, "mean")
    with pytest.raises(NotApplicableError, match="bitflip-1: a site has 3 categories"):
        BitFlip()(mixed_sites, MIXED, 2, torch.Generator())
    with pytest.raises(NotApplicableError, match="sum-and-sample: the sites have 12 joint outcomes"):
        SumAndSample(max_outcomes=4)(mixed_sites, MIXED, 2, torch.Generator())


# Planted bugs.


def from_everything(weights: Tensor, generator: torch.Generator) -> Tensor:
    """The remainder drawn from all outcomes."""
    return tape.choose(torch.ones_like(weights), generator)


def lopsided(weights: Tensor, generator: torch.Generator) -> Tensor:
    """Bits not chosen alike."""
    return tape.choose(weights * torch.arange(1.0, weights.shape[1] + 1), generator)


def frozen(
    recorded: tape.Tape, number: Tensor, position: Tensor, alternative: Tensor, generator: torch.Generator
) -> Callable[[Distribution], Tensor]:
    """Later sites that keep their outcomes although their probabilities changed."""
    elsewhere = tape.Tape([tape.Draw(each.site.detach(), each.index) for each in recorded.draws])
    replay = tape.replaying(elsewhere, number, position, alternative, generator)
    count = iter(range(len(recorded.draws)))

    def sample(distribution: Distribution) -> Tensor:
        each = recorded.draws[next(count)]
        kind = type(distribution)
        return replay(kind(each.site.probs))

    return sample


@pytest.mark.parametrize(
    ("name", "planted", "estimator"),
    [
        ("choose", from_everything, SumAndSample(2)),
        ("choose", lopsided, BitFlip()),
        ("replaying", frozen, LocalExpectation()),
        ("replaying", frozen, BitFlip()),
    ],
)
def test_planted_bugs_are_found(
    name: str, planted: Callable[..., object], estimator: Estimator, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = mixed_sites if isinstance(estimator, SumAndSample) else bit_sites
    monkeypatch.setattr(rao_blackwell, name, planted)
    mean, _ = exact_moments(estimator, program, MIXED)
    assert (mean - enumerate_paths(program, MIXED).gradient()).abs().max() > 0.01
