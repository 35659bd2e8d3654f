"""The words of verdicts, as types: the type checker refuses a word that is not in this file.

Records hold the words themselves. A comparison with a misspelt word is an error of ``nox -s types`` (``strict_equality``).
"""

from __future__ import annotations

from typing import Literal

__all__ = [
    "Acceptance",
    "BiasKind",
    "BiasOutcome",
    "BiasReason",
    "CellWord",
    "Claim",
    "ConformanceOutcome",
    "ConformanceReason",
    "EndReason",
    "Ending",
    "ExactOutcome",
    "Expectation",
    "FamilyOutcome",
    "LawOutcome",
    "LimitOutcome",
    "LimitReason",
    "Material",
    "Outcome",
    "ReferencesOutcome",
    "Scale",
    "StatementOutcome",
    "Status",
    "VarianceOutcome",
]

BiasOutcome = Literal["unbiased", "biased", "inconclusive", "no-gradient", "not-applicable", "failed"]
"""The outcome of a bias check."""

ConformanceOutcome = Literal["pass", "failed", "no-gradient", "not-applicable"]
"""The outcome of the structural checks."""

LawOutcome = Literal["pass", "failed", "not-tested"]
"""The outcome of the check that sampled values follow their site's law."""

ExactOutcome = Literal["exact", "not-measured"]
"""The outcome of a variance that was computed over all draws."""

VarianceOutcome = Literal["measured", "matches exact", "differs from exact"]
"""The outcome of a sampled variance, compared with the exact one where that is known."""

LimitOutcome = Literal["within", "above", "inconclusive", "failed", "not measured"]
"""The outcome of an assertion that a variance does not exceed a limit or a baseline's."""

ReferencesOutcome = Literal["agree", "disagree", "inconclusive", "not compared"]
"""The outcome of a comparison of references."""

FamilyOutcome = Literal["fitted", "poor fit", "too few points"]
"""The outcome of the fit of an exponent."""

Ending = Literal["failed", "crashed", "timeout"]
"""How a task or a cell ended that gave no result."""

Outcome = (
    BiasOutcome
    | ConformanceOutcome
    | LawOutcome
    | ExactOutcome
    | VarianceOutcome
    | LimitOutcome
    | ReferencesOutcome
    | FamilyOutcome
    | Ending
)
"""The outcome of any check of a record. An attribution's names sites, so it is cast to this type where it is made."""

CellWord = Outcome | Literal["not tested"]
"""The word that stands for a whole cell in a table: its bias outcome, or how it ended before there was one."""

StatementOutcome = Literal["holds", "fails", "open"]
"""The outcome of a statement that a study makes beforehand."""

Claim = Literal["supported", "refuted", "inconclusive", "none"]
"""What a check says of the claim that it concerns; ``none`` where nothing was claimed."""

Status = Literal["ok"] | Ending
"""How a cell ended."""

Material = Literal["material", "negligible", "undetermined", ""]
"""The size of a bias against the tolerance; empty where no bias was found."""

BiasKind = Literal["rescaled", "reversed", "zero", "turned", "reweighted", "undetermined", ""]
"""The kind of a bias: how the mean gradient lies beside the true one; empty where no bias was found."""

Scale = Literal["whole", "coordinate"]
"""The unit of the tolerance: the norm of the whole gradient, or each coordinate's own size."""

Acceptance = Literal["unbiased", "rescaled"]
"""The mean gradients that support a claim of no bias: the true one alone, or also one of the right direction."""

Expectation = Literal["claims", "unbiased", "biased", "any", "no-gradient"]
"""What an estimator is held to: its own ``claims``, or one of the other words."""

EndReason = Literal["budget", "time", "interrupted"]
"""The reason why a bias test was ended before it was decided."""

BiasReason = (
    Literal[
        "",
        "gate",
        "tail",
        "suspect",
        "degenerate",
        "reference",
        "deterministic",
        "alarm not confirmed",
        "non-finite",
        "not reproducible",
    ]
    | EndReason
)
"""The reason for a bias outcome; empty where the outcome says it all."""

ConformanceReason = Literal[
    "",
    "refused",
    "no gradient path",
    "global random state",
    "shared state",
    "shape",
    "dtype or device",
    "attached",
    "not finite",
    "not reproducible",
    "dependent rows",
    "repeated rows",
    "rows not isolated",
    "call sizes",
    "compiled walk differs",
]
"""The structural check that an estimator did not pass; empty where it passed all."""

LimitReason = Literal["", "tail", "gate", "not finite"]
"""The reason why an assertion about a variance has no answer; empty where it has one."""
