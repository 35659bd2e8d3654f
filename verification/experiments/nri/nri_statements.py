"""Expectations stated beforehand, and whether the trained models confirm them."""

from __future__ import annotations

from collections.abc import Iterable

from ...record.study import Statement
from ..statement_outcomes import judge_at_least, judge_at_most, judge_both, weaken
from .arm_results import ArmResult
from .job_outcome import JobStatus
from .training_plan import TUTORIAL_RULE, Plan

__all__ = ["CHANCE", "COLLAPSED", "statements"]

CHANCE = 0.56
"""The accuracy that relabelling alone can make of chance, with two hundred graphs and two types."""

COLLAPSED = 0.02
"""The KL from the uniform prior, nats per particle, below which the posterior says nothing about any edge."""

_SMALL_ACCURACY = 0.82
_LONG_ACCURACY = 0.895
_LONG_STEPS = 1700
_SMALL_STEPS = 832
_FULL_ACCURACY = 0.97
_CHARGED_ACCURACY = 0.6


def statements(plan: Plan, results: Iterable[ArmResult]) -> tuple[Statement, ...]:
    """Return one statement for each expectation that the trained arms can decide.

    The interval of a mean over seeds is compared with a threshold. The outcome is ``open`` if the threshold lies inside it, or
    if a single seed gives no interval. If some seeds could not be trained, nothing ``holds``.
    """
    found: list[Statement] = []
    for each in results:
        if not each.trained:
            found += [_state_refusal(each, status, note) for status, note in each.refusals]
        elif each.arm.estimator == TUTORIAL_RULE:
            found += [
                weaken(made(each), _describe_missing_seeds(each)) for made in (_collapse, _decoder_alone, _tutorial_claim)
            ]
        else:
            found += [weaken(made, _describe_missing_seeds(each)) for made in _state_learning(plan, each)]
    return tuple(found)


def _state_learning(plan: Plan, result: ArmResult) -> list[Statement]:
    threshold = _threshold(plan, result)
    if threshold is None:
        return []
    arm, accuracy = result.arm, result.over(lambda each: each.test.accuracy)
    trained = f"{arm.estimator} ({arm.encoder}/{arm.decoder})"
    claim = f"With {trained}, at least {threshold:.3g} of the test edges are inferred after {arm.steps} steps."
    return [Statement(claim=claim, outcome=judge_at_least(accuracy, threshold), measured=f"accuracy {accuracy}")]


def _threshold(plan: Plan, result: ArmResult) -> float | None:
    """Return the accuracy expected of an estimator that works; None if nothing was expected beforehand."""
    arm = result.arm
    if plan.data.simulator == "charged":
        return _CHARGED_ACCURACY if plan.size == "full" else None
    if plan.size == "full":
        return _FULL_ACCURACY
    if (arm.encoder, arm.decoder) != ("mlp", "mlp"):
        return None
    if arm.estimator == "gumbel_softmax" and arm.steps >= _LONG_STEPS:
        return _LONG_ACCURACY
    return _SMALL_ACCURACY if arm.steps >= _SMALL_STEPS else None


def _collapse(result: ArmResult) -> Statement:
    """State whether the encoder collapses as in the tutorial's published curves: chance accuracy, uniform posterior."""
    accuracy = result.over(lambda each: each.test.accuracy)
    kl, plotted = result.over(lambda each: each.test.kl), result.over(lambda each: each.test.kl_plotted)
    return Statement(
        claim=f"With {result.label}, the encoder learns nothing: accuracy at most {CHANCE}, true KL below {COLLAPSED}.",
        outcome=judge_both(judge_at_most(accuracy, CHANCE), judge_at_most(kl, COLLAPSED)),
        measured=f"accuracy {accuracy}; true KL {kl}, as plotted {plotted.mean:.2f}",
        note="A true KL of zero means a uniform posterior. Without its constant, the KL is then -(N - 1) ln K, which is -2.77 "
        "for five particles: the value of the tutorial's curve from its first epoch on.",
    )


def _decoder_alone(result: ArmResult) -> Statement:
    """State whether the NLL falls although the accuracy stays at chance."""
    before = result.over(lambda each: each.curve[1].scores.nll)
    after = result.over(lambda each: each.curve[each.best].scores.nll)
    # A seed's two NLLs are paired: their difference varies less over seeds than either of them.
    left = result.over(lambda each: each.curve[each.best].scores.nll - each.curve[1].scores.nll / 2)
    return Statement(
        claim=f"With {result.label}, the validation NLL still falls by half or more after the first epoch.",
        outcome=judge_at_most(left, 0),
        measured=f"from {before.mean:.4g} to {after.mean:.4g} nats per particle; last minus half the first: {left}",
        note="The decoder learns by itself, so a falling NLL does not show that a graph was inferred.",
    )


def _tutorial_claim(result: ArmResult) -> Statement:
    accuracy = result.over(lambda each: each.test.accuracy)
    return Statement(
        claim=f"The tutorial recommends its Categorical as a gradient estimator: with it ({result.label}), edges are inferred.",
        outcome=judge_at_least(accuracy, CHANCE),
        measured=f"accuracy {accuracy}; chance is 0.5, or up to {CHANCE} after relabelling",
        note="For two types, its weights on an index give the logits a gradient of exactly zero. On a one-hot sample, the same "
        "weights are ReinMax.",
    )


def _describe_missing_seeds(result: ArmResult) -> str:
    """Return a note on the seeds that are missing from a mean."""
    if not result.refusals:
        return ""
    return f"without the seeds that ended as: {', '.join(status for status, _ in result.refusals)}"


def _state_refusal(result: ArmResult, status: JobStatus, note: str) -> Statement:
    return Statement(
        claim=f"{result.label} can train an encoder.",
        outcome="open" if status == "crashed" else "fails",
        measured=status,
        note=note,
    )
