"""Problems of the user are rehearsed in a process that may crash, before this process binds them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ...estimators.adapters.locating import describe_error
from ...estimators.registry import ESTIMATORS, TargetError
from ..foreign.apart import examine_apart
from ..foreign.isolation import message_of, out_of_memory
from ..foreign.targets import Finding
from ..plan import Settings
from ..problems.problem import Problem, ProblemError, hold_to_rows
from ..problems.registry import find_problems, is_own
from ..record.record import Cell, Check
from ..truth.references import secondary_references
from ..verdicts import Status
from ..workbench import Workbench

__all__ = ["Rehearsed", "rehearse"]


@dataclass(frozen=True)
class Rehearsed:
    """The problems of a run after their rehearsal.

    Attributes:
        usable: The problems that can be bound in this process.
        broken: The findings on the others.
    """

    usable: tuple[str | Problem, ...]
    broken: tuple[Finding, ...] = ()

    def cells(self, estimators: Sequence[str]) -> list[Cell]:
        """Return the cells of the problems that cannot be used: one for each estimator, with the status and the reason."""
        return [_broken_cell(name, finding) for name in estimators for finding in self.broken]


def rehearse(problems: Sequence[str | Problem], settings: Settings, limit: float, notify: Callable[[str], None]) -> Rehearsed:
    """Load and call the user's problems as a run will, in a process that may crash, hang or exit.

    Args:
        problems: Names with their parameters, or objects, which are taken as they are.
        settings: The run's settings.
        limit: The seconds that one problem may take.
        notify: Called with a sentence on every problem that is left out.

    Raises:
        TargetError: No problem can be used, and each is wrong in itself.
    """
    placed = [each for each in dict.fromkeys(problems) if isinstance(each, str) and not is_own(each)]
    broken = {each.target: each for each in examine_apart(placed, _rehearse, settings, limit) if each.status != "ok"}
    if broken and len(broken) == len(problems) and all(each.status == "refused" for each in broken.values()):
        raise TargetError("\n".join(each.note for each in broken.values()))
    for finding in broken.values():
        notify(f"not judged: {_sentence(finding)}")
    return Rehearsed(tuple(each for each in problems if each not in broken), tuple(broken.values()))


def _rehearse(target: str, settings: Settings) -> Finding:
    """Do in this process what a run does with a problem in its own: bind it, hold it to its contract, find its references."""
    try:
        for problem in find_problems([target], quick=False):
            bench = Workbench(settings, ESTIMATORS.__getitem__, {problem.name: problem}.__getitem__)
            bench.probe(problem.name)
            hold_to_rows(bench.problem(problem.name))
            others = secondary_references(bench.problem(problem.name), bench.reference(problem.name).kind)
            for kind in (kind for kind, reason in others.items() if not reason):
                bench.sampled_reference(kind, problem.name)
    except (TargetError, ProblemError) as error:
        spent = isinstance(error.__cause__, RecursionError) or out_of_memory(error.__cause__ or error)
        return Finding(target, None, "crashed" if spent else "refused", message_of(error))
    except BaseException as error:
        return Finding(target, None, "crashed", describe_error(error))
    return Finding(target)


def _sentence(finding: Finding) -> str:
    """Return a finding's note, which names the problem."""
    return finding.note if finding.status == "refused" else f"problem {finding.target!r}: {finding.note}"


def _broken_cell(estimator: str, finding: Finding) -> Cell:
    refused = finding.status == "refused"
    check = Check(check="bias", outcome="failed", note=_sentence(finding), details={"reason": "unusable"} if refused else {})
    status: Status = "failed" if finding.status == "refused" else finding.status
    return Cell(estimator=estimator, problem=finding.target, status=status, checks=(check,))
