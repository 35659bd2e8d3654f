"""What the names in a run's tasks mean in one process: problems, references, fitted estimators, generators."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from typing import Any

import torch

from ..estimators.adapters import convention_of
from ..estimators.fused import fused
from ..estimators.protocol import Estimator, describe
from .foreign.examine import split_batch
from .plan import Settings
from .problems.problem import Problem
from .seeds import chunk_generator, stable_repr
from .truth.references import (
    FINITE_DIFFERENCE,
    LIKELIHOOD_RATIO,
    Reference,
    difference_reference,
    find_reference,
    sampled_reference,
)
from .truth.relaxed_reference import relaxed_reference

__all__ = ["FIT_ROWS", "Workbench", "estimator_facts", "registry_workbench"]

FIT_ROWS = 4096
"""Rows from which an estimator that learns is fitted."""

COMPILED_STEPS = 1e8
"""Steps that a cell may come to before its rows are drawn by a compiled walk, which takes seconds to load or to compile."""


@dataclass
class Workbench:
    """What names mean in this process, and what has been made of them so far.

    Attributes:
        settings: The run's settings.
        find_estimator: Name -> estimator.
        find_problem: Name -> problem, on the run's device.
    """

    settings: Settings
    find_estimator: Callable[[str], Estimator]
    find_problem: Callable[[str], Problem]
    _problems: dict[str, Problem] = field(default_factory=dict)
    _references: dict[str, Reference] = field(default_factory=dict)
    _samplers: dict[tuple[str, str], Reference] = field(default_factory=dict)
    _fitted: dict[tuple[str, str], Estimator] = field(default_factory=dict)

    def problem(self, name: str) -> Problem:
        """The problem of that name, its parameters on the run's device and of the run's floating type."""
        if name not in self._problems:
            found = self.find_problem(name)
            dtype = getattr(torch, self.settings.dtype) if self.settings.dtype else found.params.dtype
            self._problems[name] = replace(found, params=found.params.to(self.settings.device, dtype))
        return self._problems[name]

    def reference(self, name: str) -> Reference:
        """The reference that decides the problem of that name."""
        if name not in self._references:
            settings, problem = self.settings, self.problem(name)
            if settings.dtype is not None:
                # Of the point that rows are drawn at, and not rounded as they are.
                problem = replace(problem, params=problem.params.double())
            self._references[name] = find_reference(problem, settings.seed, settings.profile.r_accept)
        return self._references[name]

    def reference_for(self, estimator: str, problem: str) -> Reference:
        """The reference that decides a cell: the problem's, but for foreign code that is held to a relaxed objective."""
        decides = self.reference(problem)
        if estimator in (LIKELIHOOD_RATIO, FINITE_DIFFERENCE):
            return decides
        return relaxed_reference(self.bare(estimator, problem), self.problem(problem), decides)

    def sampled(self, kind: str, problem: str) -> Reference:
        """The sampled reference of that kind, whether or not it decides."""
        if (kind, problem) not in self._samplers:
            find = sampled_reference if kind == LIKELIHOOD_RATIO else difference_reference
            self._samplers[kind, problem] = find(self.problem(problem), self.settings.seed)
        return self._samplers[kind, problem]

    def estimator(self, name: str, problem: str) -> Estimator:
        """The estimator of that name, fitted to the problem if it learns."""
        if (name, problem) not in self._fitted:
            self._fitted[name, problem] = self._fit(self.bare(name, problem), problem)
        return self._fitted[name, problem]

    def drawing(self, name: str, problem: str) -> Estimator:
        """The estimator as rows are drawn with it: by a compiled walk where it has one and the cell is worth it."""
        estimator, target = self.estimator(name, problem), self.problem(problem)
        steps = getattr(target.program, "num_steps", 0)
        own = name in (LIKELIHOOD_RATIO, FINITE_DIFFERENCE)
        if own or not self.settings.fused or self.settings.profile.max_rows * steps < COMPILED_STEPS:
            return estimator
        return fused(estimator, target.program, target.params)

    def bare(self, name: str, problem: str) -> Estimator:
        """The estimator of that name before it learns; a reference's own sampler goes by the reference's kind."""
        if name not in (LIKELIHOOD_RATIO, FINITE_DIFFERENCE):
            return self.find_estimator(name)
        return _sampler(self.sampled(name, problem))

    def generator(self, name: str, problem: str, stage: str, chunk: int) -> torch.Generator:
        """The generator of one chunk, addressed by what is drawn and not by who draws it."""
        dtype = str(self.problem(problem).params.dtype)
        described = f"{name} {stable_repr(self.bare(name, problem))}"
        return chunk_generator(self.settings.seed, described, problem, dtype, stage, chunk, self.settings.device)

    def _fit(self, estimator: Estimator, problem: str) -> Estimator:
        fit = getattr(estimator, "fit", None)
        if fit is None:
            return estimator
        target = self.problem(problem)
        generator = chunk_generator(
            self.settings.seed, stable_repr(estimator), problem, str(target.params.dtype), "fit", 0, self.settings.device
        )
        fitted: Estimator = fit(target.program, target.params, num_samples=FIT_ROWS, generator=generator)
        return fitted


def registry_workbench(settings: Settings, problems: Mapping[str, str]) -> Workbench:
    """The workbench of a process that has only names: estimators from the registry, problems from their targets.

    Args:
        settings: The run's settings.
        problems: Name of each problem -> the target that finds it.
    """
    from ..estimators.registry import load_estimator
    from .problems.registry import find_problems

    conventions = dict(settings.conventions)

    @cache
    def find_estimator(name: str) -> Estimator:
        return load_estimator(split_batch(name)[0], convention=conventions.get(name))

    def find_problem(name: str) -> Problem:
        found = find_problems([problems[name]], quick=False)
        return next(each for each in found if each.name == name)

    return Workbench(settings, find_estimator, find_problem)


def estimator_facts(estimator: Estimator) -> dict[str, Any]:
    """What an estimator declares, for the record."""
    about = describe(estimator)
    convention = convention_of(estimator)
    found = {} if convention.kind == "estimator" else {"convention": convention.to_record()}
    return {**asdict(about.claims), "evaluations": about.evaluations, "reference": about.reference, **found}


def _sampler(reference: Reference) -> Estimator:
    assert reference.sampler is not None
    return reference.sampler
