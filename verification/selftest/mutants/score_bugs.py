"""Bugs in score functions: baselines that know too much, terms left out, log-probabilities of something else."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.distributions import Distribution

from ....estimators.protocol import Program, evaluate, row_gradients, row_leaf
from ....estimators.runs.hard_run import HardRun
from ....estimators.runs.path_score import path_score
from ....estimators.runs.relaxed import one_hot
from ....estimators.runs.tape import Draw, Tape, draw
from ....estimators.sites.reading import FiniteSite, finite_site_of

__all__ = [
    "AttachedBaseline",
    "AttachedObjective",
    "BatchMeanBaseline",
    "ClippedScore",
    "CoarseUniforms",
    "DroppedScoreTerm",
    "FlooredDenominator",
    "NoDirectTerm",
    "OutcomeBaseline",
    "OwnSampleBaseline",
    "ScoreOfProbabilities",
    "ScoreWithoutRareOutcome",
    "SinglePrecisionScore",
    "UpdatedBeforeUse",
]


@dataclass(frozen=True)
class OwnSampleBaseline:
    """The group's mean as everyone's baseline, own sample included: the factor is 1 - 1 / K."""

    group: int

    @property
    def evaluations(self) -> int:
        """The number of evaluations, K."""
        return self.group

    def __call__(self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
        """Return replicates."""
        run = HardRun.of(program, params, num_samples * self.group, generator)
        groups = run.objective.detach().reshape(num_samples, self.group)
        advantage = groups - groups.mean(1, keepdim=True)
        rows = row_gradients(advantage.reshape(-1) * run.score + run.objective, run.leaf)
        return rows.reshape(num_samples, self.group, *params.shape).mean(1)


@dataclass(frozen=True)
class BatchMeanBaseline:
    """The mean over all rows of the call as baseline: rows are coupled, and the factor is 1 - 1 / rows."""

    def __call__(self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
        """Return replicates."""
        run = HardRun.of(program, params, num_samples, generator)
        advantage = run.objective.detach() - run.objective.detach().mean()
        return row_gradients(advantage * run.score + run.objective, run.leaf)


@dataclass(frozen=True)
class UpdatedBeforeUse:
    """A moving average that takes in the batch of N rows before serving it: the factor is 1 - (1 - beta) / N."""

    baseline: float
    decay: float
    batch: int = 1

    def __call__(self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
        """Return replicates."""
        run = HardRun.of(program, params, num_samples * self.batch, generator)
        batches = run.objective.detach().reshape(num_samples, self.batch)
        average = self.decay * self.baseline + (1 - self.decay) * batches.mean(1, keepdim=True)
        rows = row_gradients((batches - average).reshape(-1) * run.score + run.objective, run.leaf)
        return rows.reshape(num_samples, self.batch, *params.shape).mean(1)


@dataclass(frozen=True)
class OutcomeBaseline:
    """A baseline that reads the outcome that it must not depend on."""

    weight: float

    def __call__(self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
        """Return replicates."""
        run = HardRun.of(program, params, num_samples, generator)
        peeked = _per_row(run.values[0])
        return row_gradients((run.objective.detach() - self.weight * peeked) * run.score + run.objective, run.leaf)


@dataclass(frozen=True)
class AttachedObjective:
    """The term ``f log p`` with f not detached, which adds ``log p grad f``."""

    def __call__(self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
        """Return replicates."""
        run = HardRun.of(program, params, num_samples, generator)
        return row_gradients(run.objective * _log_probability(run.tape) + run.objective, run.leaf)


@dataclass(frozen=True)
class AttachedBaseline:
    """A baseline that follows the parameters and is not detached, which adds ``-log p grad b``."""

    slope: float

    def __call__(self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
        """Return replicates."""
        run = HardRun.of(program, params, num_samples, generator)
        baseline = self.slope * run.leaf.reshape(num_samples, -1).sum(1)
        return row_gradients((run.objective.detach() - baseline) * _log_probability(run.tape) + run.objective, run.leaf)


@dataclass(frozen=True)
class NoDirectTerm:
    """The objective's own derivative at fixed outcomes left out."""

    def __call__(self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
        """Return replicates."""
        run = HardRun.of(program, params, num_samples, generator)
        return row_gradients(run.objective.detach() * run.score, run.leaf)


@dataclass(frozen=True)
class DroppedScoreTerm:
    """Leave-one-out pairs with one site's term missing from the score."""

    site: int

    def __call__(self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
        """Return replicates."""
        run = HardRun.of(program, params, 2 * num_samples, generator)
        kept = [each for number, each in enumerate(run.tape.draws) if number != self.site % len(run.tape.draws)]
        pairs = run.objective.detach().reshape(num_samples, 2)
        advantage = (pairs - pairs.flip(1)).reshape(-1)
        rows = row_gradients(advantage * path_score(Tape(kept), run.objective) + run.objective, run.leaf)
        return rows.reshape(num_samples, 2, *params.shape).mean(1)


@dataclass(frozen=True)
class ClippedScore:
    """Weights 1 / p clipped."""

    limit: float

    def __call__(self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
        """Return replicates."""
        run = HardRun.of(program, params, num_samples, generator)
        terms = [
            each.site.probability(each.index) * each.site.detach().probability(each.index).reciprocal().clamp(max=self.limit)
            for each in run.tape.draws
        ]
        score = sum((_per_row(each) for each in terms), start=torch.zeros_like(run.score))
        return row_gradients(run.objective.detach() * score + run.objective, run.leaf)


@dataclass(frozen=True)
class FlooredDenominator:
    """The score ``(b - p) / (p (1 - p) + eps)``: a small number meant to prevent a division by zero."""

    epsilon: float

    def __call__(self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
        """Return replicates."""
        run = HardRun.of(program, params, num_samples, generator)
        score = torch.zeros_like(run.score)
        for each in run.tape.draws:
            probs = each.site.detach().probs
            weight = (each.index.to(probs.dtype) - probs) / (probs * (1 - probs) + self.epsilon)
            score = score + _per_row(weight * each.site.probs)
        return row_gradients(run.objective.detach() * score + run.objective, run.leaf)


@dataclass(frozen=True)
class ScoreOfProbabilities:
    """Probabilities passed where logits were expected: the score of ``softmax(p)``."""

    def __call__(self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
        """Return replicates."""
        run = HardRun.of(program, params, num_samples, generator)
        score = torch.zeros_like(run.score)
        for each in run.tape.draws:
            # With c = D - softmax(p), the derivative of sum c log p in the logits is c itself.
            wrong = one_hot(each.site, each.index) - torch.softmax(each.site.detach().probabilities(), -1)
            score = score + _per_row((wrong * each.site.log_probabilities()).sum(-1))
        return row_gradients(run.objective.detach() * score + run.objective, run.leaf)


@dataclass(frozen=True)
class ScoreWithoutRareOutcome:
    """A rarely taken branch left out of the estimate."""

    category: int

    def __call__(self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
        """Return replicates."""
        run = HardRun.of(program, params, num_samples, generator)
        common = (run.tape.draws[0].index != self.category).to(run.score.dtype)
        return row_gradients(common * run.objective.detach() * run.score + run.objective, run.leaf)


@dataclass(frozen=True)
class SinglePrecisionScore:
    """The score ``b log p + (1 - b) log(1 - p)`` in float32, where 1 - p rounds to zero."""

    def __call__(self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
        """Return replicates."""
        run = HardRun.of(program, params, num_samples, generator)
        score = torch.zeros_like(run.score)
        for each in run.tape.draws:
            probs, bit = each.site.probs.float(), each.index.float()
            score = score + _per_row(bit * probs.log() + (1 - bit) * (1 - probs).log()).to(score.dtype)
        return row_gradients(run.objective.detach() * score + run.objective, run.leaf)


@dataclass(frozen=True)
class CoarseUniforms:
    """Outcomes drawn from uniforms of a few binary digits: p is rounded up to the grid, but the score is not."""

    digits: int

    def __call__(self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
        """Return replicates."""
        leaf = row_leaf(params, num_samples)
        tape: Tape[FiniteSite] = Tape()

        def sample(distribution: Distribution) -> Tensor:
            site = finite_site_of(distribution, num_samples)
            tape.draws.append(Draw(site, draw(self._round(site), generator)))
            return site.from_index(tape.draws[-1].index)

        objective = evaluate(program, leaf, sample)
        return row_gradients(objective.detach() * path_score(tape, objective) + objective, leaf)

    def _round(self, site: FiniteSite) -> FiniteSite:
        grid = 2**self.digits
        return site.with_probs((site.probs.detach() * grid).ceil() / grid)


def _log_probability(tape: Tape) -> Tensor:
    """Return the log-probability of a whole path, ``[rows]``, which differs from the score's surrogate."""
    terms = [_per_row(each.site.probability(each.index).log()) for each in tape.draws]
    return torch.stack(terms).sum(0)


def _per_row(values: Tensor) -> Tensor:
    """Sum ``[rows, *batch]`` over the batch, ``[rows]``."""
    return values.reshape(len(values), -1).sum(1)
