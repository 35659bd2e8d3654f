"""The checks of a cell before its rows are drawn, in one list.

To add a check, write a file with its function and its finding, and give it a row in `CELL_CHECKS`. The run does it, the record
holds what it found, and reports show it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from ...estimators.adapters import convention_of
from ...estimators.protocol import NotApplicableError
from ...estimators.registry import ESTIMATORS
from ..record.record import Check
from ..shared_state import kept_state
from ..subject import Subject
from ..verdicts import Claim, Expectation, Outcome
from .call_sizes import check_call_sizes
from .compiled import check_compiled
from .conformance import Conformance, check_conformance
from .forward_law import ForwardLaw, check_forward_law

__all__ = ["CELL_CHECKS", "CellCheck", "Finding", "examine_cell", "record_findings"]


class Finding(Protocol):
    """The answer of a check."""

    @property
    def outcome(self) -> Outcome:
        """The outcome; ``pass`` where nothing is wrong."""
        ...

    @property
    def note(self) -> str:
        """One sentence for a reader, or nothing."""
        ...


@dataclass(frozen=True, kw_only=True)
class CellCheck:
    """A check of an estimator on a problem.

    Attributes:
        name: The name under which its finding stands in the record; a later finding of that name replaces an earlier one.
        examine: A function of the subject and a false-alarm rate that returns the finding.
        record: A function of the finding and what the estimator is held to that returns the record's check.
        finding: The type of its findings, a dataclass of data alone, by which a journal keeps them.
        applies: A function that says whether the check is made of a subject.
        statistical: True if the check may raise a false alarm. The checks of a cell share the rate of one test equally.
        decisive: True if anything but a pass ends the cell.
    """

    name: str
    examine: Callable[[Subject, float], Finding]
    record: Callable[[Any, Expectation], Check]
    finding: type[Any] = Conformance
    applies: Callable[[Subject], bool] = lambda subject: True
    statistical: bool = False
    decisive: bool = False


def _examine_contract(subject: Subject, alpha: float) -> Finding:
    return check_conformance(subject.fitted, subject.problem, subject.generators("conformance"))


def _examine_law(subject: Subject, alpha: float) -> Finding:
    program, params, types = subject.problem.program, subject.problem.params.clone(), subject.probe.types
    return check_forward_law(subject.fitted, program, params, types, subject.generators("forward_law"), alpha)


def _runs_the_program(subject: Subject) -> bool:
    """False for training code, which draws by itself: one call a row, and no site of the program's."""
    return not getattr(subject.unfitted, "one_call_a_row", False)


def _takes_calls_of_any_size(subject: Subject) -> bool:
    """True if an estimator's code is called with whole batches of independent rows, and its 170 calls are worth their time.

    They are for code that somebody brings. Those of this package are held to it by the profile ``thorough``.
    """
    convention = convention_of(subject.unfitted)
    batches = subject.own is None and (convention.layout, convention.group) == ("rows", 1)
    batches = batches and _runs_the_program(subject)
    return batches and (subject.name not in ESTIMATORS or subject.settings.profile.name == "thorough")


def _examine_sizes(subject: Subject, alpha: float) -> Finding:
    return check_call_sizes(subject.fitted, subject.problem, subject.probe, subject.generators("call_sizes"), alpha)


def _examine_compiled(subject: Subject, alpha: float) -> Finding:
    return check_compiled(subject.fitted, subject.drawing, subject.problem, subject.generators("compiled"), alpha)


def _record_conformance(finding: Conformance, claim: Expectation) -> Check:
    expected = finding.outcome in ("pass", "not-applicable") or (finding.outcome, claim) == ("no-gradient", "no-gradient")
    held: Claim = "none" if finding.outcome == "not-applicable" else ("supported" if expected else "refuted")
    details = {"reason": finding.reason}
    return Check(check="conformance", outcome=finding.outcome, claim=held, note=finding.note, details=details)


def _record_law(finding: ForwardLaw, claim: Expectation) -> Check:
    claims: Mapping[Outcome, Claim] = {"pass": "supported", "failed": "refuted"}
    held = claims.get(finding.outcome, "none")
    rows = finding.num_samples
    return Check(check="forward_law", outcome=finding.outcome, claim=held, num_samples=rows, note=finding.note)


CELL_CHECKS: tuple[CellCheck, ...] = (
    CellCheck(name="conformance", examine=_examine_contract, record=_record_conformance, decisive=True),
    CellCheck(
        name="forward_law",
        examine=_examine_law,
        record=_record_law,
        applies=_runs_the_program,
        finding=ForwardLaw,
        statistical=True,
    ),
    CellCheck(
        name="conformance",
        examine=_examine_sizes,
        record=_record_conformance,
        applies=_takes_calls_of_any_size,
        statistical=True,
        decisive=True,
    ),
    CellCheck(
        name="conformance",
        examine=_examine_compiled,
        record=_record_conformance,
        applies=lambda subject: subject.drawing is not subject.fitted,
        statistical=True,
        decisive=True,
    ),
)
"""The checks, in the order in which they are made."""


def examine_cell(subject: Subject, alpha: float) -> dict[str, Finding]:
    """Make the checks of a cell until a decisive one does not pass.

    Args:
        subject: The estimator on the problem.
        alpha: The false-alarm rate of all checks of the cell together.

    Returns:
        The findings by name.
    """
    try:
        _ = subject.fitted
    except NotApplicableError as error:  # said while it was being fitted
        return {"conformance": Conformance("not-applicable", "refused", str(error))}
    findings: dict[str, Finding] = {}
    due = [check for check in CELL_CHECKS if check.applies(subject)]
    share = alpha / max(1, sum(check.statistical for check in due))
    for check in due:
        with kept_state():
            finding = check.examine(subject, share)
        findings[check.name] = _join(findings.get(check.name), finding)
        if check.decisive and findings[check.name].outcome != "pass":
            break
    return findings


def _join(earlier: Finding | None, finding: Finding) -> Finding:
    """Return the later finding of a name, with the note of the earlier one if both passed."""
    if isinstance(earlier, Conformance) and isinstance(finding, Conformance) and finding.outcome == "pass":
        note = "; ".join(filter(None, (earlier.note, finding.note)))
        return replace(finding, note=note, overflow=earlier.overflow or finding.overflow)
    return finding


def record_findings(findings: Mapping[str, Finding], claim: Expectation, *, decisive_only: bool) -> list[Check]:
    """Return the record's checks of what was found, in the order of the list.

    Args:
        findings: The findings by name.
        claim: What the estimator is held to.
        decisive_only: If True, leave out what does not matter for a cell that ended early.
    """
    rows = {check.name: check for check in reversed(CELL_CHECKS) if check.decisive or not decisive_only}
    ordered = dict.fromkeys(check.name for check in CELL_CHECKS)
    return [rows[name].record(findings[name], claim) for name in ordered if name in rows and name in findings]
