"""``check_gradient``: the gradient of training code, as it is written, holds or fails with the verdict."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from ..record.record import Check, Record
from ..report.cell_words import answer as answer_words
from ..report.gradient_words import bias_facts
from ..run.request import verify
from ..training.named_parameters import Parameters
from ..training.step import TrainingStep
from .answer import answer

__all__ = ["GradientError", "GradientUndecided", "check_gradient"]


_OWN_VALUE = "The loss's own value was taken for what is minimised; if it is not, as in log_prob * reward, give objective=..."


class GradientError(AssertionError):
    """A gradient is biased, missing or could not be computed.

    Attributes:
        record: The record of the run.
    """

    def __init__(self, message: str, record: Record) -> None:
        super().__init__(message)
        self.record = record


class GradientUndecided(GradientError):  # noqa: N818 - it is no error of the gradient
    """The rows did not suffice to say that a gradient is right, and none was found wrong."""


def check_gradient(
    loss: Callable[[], Any],
    parameters: Parameters,
    *,
    objective: Callable[[], Any] | None = None,
    maximize_objective: bool = False,
    tolerance: float = 0.1,
    false_fail_rate: float = 1e-3,
    profile: Literal["quick", "standard", "thorough"] = "quick",
    seed: int = 0,
    budget: float | None = 60.0,
    **options: Any,
) -> Record:
    """Check the gradient of training code: the stochastic twin of `torch.autograd.gradcheck`.

    Every named tensor is judged by itself, and the worst decides: a large gradient that is right does not hide a small one that
    is wrong. Sound code fails with probability at most `false_fail_rate`, over all tensors together. A bias that is found and
    lies within the tolerance passes.

    Args:
        loss: A function without arguments that runs the code once, as in `TrainingStep`.
        parameters: A module, a mapping from names to tensors, or tensors.
        objective: A function without arguments that returns what is minimised, where that is not the value of the loss.
        maximize_objective: True if the objective is maximised.
        tolerance: The relative error of each tensor's gradient that is accepted.
        false_fail_rate: The probability of failing sound code.
        profile: The rows at most: ``quick`` 3e5, ``standard`` 3e6, ``thorough`` 3e7.
        seed: Entropy.
        budget: The seconds after which what is open counts as undecided; None for no limit.
        options: Further options of `verify`, such as ``scale`` or ``detached``.

    Returns:
        The record; its cells are the tensors.

    Raises:
        GradientError: A gradient is biased beyond the tolerance, or some code failed.
        GradientUndecided: The rows did not suffice.
        ValueError: The code cannot be judged as it is; the message names the place.

    Example:
        >>> import torch
        >>> from torch.nn.functional import gumbel_softmax
        >>> scores = torch.tensor([0.0, 1.0, -1.0], dtype=torch.float64, requires_grad=True)
        >>> values = torch.tensor([1.0, 2.0, 4.0], dtype=torch.float64)
        >>> record = check_gradient(lambda: gumbel_softmax(scores, hard=True) @ values, scores, tolerance=0.5)
        >>> check_gradient(lambda: (gumbel_softmax(scores, hard=True) @ values) ** 2, scores)
        Traceback (most recent call last):
            ...
        gradverify.verification.testing.gradient_check.GradientError: ...
    """
    __tracebackhide__ = True
    step = TrainingStep(loss, parameters, objective, maximize_objective)
    record = answer(
        lambda: verify(step, tolerance=tolerance, alpha=false_fail_rate, profile=profile, seed=seed, budget=budget, **options)
    )
    tensors = [_Tensor.of(step[name], name, record) for name in step.names]
    for kind, judged in ((GradientError, _is_wrong), (GradientUndecided, _is_open)):
        failing = [str(each) for each in tensors if judged(each)]
        if failing:
            raise kind("\n".join(failing + ([_OWN_VALUE] if objective is None else [])), record)
    return record


@dataclass(frozen=True)
class _Tensor:
    """The part of a record that concerns the gradient of one tensor."""

    step: TrainingStep
    name: str
    bias: Check | None
    references: Check | None

    @classmethod
    def of(cls, step: TrainingStep, name: str, record: Record) -> _Tensor:
        cells = [cell for cell in record.cells if cell.problem == step.problem.name]
        found = [next(filter(None, (cell.find(check) for cell in cells)), None) for check in ("bias", "references")]
        return cls(step, name, *found)

    @property
    def doubt(self) -> str:
        """The reason why the reference cannot be relied on; empty if it can."""
        if self.references is None or self.references.claim == "refuted" or self.references.outcome == "inconclusive":
            return "" if self.references is None else f"the references do not agree: {self.references.note}"
        if self.step.draws_noise and self.references.outcome != "agree":
            return f"continuous noise may hide a law, and no other reference was seen to agree: {self.references.note}"
        return ""

    def __str__(self) -> str:
        """Return a sentence: what was found of the gradient, and which of its numbers are worst."""
        bias = self.bias
        if bias is None or not bias.num_samples:
            return f"{self.name}: {'not reached' if bias is None or not bias.note else bias.note}"
        worst = [self.step.name_of(int(each["coordinate"])) for each in bias.details.get("coordinates") or ()][:3]
        facts = "; ".join(bias_facts(bias))
        parts = (f"{self.name}: {answer_words(bias)}", facts, f"worst: {', '.join(worst)}" if worst else "", self.doubt)
        return f"{'; '.join(filter(None, parts))}; {bias.num_samples:,} rows"


def _is_wrong(tensor: _Tensor) -> bool:
    return tensor.bias is not None and tensor.bias.claim == "refuted" and not tensor.doubt


def _is_open(tensor: _Tensor) -> bool:
    return tensor.bias is None or tensor.bias.claim != "supported" or bool(tensor.doubt)
