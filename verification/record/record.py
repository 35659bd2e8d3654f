"""The record of a run: the request, the answers, and both as JSON.

A record holds everything that a report shows; reports compute nothing. Clocks and memory stand under ``timing`` alone, so
that two records of the same run are equal everywhere else, bit by bit. NaN and infinities are written as strings.
"""

from __future__ import annotations

import json
import math
import os
import stat
import tempfile
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from ..verdicts import CellWord, Claim, FamilyOutcome, Outcome, Status
from .migration import READABLE, migrate
from .study import Study, study_from

__all__ = ["SCHEMA_VERSION", "Cell", "Check", "Family", "Record", "Run", "schema"]

SCHEMA_VERSION = "2.0"

_NON_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


@dataclass(frozen=True, kw_only=True)
class Check:
    """One question about one cell, and its answer.

    Attributes:
        check: ``conformance``, ``forward_law``, ``bias``, ``variance``, ``cost`` or ``references``.
        outcome: The word of the verdict, e.g. ``unbiased``, ``biased``, ``inconclusive``, ``no-gradient``, ``pass``.
        claim: ``supported``, ``refuted``, ``inconclusive``, or ``none`` if nothing was claimed.
        estimate: The number in question (for ``bias``: the worst channel's bias), in units of the gradient.
        interval: The confidence interval of ``estimate``: lower and upper limit.
        detectable: The smallest bias that the check would have seen with probability 0.9.
        num_samples: The number of rows on which the answer rests.
        reference: The reference with which the estimator was compared, e.g. ``exact (enumeration)``.
        note: One sentence for a reader.
        details: The fields that only this kind of check has; JSON has them beside those above, and the JSON Schema lists them.
        timing: Seconds and bytes; never part of a comparison.
    """

    check: str
    outcome: Outcome
    claim: Claim = "none"
    estimate: float | None = None
    interval: tuple[float, float] | None = None
    detectable: float | None = None
    num_samples: int = 0
    reference: str = ""
    note: str = ""
    details: Mapping[str, Any] = field(default_factory=dict)
    timing: Mapping[str, float] = field(default_factory=dict)

    @property
    def relative_error(self) -> Mapping[str, Any] | None:
        """The norm of a bias over that of the gradient, ``estimate`` and ``interval``; None if it is not known."""
        return self.details.get("relative_error")

    @property
    def scale(self) -> Mapping[str, Any] | None:
        """The part of the mean gradient along the true one, over the true one, likewise."""
        return self.details.get("scale")

    @property
    def angle(self) -> Mapping[str, Any] | None:
        """The angle between the mean gradient and the true one in degrees, likewise; None for one parameter."""
        return self.details.get("angle")

    @property
    def kind(self) -> str:
        """The kind of a bias, such as ``rescaled`` or ``turned``; empty where no bias was found."""
        return str(self.details.get("kind") or "")

    @property
    def relative(self) -> float | None:
        """The bias of the deciding channel over that channel's scale.

        Deprecated, for one minor version: it is no number of the gradient's; see `relative_error`, `scale` and `angle`.
        """
        warnings.warn(
            "Check.relative is deprecated; see Check.relative_error, .scale and .angle", DeprecationWarning, stacklevel=2
        )
        known: float | None = self.details.get("channel_relative")
        if known is not None or self.estimate is None:
            return known
        watched = self.details.get("channel")
        units = [each["scale"] for each in self.details.get("channels") or () if each.get("name") == watched]
        if units:
            return self.estimate / units[0] if units[0] else None
        error = self.relative_error
        return None if error is None else math.copysign(error["estimate"], self.estimate)


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One estimator on one problem.

    Attributes:
        estimator: The name of the estimator, as registered or as given.
        problem: The key of the problem, ``family:size/objective/parameter``.
        status: ``ok``, ``failed``, ``crashed`` or ``timeout``.
        checks: The checks, in order.
        claims: The claims that the estimator declares.
        replay: The command that repeats this cell.
        facts: Figures of the problem: ``dimension``, ``exact`` gradient, ``scale``, ``p_gate``.
        timing: The seconds spent.
    """

    estimator: str
    problem: str
    status: Status
    checks: tuple[Check, ...] = ()
    claims: Mapping[str, Any] = field(default_factory=dict)
    replay: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)
    timing: Mapping[str, float] = field(default_factory=dict)

    def find(self, check: str) -> Check | None:
        """Return the first check of that name, or None."""
        return next((each for each in self.checks if each.check == check), None)

    @property
    def word(self) -> CellWord:
        """The word that stands for the cell in a table: its bias outcome, or how the cell ended before there was one."""
        if self.status == "crashed" or self.status == "timeout":
            return self.status
        bias, references = self.find("bias"), self.find("references")
        if bias is not None:
            return bias.outcome
        if references is not None:
            return "failed" if references.outcome == "disagree" else "agree"
        return "failed" if self.status == "failed" else "not tested"


@dataclass(frozen=True, kw_only=True)
class Family:
    """The growth of one replicate's variance with a problem's size, for one estimator.

    Attributes:
        estimator: The name of the estimator.
        family: The family of problems, e.g. ``random_walk/square/p``.
        exponent: The slope of ln variance on ln size.
        interval: The 95 % interval of the exponent.
        outcome: ``fitted``, ``poor fit`` or ``too few points``.
        claim: ``supported`` if a declared exponent lies in the interval.
        points: One mapping for every size: ``size, variance, interval, exact, num_samples, used``.
        note: One sentence for a reader.
    """

    estimator: str
    family: str
    exponent: float | None
    interval: tuple[float, float] | None
    outcome: FamilyOutcome
    claim: Claim = "none"
    points: tuple[Mapping[str, Any], ...] = ()
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Run:
    """The head of a record: the request, and the place where it ran."""

    command: str
    profile: str
    seed: int
    device: str
    dtype: str
    alpha: float
    tolerance: float
    complete: bool
    time_truncated: bool = False
    num_tests: int = 0
    versions: Mapping[str, str] = field(default_factory=dict)
    budget: Mapping[str, Any] = field(default_factory=dict)
    timing: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Record:
    """A whole run, as it is written to ``report.json``.

    Attributes:
        run: The head.
        cells: The cells, those of the references first.
        families: The exponents of families of problems.
        studies: The studies of the session.
        schema_version: The version of the record's form.
        read_from: The version of the text from which the record was read; it is not written.
    """

    run: Run
    cells: tuple[Cell, ...]
    families: tuple[Family, ...] = ()
    studies: tuple[Study, ...] = ()
    schema_version: str = SCHEMA_VERSION
    read_from: str = SCHEMA_VERSION

    def to_json(self) -> str:
        """Return the record as JSON text, with keys in a fixed order and non-finite numbers as strings."""
        data = asdict(self)
        del data["read_from"]
        for cell in data["cells"]:
            cell["checks"] = [each | each.pop("details") for each in cell["checks"]]
        return json.dumps(_encode(data), allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Record:
        """Read a record from the text that `to_json` wrote.

        Raises:
            ValueError: The text is not a record, or a record of another schema version.
        """
        try:
            data = _decode(json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=_refuse_repeats))
            version = data["schema_version"]
        except KeyError as error:
            raise ValueError(f"not a gradverify record (no {error.args[0]}); expected the report.json of a run") from error
        except (ValueError, TypeError, RecursionError) as error:
            raise ValueError(f"not a gradverify record ({error}); expected the report.json of a run") from error
        if version not in (SCHEMA_VERSION, *READABLE):
            known = ", ".join(map(repr, (SCHEMA_VERSION, *READABLE)))
            raise ValueError(f"the record has schema version {version!r}; this gradverify reads {known}")
        try:
            data = migrate(data)
            return cls(
                read_from=version,
                run=_build(Run, data["run"]),
                cells=tuple(_cell(each) for each in data["cells"]),
                families=tuple(_build(Family, each) for each in data["families"]),
                studies=tuple(study_from(each) for each in data.get("studies", ())),
            )
        except (TypeError, KeyError, AttributeError, IndexError, ValueError, OverflowError, RecursionError) as error:
            raise ValueError(f"not a gradverify record ({error}); expected the report.json of a run") from error

    def write(self, path: Path) -> None:
        """Write the record to `path` by way of a temporary file beside it, so that no reader sees half a record."""
        write_atomically(path, self.to_json())

    @classmethod
    def read(cls, path: Path) -> Record:
        """Read a record from a file.

        Raises:
            ValueError: It is no ordinary file, it is larger than any record, or it holds no record.
            OSError: It cannot be read.
        """
        try:
            return cls.from_json(_read_text(path))
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error


LARGEST_FILE = 256 * 2**20
"""The bytes of a record's file at most."""


def _read_text(path: Path) -> str:
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        raise ValueError("it is no ordinary file; expected the report.json of a run")
    if found.st_size > LARGEST_FILE:
        raise ValueError(f"it has {found.st_size:,} bytes; expected the report.json of a run, of {LARGEST_FILE:,} at most")
    return path.read_text(encoding="utf-8")


def _refuse_constant(word: str) -> float:
    raise ValueError(f"{word} is no JSON; a record holds it as a string")


def _refuse_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"the key {next(name for name in names if names.count(name) > 1)!r} stands twice in one object")
    return found


def write_atomically(path: Path, content: str | bytes) -> None:
    """Write a file whole or not at all: to a temporary name in the same folder, which is then renamed."""
    # Names of files may be no Unicode; what is written is UTF-8 all the same.
    text = content.encode("utf-8", "surrogateescape").decode("utf-8", "replace") if isinstance(content, str) else ""
    data = text.encode("utf-8") if isinstance(content, str) else content
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(data)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


@cache
def schema() -> dict[str, Any]:
    """Return the JSON Schema that every written record obeys."""
    text = resources.files(__package__).joinpath("record.schema.json").read_text(encoding="utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded


def _cell(data: Mapping[str, Any]) -> Cell:
    checks = tuple(_check(each) for each in data["checks"])
    cell: Cell = _build(Cell, {**data, "checks": checks, "claims": _respell(data.get("claims", {}))})
    return cell


def _respell(claims: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a cell's claims in today's spelling: records of version 0.1 say ``no_gradient`` for ``no-gradient``."""
    return {**claims, "bias": "no-gradient"} if claims.get("bias") == "no_gradient" else claims


def _check(data: Mapping[str, Any]) -> Check:
    core = {each.name for each in fields(Check)} - {"details"}
    details = {key: value for key, value in data.items() if key not in core}
    check: Check = _build(Check, {**{key: data[key] for key in data if key in core}, "details": details})
    return check


def _build(kind: type, data: Mapping[str, Any]) -> Any:
    known = {each.name for each in fields(kind)}
    unknown = sorted(set(data) - known)
    if unknown:
        raise ValueError(f"not a gradverify record: {kind.__name__} has no field {unknown[0]!r}")
    values = {
        name: tuple(value) if isinstance(value, list) and name in ("interval", "points") else value
        for name, value in data.items()
    }
    return kind(**values)


def _encode(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")
    if isinstance(value, Mapping):
        return {str(key): _encode(each) for key, each in value.items()}
    if isinstance(value, Iterable) and not isinstance(value, str):
        return [_encode(each) for each in value]
    return value


def _decode(value: Any) -> Any:
    if isinstance(value, str):
        return _NON_FINITE.get(value, value)
    if isinstance(value, dict):
        return {key: _decode(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_decode(each) for each in value]
    return value
