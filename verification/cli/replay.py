"""The command that repeats one cell of a run."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..plan import Settings

__all__ = ["replay_command"]


def replay_command(
    settings: Settings, places: Mapping[str, str], per_cell: float, stated: Sequence[str]
) -> Callable[[str, str], str]:
    """(estimator, problem) -> the command that draws the same rows and judges them at the same error rate.

    Args:
        settings: The run's.
        places: Problem -> the target at which it is found.
        per_cell: False-alarm rate of one cell; a run of that cell alone gives it eight parts in ten of its own.
        stated: What was said of foreign code, as options.
    """
    options = _options(settings, per_cell / 0.8)
    foreign = {target for target, convention in settings.conventions if convention.kind != "estimator"}

    def command(estimator: str, problem: str) -> str:
        said = [*options, *(stated if estimator in foreign else [])]
        return shlex.join(["gradverify", "verify", estimator, "--problem", _alone(places[problem], problem), *said])

    return command


def _options(settings: Settings, alpha: float) -> list[str]:
    from ..plan import PROFILES

    options = ["--profile", settings.profile.name]
    if settings.profile != PROFILES[settings.profile.name]:
        options += ["--tolerance", repr(settings.profile.r_accept)]
    options += ["--seed", str(settings.seed), "--alpha", repr(alpha), "--device", settings.device]
    if settings.dtype is not None:
        options += ["--dtype", settings.dtype]
    if settings.expect != "claims":
        options += ["--expect", settings.expect]
    return options if settings.fused else [*options, "--no-fused"]


def _alone(place: str, problem: str) -> str:
    """The shortest target that finds a problem: its name if it is registered, else the place it came from."""
    from ..problems.registry import find_problems

    if ".py:" in place:
        return place
    try:
        find_problems([problem], quick=False)
    except ValueError:
        return place
    return problem
