"""The bias of an estimator that handles some sites of a program while every other site is exact."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch.distributions import Bernoulli, OneHotCategorical

from ...estimators.protocol import NotApplicableError, Program, describe, evaluate
from ...estimators.runs.tape import sampling
from ..plan import chunk_rows
from ..problems.problem import probe
from ..seeds import directions
from ..statistics.bias import BiasPlan, BiasTest, BiasVerdict
from ..statistics.channels import scales
from ..statistics.moments import Moments
from ..statistics.rounding import bias_rounding
from ..verdicts import BiasOutcome
from ..workbench import Workbench
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
    """Measurements of an estimator's bias on one problem, with any group of sites left to it and the others exact."""

    def __init__(self, bench: Workbench, name: str, problem: str) -> None:
        self.problem = bench.problem(problem)
        self.reference = bench.reference(problem)
        if not self.reference.exact:
            raise NotApplicableError(
                f"attribution: the gradient of problem {problem!r} is known only by {self.reference.kind}; give it as exact="
            )
        self.name = name
        self.estimator = bench.estimator(name, problem)
        self.about = describe(self.estimator)
        self.probe = probe(self.problem)
        self.sites = tuple(range(self.probe.num_sites))
        self.profile, self.seed = bench.settings.profile, bench.settings.seed
        self._bench = bench
        self._relaxed = self.about.forward == "relaxed"
        if self._relaxed and self.probe.types - {Bernoulli} and OneHotCategorical not in self.about.sites:
            raise NotApplicableError("attribution: a relaxed index names no category, and the estimator has no one-hot sites")
        with torch.no_grad():
            rows = self.problem.params.expand(PILOT_ROWS, *self.problem.params.shape)
            primitive = sampling(PILOT_ROWS, self._generator("pilot", 0))
            self._baseline = float(evaluate(self.problem.program, rows, primitive).double().mean())

    def measure(self, group: tuple[int, ...], alpha: float, r_target: float, r_accept: float, purpose: str) -> GroupBias:
        """Measure the bias with a group of sites left to the estimator."""
        exact = frozenset(self.sites) - set(group)
        program = with_exact_sites(self.problem.program, exact, baseline=self._baseline, relaxed=self._relaxed)
        plan = self._plan(alpha, r_target, r_accept)
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

    def _generator(self, stage: str, chunk: int) -> torch.Generator:
        return self._bench.generator(self.name, self.problem.name, stage, chunk)

    def _plan(self, alpha: float, r_target: float, r_accept: float) -> BiasPlan:
        reference = self.reference
        scale = scales(reference.gradient, self.problem.scale_floor)
        return BiasPlan(
            truth=reference.gradient,
            scale=scale,
            tau_numeric=bias_rounding(scale, self.problem.params.dtype),
            r_target=r_target,
            r_accept=r_accept,
            alpha=alpha,
            max_rows=self.profile.max_rows,
            p_gate=reference.rarest,
            directions=directions(self.seed, self.problem.name, reference.gradient.size),
            deterministic_rows=self.about.deterministic,
        )

    def _decide(self, program: Program, plan: BiasPlan, purpose: str) -> BiasVerdict:
        test = BiasTest(plan)
        while test.verdict is None:
            stage, chunk, seen = test.stage, 0, Moments.empty(len(plan.channel_names))
            sizes = chunk_rows(self.estimator, self.probe)
            while test.verdict is None and test.stage == stage:
                while seen.count < test.next_look and not seen.nonfinite:
                    rows = min(next(sizes), test.next_look - seen.count)
                    drawn = self.estimator(program, self.problem.params, rows, self._generator(f"{purpose} {stage}", chunk))
                    errors = np.asarray(drawn.reshape(rows, -1).double().cpu()) - np.asarray(plan.truth)
                    seen = seen.merge(Moments.from_rows(plan.channels.project(errors), first_row=seen.count))
                    chunk += 1
                test.update(seen)
        return test.verdict
