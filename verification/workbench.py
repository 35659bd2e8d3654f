"""The meaning of the names in a run's tasks, in one process: problems, references, and estimators bound to problems."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache

import torch

from ..estimators.protocol import Estimator
from .foreign.targets import split_batch
from .plan import Settings
from .problems.problem import Probe, Problem, probe
from .subject import Subject
from .truth.reference import Reference
from .truth.references import SAMPLED_REFERENCES, find_reference
from .truth.relaxed_reference import relaxed_reference

__all__ = ["Workbench", "registry_workbench"]


@dataclass
class Workbench:
    """The meaning of names in this process, and what has been made of them so far.

    Attributes:
        settings: The run's settings.
        find_estimator: A function from a name to its estimator.
        find_problem: A function from a name to its problem.
    """

    settings: Settings
    find_estimator: Callable[[str], Estimator]
    find_problem: Callable[[str], Problem]
    _problems: dict[str, Problem] = field(default_factory=dict)
    _references: dict[str, Reference] = field(default_factory=dict)
    _probes: dict[str, Probe] = field(default_factory=dict)
    _sampled: dict[tuple[str, str], Reference] = field(default_factory=dict)
    _subjects: dict[tuple[str, str], Subject] = field(default_factory=dict)

    def problem(self, name: str) -> Problem:
        """Return the problem of that name, its parameters on the run's device and of the run's floating type."""
        if name not in self._problems:
            found = self.find_problem(name)
            dtype = getattr(torch, self.settings.dtype) if self.settings.dtype else found.params.dtype
            reading = self.settings.detached or found.detached
            self._problems[name] = replace(found, params=found.params.to(self.settings.device, dtype), detached=reading)
        return self._problems[name]

    def reference(self, name: str) -> Reference:
        """Return the reference that decides the problem of that name."""
        if name not in self._references:
            settings, problem = self.settings, self.problem(name)
            if settings.dtype is not None:
                # At the point at which rows are drawn, and not rounded as they are.
                problem = replace(problem, params=problem.params.double())
            self._references[name] = find_reference(problem, settings.seed, settings.profile.r_accept)
        return self._references[name]

    def probe(self, name: str) -> Probe:
        """Return the sites of the problem of that name, as one run of its program shows them."""
        if name not in self._probes:
            self._probes[name] = probe(self.problem(name))
        return self._probes[name]

    def sampled_reference(self, kind: str, problem: str) -> Reference:
        """Return the sampled reference of that kind, whether or not it decides the problem."""
        if (kind, problem) not in self._sampled:
            self._sampled[kind, problem] = SAMPLED_REFERENCES[kind](
                self.problem(problem), self.settings.seed, self.settings.profile.r_accept
            )
        return self._sampled[kind, problem]

    def subject(self, name: str, problem: str) -> Subject:
        """Return an estimator on a problem; the name of a sampled reference stands for the estimator that draws its rows."""
        if (name, problem) not in self._subjects:
            self._subjects[name, problem] = self._bind(name, problem)
        return self._subjects[name, problem]

    def _bind(self, name: str, problem: str) -> Subject:
        target, decides = self.problem(problem), self.reference(problem)
        if name in SAMPLED_REFERENCES:
            own = self.sampled_reference(name, problem)
            return Subject(name, target, self.probe(problem), own.rows_from(), decides, self.settings, own)
        estimator = self.find_estimator(name)
        reference = relaxed_reference(estimator, target, decides)
        return Subject(name, target, self.probe(problem), estimator, reference, self.settings)


def registry_workbench(settings: Settings, problems: Mapping[str, str]) -> Workbench:
    """Return the workbench of a process that has only names: estimators from the registry, problems from their targets.

    Args:
        settings: The run's settings.
        problems: The name of each problem, and the target that finds it.
    """
    from ..estimators.registry import load_estimator
    from .problems.registry import find_problems

    conventions = dict(settings.conventions)

    @cache
    def find_estimator(name: str) -> Estimator:
        return load_estimator(split_batch(name)[0], convention=conventions.get(name))

    def find_problem(name: str) -> Problem:
        found = find_problems([problems[name]], quick=False)
        return next(problem for problem in found if problem.name == name)

    return Workbench(settings, find_estimator, find_problem)
