"""The run of a self-test: its jobs, the processes that run them, and the collected results."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Iterable
from concurrent.futures import as_completed
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from typing import Any, Literal

from ..drawing.pools import open_pool
from .false_alarms import NULL_RATES, NullCount, count_alarms, null_rows, refusal_row
from .kill_matrix import kill_row
from .laws import Law, null_laws, power_laws, refused_laws
from .mutants.planted_bugs import find_mutant, mutants
from .power import power_row
from .selftest_record import KillRow, PowerRow, ProfileName, RefusalRow, SelfTest

__all__ = ["Progress", "run_selftest"]

Progress = Callable[[int, int, str], None]
"""A function called with (jobs done, jobs in all, the last job)."""


@dataclass(frozen=True)
class _Size:
    """The amount of work of a profile.

    Attributes:
        null_laws: The names of the laws without bias; empty for all.
        null_rates: The error rates of their cells.
        null_runs: The number of runs of each.
        block: The number of runs per job.
        refusal_runs: The number of runs of each law to be refused.
        power_laws: The names of the laws with bias; empty for all.
        power_runs: The number of runs at each bias.
        multiples: The biases, in units of the detectable one.
    """

    null_laws: tuple[str, ...]
    null_rates: tuple[float, ...]
    null_runs: int
    block: int
    refusal_runs: int
    power_laws: tuple[str, ...]
    power_runs: int
    multiples: tuple[float, ...]


_SIZES: dict[ProfileName, _Size] = {
    "fast": _Size(
        null_laws=("three values", "score function on a bit"),
        null_rates=(0.05,),
        null_runs=246,
        block=246,
        refusal_runs=20,
        power_laws=("normal",),
        power_runs=60,
        multiples=(0.5, 1.0),
    ),
    "full": _Size((), NULL_RATES, 2000, 250, 200, (), 200, (0.25, 0.5, 0.75, 1.0, 1.25, 1.5)),
}


@dataclass(frozen=True)
class _Job:
    """One piece of work, given by name so that any process can do it."""

    kind: Literal["null", "refusal", "kill", "power"]
    name: str
    seed: int
    rates: tuple[float, ...] = ()
    first: int = 0
    runs: int = 0
    multiple: float = 0.0


def run_selftest(
    profile: ProfileName = "full", *, seed: int = 0, workers: int = 0, progress: Progress | None = None
) -> SelfTest:
    """Measure the verifier's own error rates and power, and let it find planted bugs.

    Args:
        profile: ``fast`` (seconds, in the tests) or ``full`` (minutes).
        seed: The seed; apart from the seconds, the result depends on nothing else.
        workers: The number of processes to spawn; 0 runs everything in this one.
        progress: A function called after every finished job.

    Raises:
        ValueError: The profile is unknown.
    """
    if profile not in _SIZES:
        raise ValueError(f"profile={profile!r}; expected one of {', '.join(_SIZES)}")
    started = time.perf_counter()
    jobs = _jobs(profile, _SIZES[profile], seed)
    results = [each for done in _run_jobs(jobs, workers, progress) for each in done]
    return SelfTest(
        profile=profile,
        seed=seed,
        versions={"python": platform.python_version(), **{each: version(each) for each in ("torch", "numpy", "scipy")}},
        nulls=tuple(null_rows(each for each in results if isinstance(each, NullCount))),
        refusals=tuple(each for each in results if isinstance(each, RefusalRow)),
        kills=tuple(each for each in results if isinstance(each, KillRow)),
        power=tuple(each for each in results if isinstance(each, PowerRow)),
        timing={"seconds": time.perf_counter() - started},
    )


def _jobs(profile: ProfileName, size: _Size, seed: int) -> list[_Job]:
    nulls = [name for name in _null_laws() if not size.null_laws or name in size.null_laws]
    powers = [name for name in _power_laws() if not size.power_laws or name in size.power_laws]
    planted = [each.name for each in mutants() if each.fast or profile == "full"]
    return [
        *(
            _Job("null", name, seed, size.null_rates, first, min(size.block, size.null_runs - first))
            for name in nulls
            for first in range(0, size.null_runs, size.block)
        ),
        *(_Job("refusal", name, seed, runs=max(1, int(law.runs * size.refusal_runs))) for name, law in _refused_laws().items()),
        *(_Job("kill", name, seed) for name in planted),
        *(_Job("power", name, seed, runs=size.power_runs, multiple=multiple) for name in powers for multiple in size.multiples),
    ]


def _perform(job: _Job) -> list[Any]:
    if job.kind == "null":
        return count_alarms(_null_laws()[job.name], job.rates, range(job.first, job.first + job.runs), job.seed)
    if job.kind == "refusal":
        return [refusal_row(_refused_laws()[job.name], job.runs, job.seed)]
    if job.kind == "kill":
        return [kill_row(find_mutant(job.name), job.seed)]
    return [power_row(_power_laws()[job.name], job.multiple, job.runs, job.seed)]


def _run_jobs(jobs: list[_Job], workers: int, progress: Progress | None) -> list[list[Any]]:
    """Return the jobs' results, in the order of the jobs."""
    tell = progress or (lambda done, total, name: None)
    if workers == 0:
        results = []
        for job in jobs:
            results.append(_perform(job))
            tell(len(results), len(jobs), f"{job.kind}: {job.name}")
        return results
    with open_pool(workers) as pool:
        sent = {pool.submit(_perform, job): job for job in jobs}
        for count, future in enumerate(as_completed(sent), 1):
            future.result()
            tell(count, len(jobs), f"{sent[future].kind}: {sent[future].name}")
        return [future.result() for future in sent]


@cache
def _null_laws() -> dict[str, Law]:
    return _by_name(null_laws())


@cache
def _refused_laws() -> dict[str, Law]:
    return _by_name(refused_laws())


@cache
def _power_laws() -> dict[str, Law]:
    return _by_name(power_laws())


def _by_name(laws: Iterable[Law]) -> dict[str, Law]:
    return {each.name: each for each in laws}
