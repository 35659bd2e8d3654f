"""Implicit maximum likelihood against its closed forms."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.distributions import Bernoulli

from gradverify.estimators import NotApplicableError, implicit_mle
from gradverify.estimators.implicit_mle import AdaptiveImplicitMLE, ImplicitMLE

from .polynomial_programs import (
    BITS,
    LOGITS_2,
    LOGITS_4,
    agrees,
    average,
    bit_logits,
    bit_program,
    check_extremes,
    cubic,
    index_program,
    multilinear,
    one_hot_program,
    outcomes,
    power_of,
    replicates,
    slopes,
    true_gradient,
    weights,
)


def difference(logits: Tensor, slope: Tensor, step: float, central: bool) -> Tensor:
    """``(softmax(theta [+ lambda g]) - softmax(theta - lambda g)) / (lambda [2 lambda])``."""
    ahead = (logits + step * slope).softmax(-1) if central else logits.softmax(-1).expand(slope.shape)
    return (ahead - (logits - step * slope).softmax(-1)) / (2 * step if central else step)


def mean_of_multilinear(logits: Tensor, step: float, central: bool) -> Tensor:
    """The slope at an element depends on the others alone, so its own draw integrates out in closed form."""
    points = outcomes(*logits.shape)
    return average(weights(logits, points), difference(logits, slopes(multilinear, points), step, central))


def moments_of_two(logits: Tensor, step: float, central: bool) -> tuple[Tensor, Tensor]:
    """Exact mean and variance of the second logit's entry for two categories and any objective.

    Given the winner, its lead is a logistic variable cut at zero; the loser wins once the move closes the lead.
    """
    points = outcomes(*logits.shape)
    slope = slopes(cubic, points)
    side = points[..., 1] - points[..., 0]
    gap = side * (logits[:, 1] - logits[:, 0])
    # How far the winner's lead shrinks when the logits move against the slope, and along it.
    against = step * side * (slope[..., 1] - slope[..., 0])

    def flips(closing: Tensor) -> Tensor:
        reached = closing.clamp(min=0)
        return (torch.sigmoid(reached - gap) - torch.sigmoid(-gap)) / torch.sigmoid(gap)

    size = 2 * step if central else step
    behind = flips(against)
    ahead = flips(-against) if central else torch.zeros_like(behind)
    weight = weights(logits, points).unsqueeze(-1)
    mean = (weight * side * (behind - ahead) / size).sum(0)
    return mean, (weight * (behind + ahead) / size**2).sum(0) - mean**2


@pytest.mark.parametrize("central", [False, True])
@pytest.mark.parametrize("step", [0.5, 2.0])
def test_closed_form_of_multilinear_objectives(step: float, central: bool) -> None:
    exact = mean_of_multilinear(LOGITS_4, step, central)
    rows = replicates(ImplicitMLE(step, central), one_hot_program(multilinear), LOGITS_4, 60_000)
    assert agrees(rows, exact)
    assert power_of(rows, 0.1 * exact) > 8
    if not central:
        assert power_of(rows, exact - true_gradient(multilinear, LOGITS_4)) > 8


@pytest.mark.parametrize("central", [False, True])
def test_mean_and_variance_for_two_categories(central: bool) -> None:
    """Cubic objectives: its own biased mean, and its variance to five standard errors."""
    for logits, program, params in ((LOGITS_2, one_hot_program(), LOGITS_2), (bit_logits(BITS), bit_program(), BITS)):
        mean, variance = moments_of_two(logits, 0.4, central)
        rows = replicates(ImplicitMLE(0.4, central), program, params, 60_000)
        rows = rows[..., 1] if rows.dim() == 3 else rows
        assert agrees(rows, mean)
        centred = (rows - rows.mean(0)).square()
        assert ((centred.mean(0) - variance).abs() < 5.1 * centred.std(0) / len(rows) ** 0.5).all()
        assert power_of(rows, mean - true_gradient(cubic, logits)[:, 1]) > 8


def test_bias_orders() -> None:
    """Halving the step halves the bias of the one-sided difference and quarters the central one's."""
    truth = true_gradient(multilinear, LOGITS_4)
    for central, ratio in ((False, 2.0), (True, 4.0)):
        bias = [(mean_of_multilinear(LOGITS_4, step, central) - truth).abs().max() for step in (2e-2, 1e-2)]
        assert abs(float(bias[0] / bias[1]) - ratio) < 0.05


def test_fit_meets_its_target() -> None:
    """The mean count of non-zero entries, at other rows, is the target; the one-sided fit needs another step."""
    for program, params in ((one_hot_program(), LOGITS_4), (index_program, LOGITS_4[0])):
        warm = AdaptiveImplicitMLE(target=1.0).fit(
            program, params, num_samples=4_000, generator=torch.Generator().manual_seed(1)
        )
        changed = warm._count_changes(program, params, 20_000, torch.Generator().manual_seed(2))
        # Entries change in pairs: a row's count has a standard deviation of at most sqrt(2 sites) 2.
        assert abs(changed - 1.0) < 5.5 * 3 * (20_000**-0.5 + 4_000**-0.5)
        rows = replicates(warm, program, params, 100)
        assert torch.equal(rows, replicates(warm, program, params, 100))
    assert AdaptiveImplicitMLE().central


def test_fit_without_a_slope_keeps_the_largest_step() -> None:
    def program(params: Tensor, sample: object) -> Tensor:
        return (sample(Bernoulli(logits=params)) > 0.5).to(params.dtype).sum(1)  # type: ignore[operator]

    warm = AdaptiveImplicitMLE().fit(program, BITS, num_samples=50, generator=torch.Generator().manual_seed(1))
    assert warm.step == pytest.approx(1e6)
    assert not replicates(warm, program, BITS, 10).any()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("central", [False, True])
def test_extreme_logits_and_certain_outcomes(dtype: torch.dtype, central: bool) -> None:
    check_extremes(ImplicitMLE(10.0, central), dtype)


def test_refuses_by_name() -> None:
    with pytest.raises(NotApplicableError, match="implicit MLE: step=0"):
        ImplicitMLE(0.0)
    with pytest.raises(NotApplicableError, match="adaptive implicit MLE: target=-1"):
        AdaptiveImplicitMLE(target=-1.0)


def test_planted_fresh_noise_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second maximiser with noise of its own: the mean of a multilinear objective survives, the variance does not."""
    monkeypatch.setattr(
        implicit_mle,
        "conditional_gumbels",
        lambda logits, drawn, generator: logits - torch.empty_like(logits).exponential_(generator=generator).log(),
    )
    _, variance = moments_of_two(LOGITS_2, 0.4, False)
    rows = replicates(ImplicitMLE(0.4), one_hot_program(), LOGITS_2, 60_000)[..., 1]
    centred = (rows - rows.mean(0)).square()
    assert ((centred.mean(0) - variance).abs() > 5.1 * centred.std(0) / len(rows) ** 0.5).any()


def test_planted_sign_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """The target moved up the slope."""
    plain = implicit_mle._maximiser

    def backward(ctx: object, gradient: Tensor) -> tuple[Tensor | None, ...]:
        drawn, perturbed = ctx.saved_tensors  # type: ignore[attr-defined]
        return (drawn - plain(perturbed + ctx.step * gradient)) / ctx.step, None, None, None, None  # type: ignore[attr-defined]

    monkeypatch.setattr(implicit_mle._Difference, "backward", staticmethod(backward))
    rows = replicates(ImplicitMLE(0.5), one_hot_program(multilinear), LOGITS_4, 60_000)
    assert not agrees(rows, mean_of_multilinear(LOGITS_4, 0.5, False))
