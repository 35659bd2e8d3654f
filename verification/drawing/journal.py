"""The journal keeps results on disk as they come, so that a stopped run loses at most the tasks in flight."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import warnings
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from ..plan import Settings
from ..record.head import versions
from .answers import DamagedAnswerError, read_answer, write_answer
from .executors import Executor, Failure
from .tasks import Task

__all__ = ["JOURNAL", "Journal", "fingerprint", "package_digest"]

JOURNAL = ".journal.sqlite"
"""Name of the journal in a run's folder; a complete run removes it."""


class Journal:
    """An executor that remembers: a task that was answered before is answered from disk, without running it.

    Rows depend on the seed and on what is drawn, never on who draws it or when, so that a resumed run's record is the
    record of a run that was never stopped, clocks aside. Failures are not kept: what crashed is tried again.

    The file holds data alone, each answer with a hash of it and of its task. An answer that is not what was written is dropped
    with a warning, and its task is done again.

    Args:
        inner: Runs what is not known yet.
        path: The journal's file; made anew unless `resume`.
        identity: `fingerprint` of the run. Answers of another run are refused.
        resume: Whether to use what the file holds.

    Raises:
        ValueError: The file holds answers of another run, or is no journal.
        OSError: The file cannot be made.
    """

    def __init__(self, inner: Executor, path: Path, identity: str, *, resume: bool) -> None:
        self.capacity = inner.capacity
        self._inner = inner
        self._ready: deque[tuple[Any, Any]] = deque()
        self._asked: dict[Any, str] = {}
        self._open = True
        if not resume:
            path.unlink(missing_ok=True)
        try:
            self._base = _connect(path, identity)
        except sqlite3.Error as error:
            raise OSError(0, f"the journal cannot be used ({error}); remove it, or run without --resume", str(path)) from error
        self.answered = int(self._base.execute("SELECT count(*) FROM results").fetchone()[0])

    def submit(self, key: Any, task: Task) -> None:
        """Answer a task from the journal, or hand it on."""
        name = hashlib.blake2b(repr(task).encode(), digest_size=16).hexdigest()
        known = self._find(name) if self._open else None
        if known is not None:
            self._ready.append((key, known))
        else:
            self._asked[key] = name
            self._inner.submit(key, task)

    def next(self) -> tuple[Any, Any]:
        """Return a known answer if there is one, else the next result of the inner executor."""
        if self._ready:
            return self._ready.popleft()
        key, result = self._inner.next()
        name = self._asked.pop(key)
        if not isinstance(result, Failure):
            self._keep(name, result)
        return key, result

    def close(self) -> None:
        """Stop at once; the answers stay on disk."""
        self._inner.close()
        self._base.close()
        self._open = False

    def _find(self, name: str) -> Any:
        """Return the answer to a task; None if there is none, or if it is damaged."""
        try:
            known = self._base.execute("SELECT result, digest FROM results WHERE task = ?", (name,)).fetchone()
            if known is None:
                return None
            if not isinstance(known[0], str) or known[1] != _digest(name, known[0]):
                raise DamagedAnswerError("its hash is another one")
            return read_answer(known[0])
        except (sqlite3.Error, DamagedAnswerError) as error:
            said = f"the journal's answer to a task is damaged ({error}); the task is done again"
            warnings.warn(said, RuntimeWarning, stacklevel=3)
            return None

    def _keep(self, name: str, result: Any) -> None:
        if not self._open:
            return
        try:
            with self._base:
                text = write_answer(result)
                self._base.execute("INSERT OR REPLACE INTO results VALUES (?, ?, ?)", (name, text, _digest(name, text)))
        except sqlite3.Error as error:
            # A full disk must not end a run whose record may still fit.
            self._base.close()
            self._open = False
            warnings.warn(f"the journal is given up ({error}); this run cannot be resumed", RuntimeWarning, stacklevel=2)


def fingerprint(
    settings: Settings, sources: Mapping[str, str], *, targets: Iterable[str] = (), problems: Iterable[str] = ()
) -> str:
    """Return what identifies a run, as JSON text: its settings, its estimators and problems, versions and code.

    Args:
        settings: The run's settings; its time limit does not count.
        sources: Target -> digest, for the code that targets point to.
        targets: Names of its estimators, in any order.
        problems: Names of its problems, in any order.
    """
    counted = {**asdict(replace(settings, budget=None)), "versions": versions(), "package": package_digest()}
    over = {"targets": sorted(targets), "problems": sorted(problems)}
    return json.dumps({**counted, **over, "sources": dict(sources)}, sort_keys=True)


@cache
def package_digest() -> str:
    """Return a hash of the package's own source files: a version number does not change while it is being worked on."""
    found = hashlib.blake2b(digest_size=16)
    for package in ("gradverify.estimators", "gradverify.verification"):
        for each in sorted(Path(str(resources.files(package))).rglob("*.py")):
            found.update(each.read_bytes())
    return found.hexdigest()


def _connect(path: Path, identity: str) -> sqlite3.Connection:
    base = sqlite3.connect(path)
    # Losing the last answers to a power cut costs their time only.
    base.execute("PRAGMA synchronous = OFF")
    with base:
        base.execute("CREATE TABLE IF NOT EXISTS run (identity TEXT)")
        base.execute("CREATE TABLE IF NOT EXISTS results (task TEXT PRIMARY KEY, result TEXT, digest TEXT)")
        known = base.execute("SELECT identity FROM run").fetchone()
        if known is None:
            base.execute("INSERT INTO run VALUES (?)", (identity,))
    if known is not None and known[0] != identity:
        base.close()
        raise ValueError(f"{path.parent} holds an unfinished run that differs in {_difference(known[0], identity)}; "
                         "ask for the same run, or leave --resume out to begin anew")  # fmt: skip
    return base


def _digest(task: str, text: str) -> str:
    return hashlib.blake2b(f"{task} {text}".encode(), digest_size=16).hexdigest()


def _difference(known: str, asked: str) -> str:
    before, now = json.loads(known), json.loads(asked)
    return ", ".join(sorted(name for name in {*before, *now} if before.get(name) != now.get(name)))
