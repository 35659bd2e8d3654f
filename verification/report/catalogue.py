"""The README's table of estimators: the claims of each estimator, and the outcomes in a record."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from ...estimators.protocol import ALL_SITES, CATEGORICAL_SITES, Description, Estimator, describe
from ..record.record import Record

__all__ = ["estimator_table"]

_SHORT = {"OneHotCategorical": "OneHot"}


def estimator_table(estimators: Mapping[str, Estimator], record: Record) -> str:
    """Return a Markdown table: name, paper, sites, evaluations a replicate, claim, and the record's bias outcomes.

    Args:
        estimators: Name -> estimator, in the order of the rows.
        record: The record of a run over them.
    """
    head = "| name | paper | sites | evaluations | claim | found |\n|---|---|---|---|---|---|\n"
    return head + "".join(_row(name, describe(each), record) for name, each in estimators.items())


def _row(name: str, about: Description, record: Record) -> str:
    evaluations = "by program" if about.evaluations is None else str(about.evaluations)
    if about.needs_differentiable:
        evaluations += " + gradient"
    claim = about.claims.bias.replace("-", " ")
    if about.claims.exact_degree is not None:
        claim += f", exact to degree {about.claims.exact_degree}"
    if about.claims.continuous_only:
        claim += " for continuous objectives"
    return f"| `{name}` | {about.reference} | {_sites(about)} | {evaluations} | {claim} | {_outcomes(name, record)} |\n"


def _sites(about: Description) -> str:
    if about.sites == ALL_SITES:
        return "all"
    if about.sites == CATEGORICAL_SITES:
        return "bits, categories"
    return ", ".join(_SHORT.get(each.__name__, each.__name__) for each in about.sites)


def _outcomes(name: str, record: Record) -> str:
    """Count the outcomes, the most frequent first, without the problems to which the estimator does not apply."""
    checks = (cell.find("bias") for cell in record.cells if cell.estimator == name)
    counts = Counter(each.outcome for each in checks if each is not None and each.outcome != "not-applicable")
    return ", ".join(f"{count} {outcome}" for outcome, count in counts.most_common()) or "–"
