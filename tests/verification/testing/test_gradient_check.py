"""``check_gradient``: sound training code passes, each wrong twin is named by tensor and kind."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.distributions import Bernoulli, Categorical, Normal
from torch.nn import functional

from gradverify.verification import GradientError, GradientUndecided, check_gradient

WEIGHTS = torch.zeros(3, 2, dtype=torch.float64, requires_grad=True)


def act(*, scored: bool = False, last_alone: bool = False) -> Tensor:
    """Walk right until action 1 stops the walk; stopping at t earns 1 + t, not stopping earns 5."""
    score, reward = torch.zeros(()).double(), 5.0
    for step in range(2):
        law = Categorical(logits=WEIGHTS[step])
        action = law.sample()
        score = law.log_prob(action) + (0 if last_alone else score)
        if action.item() == 1:
            reward = 1.0 + step
            break
    return -score * reward if scored else torch.tensor(reward)


def test_a_rollout_that_scores_its_last_action_alone_is_named() -> None:
    with pytest.raises(GradientError, match=r"policy: bias.*worst: policy\[") as raised:
        check_gradient(
            lambda: act(scored=True, last_alone=True),
            {"policy": WEIGHTS},
            objective=act,
            maximize_objective=True,
            tolerance=0.5,
        )
    assert not isinstance(raised.value, GradientUndecided)
    assert raised.value.record.cells


def test_a_loss_that_descends_a_reward_is_reversed() -> None:
    logit = torch.tensor(0.3, dtype=torch.float64, requires_grad=True)

    def loss() -> Tensor:
        law = Bernoulli(logits=logit)
        action = law.sample()
        return law.log_prob(action) * (action + 1)

    reward = lambda: Bernoulli(logits=logit).sample() + 1  # noqa: E731
    check_gradient(loss, logit, objective=reward, tolerance=0.5)
    with pytest.raises(GradientError, match="parameter: biased: reversed"):
        check_gradient(loss, logit, objective=reward, maximize_objective=True)


class Autoencoder(torch.nn.Module):
    """A discrete autoencoder whose code is relaxed: the decoder's gradient is right, and the encoder's is not."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = torch.nn.Parameter(torch.tensor([0.0, 1.0, -1.0], dtype=torch.float64))
        self.decoder = torch.nn.Parameter(torch.tensor([1.0, -2.0, 3.0], dtype=torch.float64))

    def forward(self) -> Tensor:
        code = functional.gumbel_softmax(self.encoder, tau=1.0, hard=True)
        return (code @ self.decoder - 1.5) ** 2


def test_the_tensor_whose_gradient_is_wrong_is_named() -> None:
    model = Autoencoder()
    with pytest.raises(GradientError) as raised:
        check_gradient(model, model, tolerance=0.2)
    line, hint = str(raised.value).splitlines()
    assert line.startswith("encoder: biased")
    assert "give objective=" in hint
    outcomes = {cell.estimator: cell.find("bias") for cell in raised.value.record.cells if cell.estimator != "references"}
    assert {name: bias.outcome for name, bias in outcomes.items() if bias} == {
        "Autoencoder[encoder]": "biased",
        "Autoencoder[decoder]": "unbiased",
    }


def test_a_reparametrised_loss_passes_and_its_detached_twin_does_not() -> None:
    mean = torch.tensor([0.3], dtype=torch.float64, requires_grad=True)
    check_gradient(lambda: (Normal(mean, 1.0).rsample() - 1).square().sum(), [mean], tolerance=0.5)
    with pytest.raises(GradientError, match="the loss has no gradient in any of the parameters"):
        check_gradient(lambda: (Normal(mean, 1.0).sample() - 1).square().sum(), [mean], tolerance=0.5)


def test_a_comparison_that_hides_a_law_is_not_passed() -> None:
    logit = torch.tensor([0.3], dtype=torch.float64, requires_grad=True)
    with pytest.raises(GradientUndecided, match="the references do not agree"):
        check_gradient(lambda: (torch.rand(1) < torch.sigmoid(logit)).double().sum() * (logit.sum() + 2), [logit])


def test_too_little_time_is_undecided() -> None:
    model = Autoencoder()
    with pytest.raises(GradientUndecided, match="encoder: not reached"):
        check_gradient(model, model, budget=1e-6)
