"""What a self-test found, and JSON in between."""

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
    """How often a law without bias was accused, at one nominal rate.

    Attributes:
        law: The law, or the estimator and its problem.
        event: ``verdict`` (both stages err) or ``first stage`` (its alarm alone).
        nominal: The rate that must not be exceeded.
        runs: Cells that were watched to their end.
        alarms: Those that erred.
        rate: Their share.
        interval: Its exact 95 % interval (Clopper-Pearson).
        limit: More alarms than this are a failure; a rate that is just nominal fails with probability .05 at most.
        opened: Share of runs in which a channel was open at some look: the others were never asked.
        passed: Whether the limit was kept.
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
    """What became of a law that no sample can decide, or that must end the cell.

    Attributes:
        law: The law.
        expected: What the engine has to say.
        runs: Cells.
        wrong: Those in which it said something else.
        outcomes: How often each outcome was met, with its reason.
        passed: Whether none was wrong.
    """

    law: str
    expected: str
    runs: int
    wrong: int
    outcomes: Mapping[str, int]
    passed: bool


@dataclass(frozen=True, kw_only=True)
class KillRow:
    """What became of one planted bug.

    Attributes:
        mutant: Its name.
        problem: Where it was tried.
        size: Its bias relative to the gradient's scale; zero where its mean is right; None where no number describes it.
        tolerance: The relative tolerance at which it could have been accepted, r_target.
        outcome: ``killed`` or ``survived``.
        check: The check that found it; empty for a survivor.
        evidence: What the check said.
        relative: The bias that was measured in the channel that decided (a coordinate, the gain or a projection), relative to
            that channel's scale; None where none was.
        noise: Standard deviation of one row over the gradient's norm; None where it was not measured.
        num_samples: Rows drawn.
        reason: Why it survived; empty if it was killed.
        expected: Whether it had to be found.
        control: What was said of the sound estimator, on the same problem at the same tolerance.
        accused: Whether a check failed on the sound estimator.
        timing: Seconds for the mutant; never part of a comparison.
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
    """How often a bias of one size was found.

    Attributes:
        law: The law that it was added to.
        bias: In units of the smallest bias that the last look shows with probability 0.9.
        in_sigma: The same in standard deviations of a row.
        runs: Cells.
        detected: Those called biased.
        closed: Those that ended with every channel closed, which promise nothing.
        rate: Share of the detected.
        interval: Its exact 95 % interval.
        predicted: What the boundary predicts for normal sums at the same looks, without gates.
        passed: Whether a power of 0.9 from the detectable bias on, among the cells that were not closed, is not contradicted
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
    """A whole self-test.

    Attributes:
        profile: ``fast`` or ``full``.
        seed: Its entropy.
        versions: Of the packages that the figures depend on.
        nulls: False-alarm rates.
        refusals: Laws that have to be refused.
        kills: The kill matrix.
        power: Power curves.
        timing: Seconds in all; never part of a comparison.
        schema_version: Of the JSON.
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
        """What the verifier got wrong, a sentence each; survivors with a known reason are not among them."""
        return (
            *(
                f"{each.law}: {each.alarms} false alarms ({each.event}) in {each.runs} runs at {each.nominal:g}, "
                f"limit {each.limit}"
                for each in self.nulls
                if not each.passed
            ),
            *(f"{each.law}: {each.wrong} of {each.runs} runs were not {each.expected}" for each in self.refusals if each.wrong),
            *(f"{each.mutant} survived: {each.reason}" for each in self.kills if each.expected and each.outcome == "survived"),
            *(f"{each.mutant}: its sound original was accused ({each.control})" for each in self.kills if each.accused),
            *(
                f"{each.law}: a bias of {each.bias:g} detectable ones was found in {each.detected} of "
                f"{each.runs - each.closed} open runs, less than 0.9 of them"
                for each in self.power
                if not each.passed
            ),
        )

    def to_json(self) -> str:
        """As JSON text, keys in a fixed order."""
        return json.dumps(asdict(self), indent=1, allow_nan=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> SelfTest:
        """Read what `to_json` wrote.

        Raises:
            ValueError: The text is no self-test, or one of another schema version.
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
    """0 if the verifier kept its promises, 1 if not."""
    return 1 if selftest.failures else 0


@cache
def schema() -> dict[str, Any]:
    """The JSON Schema that every written self-test obeys."""
    text = resources.files(__package__).joinpath("selftest.schema.json").read_text(encoding="utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded


def _row(kind: type, data: Mapping[str, Any]) -> Any:
    unknown = sorted(set(data) - {each.name for each in fields(kind)})
    if unknown:
        raise ValueError(f"not a self-test: {kind.__name__} has no field {unknown[0]!r}")
    return kind(**{name: tuple(value) if isinstance(value, list) else value for name, value in data.items()})
