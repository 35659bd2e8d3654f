"""Structural checks, which are cheap and precede all statistics: shape, type, finiteness, seeds, gradient path, isolated rows.

Rows must also be finite where noise is at the ends of its range, so that no verdict depends on meeting such noise by chance.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from ...estimators.markov import MarkovProgram
from ...estimators.protocol import Estimator, NoGradientPathError, NotApplicableError, Program, Sample, describe
from ..problems.problem import Probe, Problem
from ..shared_state import call_estimator
from .dependence import repeated_lag
from .extreme_noise import ExtremeNoise
from .finding import Conformance

__all__ = ["Conformance", "applicability", "check_conformance"]

ROWS = 64
_TRIES = 8
_PASSES = 2
_MARK = 0x9E3779B9

Seeded = Callable[[int], torch.Generator]


def applicability(estimator: Estimator, problem: Problem, probe: Probe) -> str:
    """Return the reason why an estimator does not apply to a problem, without running it; empty if it may apply."""
    about = describe(estimator)
    unsupported = sorted(each.__name__ for each in probe.types if each not in about.sites)
    if unsupported:
        return f"it does not support {', '.join(unsupported)} sites"
    if about.needs_differentiable and problem.black_box:
        return "it differentiates the objective, and the program is a black box"
    return ""


def check_conformance(estimator: Estimator, problem: Problem, seeded: Seeded) -> Conformance:
    """Hold an estimator to its contract on one problem.

    Args:
        estimator: The estimator, fitted if it learns.
        problem: The problem.
        seeded: Function from the number of a chunk to its generator; the same number gives the same rows.

    Returns:
        The first check that failed, or a pass. Other exceptions of the estimator pass through.
    """
    params = problem.params
    leaked = False

    def draw_marked(program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
        nonlocal leaked
        with _marked_global_state() as touched:
            drawn = estimator(program, params, num_samples, generator)
            leaked = touched()
        return drawn

    def draw(number: int) -> Tensor:
        return call_estimator(estimator, problem.program, params, ROWS, seeded(number))[0]

    try:
        rows, fault = call_estimator(draw_marked, problem.program, params, ROWS, seeded(0))
    except NotApplicableError as error:
        return Conformance("not-applicable", "refused", str(error))
    except NoGradientPathError as error:
        return Conformance("no-gradient", "no gradient path", str(error))
    if leaked:
        note = "it drew from global random state, or seeded it; draw only from the given generator"
        return Conformance("failed", "global random state", note)
    if fault:
        return Conformance("failed", "shared state", fault)
    malformed = _check_form(rows, params)
    if malformed:
        return malformed
    if not torch.equal(rows, draw(0)):
        return Conformance("failed", "not reproducible", "the same seed gave other rows; draw only from the given generator")
    if describe(estimator).deterministic:
        return Conformance("pass")
    other = draw(1)
    if all(bool((each == each[:1]).all()) for each in (rows, other)) and not torch.allclose(rows, other):
        note = f"all {ROWS} rows of a call are equal, and another seed gives other rows: one draw serves all rows"
        return Conformance("failed", "dependent rows", note)
    lag = repeated_lag(*(np.asarray(each.reshape(ROWS, -1).cpu()) for each in (rows, other)))
    if lag is not None:
        note = f"rows of one seed are those of the next, moved by {abs(lag)}; draw only from the given generator"
        return Conformance("failed", "repeated rows", note)
    return _check_extreme_noise(estimator, problem, seeded) or _check_isolation(estimator, problem, seeded, (rows, other))


@contextmanager
def _marked_global_state() -> Iterator[Callable[[], bool]]:
    """Set the global generators to a state that nothing else sets, yield a test of whether they were touched, and restore them.

    The state that they had before could be the one to which an estimator resets them.
    """
    kept = np.random.get_state()
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(_MARK)
        np.random.seed(_MARK)
        before = _global_random_state()
        try:
            yield lambda: _global_random_state() != before
        finally:
            np.random.set_state(kept)


def _global_random_state() -> tuple[bytes, bytes, int]:
    """Return the states of PyTorch's and NumPy's global generators, not of Python's: run-time type checkers draw from it."""
    numpy = np.random.get_state(legacy=False)["state"]
    return bytes(torch.random.get_rng_state().numpy()), numpy["key"].tobytes(), int(numpy["pos"])


def _check_form(rows: object, params: Tensor) -> Conformance | None:
    expected = (ROWS, *params.shape)
    if not isinstance(rows, Tensor) or rows.shape != expected:
        found = tuple(rows.shape) if isinstance(rows, Tensor) else type(rows).__name__
        return Conformance("failed", "shape", f"returned {found} for {ROWS} samples; expected {expected}")
    if rows.dtype != params.dtype or rows.device != params.device:
        found = f"{rows.dtype} on {rows.device}"
        return Conformance("failed", "dtype or device", f"returned {found}; expected {params.dtype} on {params.device}")
    if rows.requires_grad:
        return Conformance("failed", "attached", "the rows require a gradient; return them detached")
    bad = _count_nonfinite(rows)
    if bad:
        return Conformance("failed", "not finite", f"{bad} of {ROWS} rows hold NaN or infinity")
    return None


def _check_extreme_noise(estimator: Estimator, problem: Problem, seeded: Seeded) -> Conformance | None:
    """Draw rows with noise at the ends of its range, which occurs once in some ten million draws, and fail if they overflow.

    An estimator that raises an exception there says that it cannot answer, and this is not a wrong answer.
    """
    bad = rows = 0
    for number in range(_PASSES):
        with suppress(Exception), ExtremeNoise(ROWS, seed=_MARK + number):
            bad += _count_nonfinite(estimator(problem.program, problem.params.clone(), ROWS, seeded(number)))
            rows += ROWS
    if not bad:
        return None
    ends = "where one uniform of a row is 0, 2^-24 or 1 - 2^-24, which single precision draws once in some 1e7"
    return Conformance("failed", "not finite", f"{bad} of {rows} rows hold NaN or infinity {ends}")


def _count_nonfinite(rows: Tensor) -> int:
    """Count the rows that hold NaN or infinity."""
    return int((~torch.isfinite(rows)).reshape(len(rows), -1).any(1).sum())


def _check_isolation(estimator: Estimator, problem: Problem, seeded: Seeded, known: tuple[Tensor, Tensor]) -> Conformance:
    """Make the objective of some rows loud: only these rows of the estimate may change. The known rows are those of seeds 0, 1.

    First row 0 alone is loud, then row 0 with a random half of the others, then with the other half, which moves a median or
    another order statistic of the batch as well. More seeds follow, up to eight, as long as no row has changed.
    """
    changes = 0
    for number, (seed, loud) in enumerate(_list_loud_rows()):
        plain = known[seed] if seed < 2 else call_estimator(estimator, problem.program, problem.params, ROWS, seeded(seed))[0]
        louder = _with_loud_rows(problem.program, loud)
        scaled = call_estimator(estimator, louder, problem.params, ROWS, seeded(seed))[0]
        changed = (plain != scaled).reshape(ROWS, -1).any(1).cpu()
        if bool((changed & ~loud).any()):
            count, others = int(loud.sum()), int((changed & ~loud).sum())
            note = (
                f"raising the objective of {count} of {ROWS} rows changed {others} others; rows must be independent replicates"
            )
            return Conformance("failed", "rows not isolated", note)
        changes += int(changed.any())
        if changes and number >= 2:
            return Conformance("pass")
    return Conformance("pass", note=f"no row depended on its objective at {_TRIES} seeds, so its isolation was not tested")


def _list_loud_rows() -> Iterator[tuple[int, Tensor]]:
    """Yield seeds, and the masks ``[ROWS]`` of the rows to make loud at each; row 0 is always one of them."""
    first = torch.zeros(ROWS, dtype=torch.bool)
    first[0] = True
    generator = torch.Generator().manual_seed(_MARK)
    half = torch.rand(ROWS, generator=generator) < 0.5
    # Both halves at one seed, so that every row but the first is quiet once.
    yield from ((0, first), (1, first | half), (1, first | ~half))
    yield from ((seed, first) for seed in range(2, _TRIES))


def _with_loud_rows(program: Program, loud: Tensor) -> Program:
    """Return the program with the objective of some rows scaled by a thousand and raised above that of all others.

    Where an estimator evaluates the program for another number of rows, only the first of them is known to belong to row 0, and
    only this one is loud.
    """

    def louder(objective: Tensor) -> Tensor:
        mask = torch.zeros(objective.shape, dtype=torch.bool, device=objective.device)
        if len(objective) == ROWS:
            mask[loud.to(objective.device)] = True
        else:
            mask[0] = True
        raised = 1e3 * (objective + 2 * (1 + objective.detach().abs()))
        return torch.where(mask, raised, objective)

    if isinstance(program, MarkovProgram):
        quiet = program.objective
        return replace(program, objective=lambda state: louder(quiet(state)))

    def with_louder_objective(params: Tensor, sample: Sample) -> Tensor:
        return louder(program(params, sample))

    return with_louder_objective
