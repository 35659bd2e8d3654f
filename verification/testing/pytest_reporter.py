"""The reporter of a session: the record, the summary, and the error budget over all its processes."""

from __future__ import annotations

import shlex
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from .pytest_session import Book, Budget, launcher, merge_records

if TYPE_CHECKING:
    from _pytest.terminal import TerminalReporter

__all__ = ["Reporter"]


@dataclass(eq=False)
class Reporter:
    """Collects what the tests' processes found; registered in the one that reports, never in a worker of pytest-xdist.

    Attributes:
        config: The session's.
        budget: What may be spent, over all processes.
        book: What was found.
        started: Seconds since 1970.
        written: Where the record was written to.
        unwritten: Why it could not be.
    """

    config: pytest.Config
    budget: Budget
    book: Book = field(default_factory=Book)
    started: float = field(default_factory=time.time)
    written: Path | None = None
    unwritten: str = ""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Enter what a phase of a test found."""
        found = getattr(report, "gradverify", None)
        if found is not None:
            self.book.add(report.nodeid, report.when, found)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        """Write the record; fail a session that cannot, or whose processes together spent more than its budget."""
        path = self.config.getoption("gradverify_record")
        if path and self.book.entries:
            self._write((self.config.invocation_params.dir / path).resolve(), self._head(complete=_complete(session)))
        wrong = self.unwritten or self.budget.exceeded_by(self.book.spent)
        if wrong and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def _write(self, path: Path, head: dict[str, Any]) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            merge_records(self.book.assertions, head=head).write(path)
        except OSError as error:
            self.unwritten = f"the record could not be written to {path}: {error.strerror}"
        else:
            self.written = path

    def _head(self, *, complete: bool) -> dict[str, Any]:
        return {
            "command": shlex.join([*launcher(self.config), *map(str, self.config.invocation_params.args)]),
            "seed": self.config.getoption("gradverify_seed"),
            "alpha": self.budget.total,
            "complete": complete,
            "budget": {
                "rule": f"{self.budget.total:g} for the session, {self.budget.share:g} for an assertion that asks for no more",
                "spent": self.book.spent,
            },
            "timing": {"started": self.started, "seconds": time.time() - self.started},
        }

    def pytest_terminal_summary(self, terminalreporter: TerminalReporter) -> None:
        """One line a verdict, and what became of the budget; with ``-q`` only the verdicts that do not hold."""
        asked = self.config.getoption("gradverify_record")
        if not self.book.entries and not asked:
            return
        terminalreporter.section("gradverify")
        if not self.book.entries:
            terminalreporter.write_line("no assertion was made, so there is no record to write")
        quiet = self.config.get_verbosity() < 0
        for each in self.book.assertions:
            for line in each.lines:
                if not (quiet and line.passed):
                    word = "holds" if line.passed else "FAILS"
                    terminalreporter.write_line(f"{word}: {line.sentence} ({each.test})", red=not line.passed)
        self._budget_line(terminalreporter)
        if self.written:
            terminalreporter.write_line(f"record: {self.written}")
        elif self.unwritten:
            terminalreporter.write_line(self.unwritten, red=True)

    def _budget_line(self, terminalreporter: TerminalReporter) -> None:
        made, spent, total = len(self.book.assertions), self.book.spent, self.budget.total
        seed = self.config.getoption("gradverify_seed")
        over = self.budget.exceeded_by(spent)
        said = f"error budget: {spent:.3g} of {total:g} spent on {made} assertions; master seed {seed}"
        if over:
            said += "; MORE THAN THERE IS: raise the ini option gradverify_assertions, so that each gets less"
        terminalreporter.write_line(said, red=over)


def _complete(session: pytest.Session) -> bool:
    """Return True if every test was run: the session was neither interrupted nor ended by ``-x`` or its like."""
    ended = session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED)
    return ended and not (session.shouldstop or session.shouldfail)
