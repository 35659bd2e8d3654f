"""An estimator on a problem, bound once for everything that is done with the pair."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch

from ..estimators.adapters import convention_of
from ..estimators.fused import fuse
from ..estimators.protocol import Description, Estimator, describe
from .plan import Settings
from .problems.problem import Probe, Problem
from .seeds import chunk_generator, directions, stable_repr
from .shared_state import kept_state
from .statistics.bias import BiasPlan
from .statistics.channels import own_scales, scales
from .statistics.rounding import bias_rounding
from .truth.reference import Reference

__all__ = ["FIT_ROWS", "Subject", "estimator_facts"]

FIT_ROWS = 4096
"""Rows from which an estimator that learns is fitted."""

COMPILED_STEPS = 1e8
"""Steps that a cell may come to before its rows are drawn by a compiled walk, which takes seconds to load or to compile."""


@dataclass(frozen=True, eq=False)
class Subject:
    """An estimator on a problem.

    Attributes:
        name: The estimator's name.
        problem: The problem, its parameters on the run's device and of the run's floating type.
        probe: The program's sites, as one run of it shows them.
        unfitted: The estimator as described, before it learns.
        reference: The reference that decides the pair.
        settings: The run's settings.
        own: The sampled reference whose rows are drawn, if the pair stands for a reference and not for an estimator.
    """

    name: str
    problem: Problem
    probe: Probe
    unfitted: Estimator
    reference: Reference
    settings: Settings
    own: Reference | None = None

    @cached_property
    def about(self) -> Description:
        """The estimator's declarations."""
        return describe(self.unfitted)

    @cached_property
    def fitted(self) -> Estimator:
        """The estimator, fitted to the problem if it learns.

        Raises:
            NotApplicableError: The estimator refuses the problem while it is fitted.
        """
        fit = getattr(self.unfitted, "fit", None)
        if fit is None:
            return self.unfitted
        generator = self._generator(stable_repr(self.unfitted), "fit", 0)
        with kept_state():
            fitted: Estimator = fit(
                self.problem.program, self.problem.params.clone(), num_samples=FIT_ROWS, generator=generator
            )
        return fitted

    @cached_property
    def drawing(self) -> Estimator:
        """The estimator as rows are drawn with it: by a compiled walk if it has one and the cell is worth it."""
        steps = getattr(self.problem.program, "num_steps", 0)
        few = self.settings.profile.max_rows * steps < COMPILED_STEPS
        if self.own is not None or not self.settings.fused or few:
            return self.fitted
        return fuse(self.fitted, self.problem.program, self.problem.params)

    @cached_property
    def _address(self) -> str:
        return f"{self.name} {stable_repr(self.unfitted)}"

    def generator(self, stage: str, chunk: int) -> torch.Generator:
        """Return the generator of one chunk, addressed by what is drawn and not by who draws it."""
        return self._generator(self._address, stage, chunk)

    def generators(self, stage: str) -> Callable[[int], torch.Generator]:
        """Return a function from the number of a chunk to its generator."""
        return lambda chunk: self.generator(stage, chunk)

    def plan(self, *, alpha: float, r_target: float, r_accept: float, max_rows: int) -> BiasPlan:
        """Return the plan of a test of the pair's bias: of its norm, or coordinate by coordinate if the settings say so.

        Args:
            alpha: The false-alarm rate of the test, both stages together.
            r_target: The relative tolerance at which the test may stop while rows remain.
            r_accept: The relative tolerance that is accepted when the rows are used up.
            max_rows: The rows of the first stage at most.
        """
        reference = self.reference
        floor = np.maximum(reference.floor, self.problem.scale_floor)
        whole = self.settings.scale == "whole"
        scale = (scales if whole else own_scales)(reference.gradient, floor)
        rounding = np.asarray(reference.roundings) * torch.finfo(self.problem.params.dtype).eps
        return BiasPlan(
            truth=reference.gradient,
            scale=scale,
            tau_numeric=np.maximum(bias_rounding(scale, self.problem.params.dtype), rounding),
            r_target=r_target,
            r_accept=r_accept,
            alpha=alpha,
            max_rows=max_rows,
            p_gate=reference.rarest,
            reference_bias=reference.bias_bound,
            directions=directions(self.settings.seed, self.problem.name, reference.gradient.size),
            deterministic_rows=self.about.deterministic and reference.exact,
            gate_known=reference.gate_known,
            reference_supports=reference.supports,
            by_norm=whole,
            seek_kind=True,
            max_angle=self.settings.max_angle,
        )

    def _generator(self, address: str, stage: str, chunk: int) -> torch.Generator:
        dtype, device = str(self.problem.params.dtype), self.settings.device
        return chunk_generator(self.settings.seed, address, self.problem.name, dtype, stage, chunk, device)


def estimator_facts(estimator: Estimator) -> dict[str, Any]:
    """Return an estimator's declarations, for the record."""
    about = describe(estimator)
    convention = convention_of(estimator)
    found = {} if convention.kind == "estimator" else {"convention": convention.to_record()}
    return {**asdict(about.claims), "evaluations": about.evaluations, "reference": about.reference, **found}
