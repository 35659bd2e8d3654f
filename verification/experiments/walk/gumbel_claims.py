"""The tutorial's claims about Gumbel-Softmax."""

from __future__ import annotations

from ...record.study import Statement
from ..spread import describe_span
from ..statement_outcomes import decide
from .biases import Biases
from .closeness import all_close, all_far
from .design import GUMBEL
from .findings import Findings

__all__ = ["deviates", "drifts", "is_biased"]


def deviates(findings: Findings) -> Statement | None:
    """State whether Gumbel-Softmax's marginals deviate on the held-out part."""
    apart = findings.spreads("wasserstein", GUMBEL)
    if not apart:
        return None
    return Statement(
        claim="The tutorial claims that Gumbel-Softmax drifts early and deviates substantially in the testing region.",
        outcome=decide(all_far(apart), all_close(apart)),
        measured=f"Wasserstein distance on the held-out part {describe_span(apart)} positions",
        note="The walks are drawn hard at the calibrated theta, as they would be in use.",
    )


def drifts(findings: Findings) -> Statement | None:
    """State whether Gumbel-Softmax accumulates an error over 1,000 steps."""
    errors = findings.spreads("long_error", GUMBEL)
    if not errors:
        return None
    return Statement(
        claim="The tutorial claims that over 1,000 steps Gumbel-Softmax accumulates a large position error.",
        outcome=decide(all_far(errors), all_close(errors)),
        measured=f"error of the mean position after 1,000 steps {describe_span(errors)}",
        note="A settled walk forgets its start, so nothing accumulates; and the error of theta is small.",
    )


def is_biased(findings: Findings) -> Statement | None:
    """State whether Gumbel-Softmax's gradient is biased, and what the bias costs."""
    biases = Biases.of(findings, GUMBEL)
    if not biases.known:
        return None
    errors = findings.spreads("error", GUMBEL)
    return Statement(
        claim="The tutorial claims that Gumbel-Softmax's gradient is biased.",
        outcome="holds" if biases.seen else "open",
        measured=f"a bias is seen at {biases.seen} of {len(biases.known)} points, at most {biases.largest:.1%} of the gradient",
        note=f"The cost of the bias here: at the end, |theta - theta*| is {describe_span(errors)}.",
    )
