"""Training steps among the targets of a run: each is judged tensor by tensor, on problems of its own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from ...estimators.protocol import Estimator
from ..problems.problem import Problem
from ..training.step import TrainingStep
from .targets import LoadedTargets

__all__ = ["has_steps", "list_own_problems", "refuse_strangers", "split_steps"]


def has_steps(targets: LoadedTargets) -> bool:
    """Return True if one of the targets is a training step."""
    return any(isinstance(each, TrainingStep) for each in targets.estimators.values())


def refuse_strangers(targets: LoadedTargets, problems: Iterable[Problem]) -> None:
    """Raise `ValueError` for a training step of which none of the problems is its own."""
    for name, found in targets.estimators.items():
        if isinstance(found, TrainingStep) and not any(found.concerns(problem) for problem in problems):
            raise ValueError(f"{name} is a training step, which is judged on its own code alone; leave the problem out")


def split_steps(targets: LoadedTargets) -> LoadedTargets:
    """Return the targets with each training step of several tensors replaced by one step for each tensor.

    The step of a tensor is named ``step[tensor]``, by which another process finds it as well.
    """
    named = {part: step for name, found in targets.estimators.items() for part, step in _list_parts(name, found)}
    return replace(
        targets,
        estimators=named,
        places=tuple(part for name in targets.places for part, _ in _list_parts(name, targets.estimators[name])),
        objects=tuple(part for name in targets.objects for part, _ in _list_parts(name, targets.estimators[name])),
    )


def list_own_problems(targets: LoadedTargets) -> tuple[list[Problem], dict[str, str]]:
    """Return the problems of the training steps, and the target at which each that was named is found.

    Raises:
        ValueError: Two problems bear the same name, so that one step would be judged on the other's.
    """
    steps = {name: found for name, found in targets.estimators.items() if isinstance(found, TrainingStep)}
    named: dict[str, str] = {}
    for name, step in steps.items():
        other = named.setdefault(step.problem.name, name)
        if other != name:
            raise ValueError(
                f"{other} and {name} are both called {step.problem.name}; give each a name, TrainingStep(name=...)"
            )
    places = {step.problem.name: name for name, step in steps.items() if name in targets.places}
    return [step.problem for step in steps.values()], places


def _list_parts(name: str, found: Estimator) -> Iterator[tuple[str, Estimator]]:
    if not isinstance(found, TrainingStep) or len(found.names) == 1:
        yield name, found
        return
    for tensor, part in zip(found.names, found.parts, strict=True):
        yield f"{name}[{tensor}]", part
