"""The bias of an estimator that handles some sites of a program while every other site is exact."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch.distributions import Bernoulli, OneHotCategorical

from ...estimators.protocol import NotApplicableError, Program, evaluate
from ...estimators.runs.tape import sampling
from ..drawing.rows import draw_rows, moments_at_looks
from ..plan import chunk_rows
from ..statistics.bias import BiasPlan, BiasTest, BiasVerdict
from ..subject import Subject
from ..verdicts import BiasOutcome
from .exact_sites import with_exact_sites

__all__ = ["GroupBias", "Trials"]

PILOT_ROWS = 4096


@dataclass(frozen=True, kw_only=True)
class GroupBias:
    """The bias while an estimator handles some sites and every other site is exact.

    Attributes:
        sites: The sites that the estimator handles.
        outcome: ``biased``, ``unbiased`` (none above the tolerance), ``inconclusive`` or ``failed``.
        estimate: The bias in the channel that decided; None if no row was drawn.
        interval: The interval of the bias: at the group's error rate if it is biased, else the equivalence test's at 95 %.
        relative: ``estimate`` over the channel's scale.
        channel: The coordinate or projection that decided.
        num_samples: The number of rows.
        alpha: Probability of ``biased`` if there is no bias.
    """

    sites: tuple[int, ...]
    outcome: BiasOutcome
    estimate: float | None
    interval: tuple[float, float] | None
    relative: float | None
    channel: str
    num_samples: int
    alpha: float

    def __str__(self) -> str:
        """Return the figures for a sentence."""
        if self.estimate is None or self.interval is None:
            return "no figure"
        relative = "" if self.relative is None else f", {100 * self.relative:.3g} % of its scale"
        low, high = self.interval
        return f"{self.estimate:.4g} in [{low:.4g}, {high:.4g}] ({self.channel}{relative})"


class Trials:
    """Measurements of an estimator's bias on one problem, any group of sites left to it and the others exact.

    Args:
        subject: The estimator on the problem; its gradient must be known exactly.

    Raises:
        NotApplicableError: The gradient is known by sampling alone, or the estimator cannot serve sites made exact.
    """

    def __init__(self, subject: Subject) -> None:
        self.subject, self.problem = subject, subject.problem
        if not subject.reference.exact:
            kind = subject.reference.kind
            raise NotApplicableError(
                f"attribution: the gradient of problem {self.problem.name!r} is known by {kind} alone; give it as exact="
            )
        self.sites = tuple(range(subject.probe.num_sites))
        self.profile = subject.settings.profile
        self._estimator = subject.fitted
        self._relaxed = subject.about.forward == "relaxed"
        if self._relaxed and subject.probe.types - {Bernoulli} and OneHotCategorical not in subject.about.sites:
            raise NotApplicableError("attribution: a relaxed index names no category, and the estimator has no one-hot sites")
        with torch.no_grad():
            rows = self.problem.params.expand(PILOT_ROWS, *self.problem.params.shape)
            primitive = sampling(PILOT_ROWS, subject.generator("pilot", 0))
            self._baseline = float(evaluate(self.problem.program, rows, primitive).double().mean())

    def measure(self, group: tuple[int, ...], alpha: float, r_target: float, r_accept: float, purpose: str) -> GroupBias:
        """Measure the bias with ``group`` left to the estimator."""
        exact = frozenset(self.sites) - set(group)
        program = with_exact_sites(self.problem.program, exact, baseline=self._baseline, relaxed=self._relaxed)
        plan = self.subject.plan(alpha=alpha, r_target=r_target, r_accept=r_accept, max_rows=self.profile.max_rows)
        # A search begins with a bias that was found, and its sites' outcomes were counted: no rarer event is feared. Sites are
        # told apart by coordinates.
        plan = replace(plan, gate_known=True, by_norm=False, seek_kind=False)
        verdict = self._decide(program, plan, f"attribution {purpose} {group}")
        return GroupBias(
            sites=group,
            outcome=verdict.outcome,
            estimate=verdict.estimate,
            interval=verdict.interval,
            relative=verdict.relative,
            channel=verdict.channel,
            num_samples=verdict.num_samples,
            alpha=alpha,
        )

    def _decide(self, program: Program, plan: BiasPlan, purpose: str) -> BiasVerdict:
        """Draw rows, stage by stage, until the test of bias has its verdict."""
        test = BiasTest(plan)
        while test.verdict is None:
            draw = partial(self._draw, program, plan, f"{purpose} {test.stage}")
            sizes = chunk_rows(self._estimator, self.subject.probe)
            for (seen,) in moments_at_looks(draw, sizes, _next_looks(test), until_nonfinite=True):
                test.update(seen)
        return test.verdict

    def _draw(self, program: Program, plan: BiasPlan, stage: str, chunk: int, rows: int) -> list[NDArray[np.float64]]:
        generator = self.subject.generator(stage, chunk)
        drawn = draw_rows(self._estimator, program, self.problem.params, rows, generator)
        return [plan.channels.project(drawn - np.asarray(plan.truth))]


def _next_looks(test: BiasTest) -> Iterator[int]:
    """Yield the looks that the test waits for, as long as its stage lasts."""
    stage = test.stage
    while test.verdict is None and test.stage == stage:
        yield test.next_look
