"""Training steps: what they refuse and name, and what they leave as it was."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.distributions import Bernoulli
from torch.nn import functional

from gradverify.verification import TrainingStep, verify
from gradverify.verification.training.step import MOST_DIFFERENCES, MOST_PARAMETERS

LOGIT = torch.tensor(0.3, dtype=torch.float64, requires_grad=True)
VALUES = torch.tensor([1.0, 2.0, 4.0], dtype=torch.float64)


def bit() -> Tensor:
    return torch.bernoulli(torch.sigmoid(LOGIT))


def scored() -> Tensor:
    law = Bernoulli(logits=LOGIT)
    action = law.sample()
    return law.log_prob(action) * (action - 0.4) ** 2


@pytest.mark.parametrize(
    ("loss", "words"),
    [
        (lambda: LOGIT**2, "drew nothing at random; use torch.autograd.gradcheck"),
        (scored, r"test_step.py, line \d+: the loss takes the log-probability of what it drew.*give objective="),
        (lambda: bit() * np.random.rand() * LOGIT, "NumPy's or Python's generator"),
        (lambda: bit() * random.random() * LOGIT, "NumPy's or Python's generator"),
    ],
)
def test_code_that_is_no_objective_is_refused_in_a_sentence(loss: Callable[[], Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        _ = TrainingStep(loss, LOGIT).problem


def test_a_loss_is_a_scalar() -> None:
    with pytest.raises(TypeError, match=r"a tensor of shape \(2,\); expected a scalar"):
        _ = TrainingStep(lambda: bit().expand(2) * LOGIT, LOGIT).problem
    for read in (lambda: (bit() * LOGIT, "metrics"), lambda: {"loss": bit() * LOGIT}):
        assert TrainingStep(read, LOGIT).problem.params.shape == (1,)


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ([], "no parameters that require a gradient"),
        ({"w": torch.zeros(2)}, "'w' is no floating leaf that requires a gradient"),
        ({"w": LOGIT * 2}, "'w' is no floating leaf"),
        ({"w": 3.0}, "'w' is a float"),
        (torch.zeros(MOST_PARAMETERS + 1, requires_grad=True), f"{MOST_PARAMETERS + 1} parameters"),
        ([LOGIT, torch.zeros(2, requires_grad=True)], "several types"),
    ],
)
def test_parameters_are_leaves(parameters: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        TrainingStep(bit, parameters)


def test_arguments_are_checked_when_a_step_is_made() -> None:
    with pytest.raises(ValueError, match="loss is a Tensor"):
        TrainingStep(bit(), LOGIT)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="maximize_objective was given without an objective"):
        TrainingStep(bit, LOGIT, maximize_objective=True)


def test_many_parameters_under_continuous_noise_are_refused() -> None:
    many = torch.zeros(MOST_DIFFERENCES + 1, dtype=torch.float64, requires_grad=True)
    with pytest.raises(ValueError, match="continuous noise"):
        _ = TrainingStep(lambda: (many + torch.randn(len(many))).square().sum(), many).problem


def test_a_step_that_trains_is_named() -> None:
    weight = torch.zeros(1, dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.SGD([weight], lr=0.1)

    def loss() -> Tensor:
        value = (torch.bernoulli(torch.sigmoid(weight)) * weight).sum()
        weight.grad = torch.ones_like(weight)
        optimiser.step()
        return value + weight.sum()

    step = TrainingStep(loss, weight)
    with pytest.raises(ValueError, match="leave the optimiser's step out"):
        step(None, torch.zeros(1, dtype=torch.float64), 2, torch.Generator())  # type: ignore[arg-type]


def test_nothing_is_left_behind() -> None:
    model = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3), torch.nn.Dropout(0.5)).double()
    inputs = torch.tensor([[1.0, 2.0], [0.5, -1.0], [2.0, 0.0]], dtype=torch.float64)
    step = TrainingStep(lambda: (functional.gumbel_softmax(model(inputs), hard=True) @ VALUES).sum(), model)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    state = torch.get_rng_state()
    methods = (Bernoulli.sample, torch.distributions.Normal.rsample, Bernoulli.log_prob)
    params = step.problem.params
    rows = step(step.problem.program, params, 3, torch.Generator().manual_seed(0))
    assert rows.shape == (3, len(params))
    assert bool((rows[0] != rows[1]).any())
    again = step(step.problem.program, params, 3, torch.Generator().manual_seed(0))
    assert torch.equal(rows, again)
    assert torch.equal(torch.get_rng_state(), state)
    assert methods == (Bernoulli.sample, torch.distributions.Normal.rsample, Bernoulli.log_prob)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert model.training
    assert all(parameter.grad is None for parameter in model.parameters())


def test_coordinates_have_the_names_of_the_tensors() -> None:
    model = torch.nn.Linear(2, 3)
    step = TrainingStep(lambda: torch.bernoulli(torch.sigmoid(model(torch.ones(2)))).sum() * model.bias.sum(), model)
    assert step.names == ("weight", "bias")
    assert [step.name_of(index) for index in (0, 5, 6)] == ["weight[0, 0]", "weight[2, 1]", "bias[0]"]
    assert [repr(part) for part in step.parts] == ["training_step/weight", "training_step/bias"]
    with pytest.raises(IndexError, match="coordinate 9"):
        step.name_of(9)
    with pytest.raises(KeyError):
        step["nothing"]


def test_the_gradient_is_drawn_at_the_point_that_is_asked_for() -> None:
    """``E b theta`` differentiates to ``b``: its mean is sigmoid(theta) at any point, from 2,000 rows within five errors."""
    step = TrainingStep(lambda: bit() * LOGIT, LOGIT)
    for point in (0.3, 1.5):
        rows = step(step.problem.program, torch.tensor([point], dtype=torch.float64), 2000, torch.Generator().manual_seed(1))
        mean = float(torch.sigmoid(torch.tensor(point)))
        assert abs(float(rows.mean()) - mean) < 5 * (mean * (1 - mean) / 2000) ** 0.5
    assert LOGIT.item() == 0.3


def test_a_step_is_judged_on_its_own_code_alone() -> None:
    step = TrainingStep(scored, LOGIT, objective=lambda: (bit() - 0.4) ** 2)
    with pytest.raises(ValueError, match="judged on its own code alone"):
        verify(step, "bits:3/cubic")


def test_two_steps_of_one_name_are_refused() -> None:
    one = TrainingStep(scored, LOGIT, objective=lambda: (bit() - 0.4) ** 2)
    other = TrainingStep(scored, LOGIT, objective=lambda: (bit() - 0.9) ** 2)
    with pytest.raises(ValueError, match=r"one and other are both called scored; give each a name"):
        verify({"one": one, "other": other})


def test_registered_estimators_run_on_the_users_model() -> None:
    scores = torch.tensor([0.0, 1.0, -1.0], dtype=torch.float64, requires_grad=True)
    step = TrainingStep(lambda: (functional.gumbel_softmax(scores, hard=True) @ VALUES) ** 2, scores, name="model")
    record = verify(["leave_one_out", "gumbel_softmax"], step.problem)
    found = {cell.estimator: cell.find("bias") for cell in record.cells if cell.estimator != "references"}
    assert {name: bias.outcome for name, bias in found.items() if bias} == {
        "leave_one_out": "unbiased",
        "gumbel_softmax": "biased",
    }
