"""The result of a self-test, written to JSON and read from it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from functools import cache
from importlib import resources
from typing import Any, Literal

__all__ = [
    "SCHEMA_VERSION",
    "KillOutcome",
    "KillRow",
    "NullEvent",
    "NullRow",
    "PowerRow",
    "ProfileName",
    "RefusalRow",
    "SelfTest",
    "exit_status",
    "schema",
]

SCHEMA_VERSION = "1.0"

ProfileName = Literal["fast", "full"]

NullEvent = Literal["verdict", "first stage"]
"""The error of a cell without bias: both stages erred, or the first one raised an alarm."""

KillOutcome = Literal["killed", "survived"]
"""The outcome of a planted bug."""


@dataclass(frozen=True, kw_only=True)
class NullRow:
    """The share of runs in which a law without bias was accused, at one nominal rate.

    Attributes:
        law: The law, or the estimator and its problem.
        event: The error, ``verdict`` (of both stages) or ``first stage`` (its alarm alone).
        nominal: The rate that must not be exceeded.
        runs: The number of cells that were watched to their end.
        alarms: The number of cells that erred.
        rate: The share of cells that erred.
        interval: The exact 95 % interval of the rate (Clopper-Pearson).
        limit: The largest number of alarms that passes; a rate that is exactly nominal fails with probability .05 at most.
        opened: The share of runs in which a channel was open at some look; the others were never tested.
        passed: True if the limit was kept.
    """

    law: str
    event: NullEvent
    nominal: float
    runs: int
    alarms: int
    rate: float
    interval: tuple[float, float]
    limit: int
    opened: float
    passed: bool


@dataclass(frozen=True, kw_only=True)
class RefusalRow:
    """The result for a law that no sample can decide, or that must end the cell.

    Attributes:
        law: The law.
        expected: The outcome that the engine must reach.
        runs: The number of cells.
        wrong: The number of cells with another outcome.
        outcomes: The count of each outcome with its reason.
        passed: True if no cell was wrong.
    """

    law: str
    expected: str
    runs: int
    wrong: int
    outcomes: Mapping[str, int]
    passed: bool


@dataclass(frozen=True, kw_only=True)
class KillRow:
    """The result for one planted bug.

    Attributes:
        mutant: The bug's name.
        problem: The problem on which it was verified.
        size: The bias relative to the gradient's scale; zero if the mean is right; None if no number describes the bug.
        tolerance: The relative tolerance at which it could have been accepted, r_target.
        outcome: The outcome, ``killed`` or ``survived``.
        check: The check that found it; empty for a survivor.
        evidence: The evidence of that check.
        relative: The norm of the bias measured, relative to the gradient's; None if none was measured.
        noise: The standard deviation of one row, divided by the gradient's norm; None if it was not measured.
        num_samples: The number of rows drawn.
        reason: The reason why it survived; empty if it was killed.
        expected: True if it had to be found.
        control: The verdict on the sound estimator, on the same problem at the same tolerance.
        accused: True if a check failed on the sound estimator.
        timing: The seconds for the mutant; never part of a comparison.
    """

    mutant: str
    problem: str
    size: float | None
    tolerance: float
    outcome: KillOutcome
    check: str
    evidence: str
    relative: float | None
    noise: float | None
    num_samples: int
    reason: str
    expected: bool
    control: str
    accused: bool
    timing: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class PowerRow:
    """The share of runs in which a bias of one size was found.

    Attributes:
        law: The law to which it was added.
        bias: The bias in units of the smallest bias that the last look shows with probability 0.9.
        in_sigma: The bias in standard deviations of a row.
        runs: The number of cells.
        detected: The number of cells called biased.
        closed: The number of cells that ended with every channel closed, which promise nothing.
        rate: The share of detected cells.
        interval: The exact 95 % interval of the rate.
        predicted: The prediction from the boundary for normal sums at the same looks, without gates.
        passed: True unless a power of 0.9, promised from the detectable bias on for cells that were not closed, is contradicted
            at the level .05.
    """

    law: str
    bias: float
    in_sigma: float
    runs: int
    detected: int
    closed: int
    rate: float
    interval: tuple[float, float]
    predicted: float
    passed: bool


@dataclass(frozen=True, kw_only=True)
class SelfTest:
    """The result of a whole self-test.

    Attributes:
        profile: The profile, ``fast`` or ``full``.
        seed: The seed.
        versions: The versions of the packages that the figures depend on.
        nulls: The false-alarm rates.
        refusals: The laws that must be refused.
        kills: The kill matrix.
        power: The power curves.
        timing: The seconds in all; never part of a comparison.
        schema_version: The version of the JSON's schema.
    """

    profile: ProfileName
    seed: int
    versions: Mapping[str, str]
    nulls: tuple[NullRow, ...]
    refusals: tuple[RefusalRow, ...]
    kills: tuple[KillRow, ...]
    power: tuple[PowerRow, ...]
    timing: Mapping[str, float] = field(default_factory=dict)
    schema_version: str = SCHEMA_VERSION

    @property
    def failures(self) -> tuple[str, ...]:
        """The verifier's errors, one sentence each; survivors with a known reason are not among them."""
        return (
            *(
                f"{each.law}: {each.alarms} false alarms ({each.event}) in {each.runs} runs at {each.nominal:g}, "
                f"more than the limit of {each.limit}"
                for each in self.nulls
                if not each.passed
            ),
            *(f"{each.law}: {each.wrong} of {each.runs} runs were not {each.expected}" for each in self.refusals if each.wrong),
            *(f"{each.mutant} survived: {each.reason}" for each in self.kills if each.expected and each.outcome == "survived"),
            *(f"{each.mutant}: its sound original was accused ({each.control})" for each in self.kills if each.accused),
            *(
                f"{each.law}: a bias of {each.bias:g} times the detectable one was found in {each.detected} of "
                f"{each.runs - each.closed} open runs, less than 0.9 of them"
                for each in self.power
                if not each.passed
            ),
        )

    def to_json(self) -> str:
        """Return JSON text with the keys in a fixed order."""
        return json.dumps(asdict(self), indent=1, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> SelfTest:
        """Read what `to_json` wrote.

        Raises:
            ValueError: The text is not a self-test, or has another schema version.
        """
        try:
            data = json.loads(text)
            version = data["schema_version"]
        except (json.JSONDecodeError, TypeError, KeyError) as error:
            raise ValueError(f"not a self-test ({error}); expected the selftest.json of a run") from error
        if version != SCHEMA_VERSION:
            raise ValueError(f"self-test has schema version {version!r}, this gradverify reads {SCHEMA_VERSION!r}")
        parts = {"nulls": NullRow, "refusals": RefusalRow, "kills": KillRow, "power": PowerRow}
        rows = {name: tuple(_row(kind, each) for each in data[name]) for name, kind in parts.items()}
        return cls(**{**data, **rows})


def exit_status(selftest: SelfTest) -> int:
    """Return 0 if the verifier kept its promises, else 1."""
    return 1 if selftest.failures else 0


@cache
def schema() -> dict[str, Any]:
    """Return the JSON Schema that every written self-test obeys."""
    text = resources.files(__package__).joinpath("selftest.schema.json").read_text(encoding="utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded


def _row(kind: type, data: Mapping[str, Any]) -> Any:
    unknown = sorted(set(data) - {each.name for each in fields(kind)})
    if unknown:
        raise ValueError(f"not a self-test: {kind.__name__} has no field {unknown[0]!r}")
    return kind(**{name: tuple(value) if isinstance(value, list) else value for name, value in data.items()})
