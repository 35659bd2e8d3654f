"""Results of tasks as text: every number comes back bit by bit, and nothing else is read."""

from __future__ import annotations

import json
import math
from dataclasses import fields, is_dataclass, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gradverify.estimators import LeaveOneOut
from gradverify.verification.checks.finding import Conformance
from gradverify.verification.checks.law_comparison import ForwardLaw
from gradverify.verification.drawing.answers import DamagedAnswerError, read_answer, write_answer
from gradverify.verification.drawing.gate import ReleasedGate
from gradverify.verification.drawing.tasks import CheckResult, CheckTask, ChunkResult, ChunkTask
from gradverify.verification.plan import settle
from gradverify.verification.problems.problem import Problem
from gradverify.verification.problems.registry import find_problems
from gradverify.verification.truth.likelihood_ratio import LIKELIHOOD_RATIO
from gradverify.verification.workbench import Workbench

from ..targets import wrong

BITS = find_problems(["bits:3/cubic"], quick=True)[0]
BIT = find_problems(["bernoulli:0.3/cubic"], quick=True)[0]

CHECKED = CheckResult(
    findings={
        "conformance": Conformance("failed", "not finite", "a\u0000 \u2028"),
        "forward_law": ForwardLaw("pass", "", 7, -0.1),
    },
    estimator="e",
    gate=ReleasedGate(1e-3, np.array([0.1, math.inf]), np.array([math.nan, -0.0]), "why"),
)


def draw_chunk(problem: Problem, estimator: Any) -> ChunkResult:
    workbench = Workbench(settle(), {"e": estimator}.__getitem__, {problem.name: problem}.__getitem__)
    subject = workbench.subject("e", problem.name)
    channels = subject.plan(alpha=1e-3, r_target=0.1, r_accept=0.2, max_rows=4000).channels
    return ChunkTask("e", problem.name, "screen", 0, 128, 0, (16, 128), channels, summed=True).perform(workbench)


@pytest.fixture(scope="module", params=["sound", "overflowing", "one parameter", "sampled reference"])
def chunk(request: pytest.FixtureRequest) -> ChunkResult:
    problem, estimator = {
        "sound": (BITS, LeaveOneOut()),
        "overflowing": (BITS, wrong.Spoiled(math.nan, 0.5)),
        "one parameter": (BIT, LeaveOneOut()),
        "sampled reference": (replace(BITS, reference=LIKELIHOOD_RATIO), LeaveOneOut()),
    }[request.param]
    result = draw_chunk(problem, estimator)
    assert (result.overflow is not None) == (request.param == "overflowing")
    assert bool(result.reference) == (request.param == "sampled reference")
    return result


def same(one: Any, other: Any) -> bool:
    """True for equal data of equal types, where NaN equals NaN."""
    if type(one) is not type(other):
        return False
    if is_dataclass(one):
        return all(same(getattr(one, each.name), getattr(other, each.name)) for each in fields(one))
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes()
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[name], other[name]) for name in one)
    if isinstance(one, tuple | list):
        return len(one) == len(other) and all(map(same, one, other))
    return repr(one) == repr(other)


@pytest.mark.parametrize("result", [CHECKED, replace(CHECKED, gate=None)], ids=["gate", "no gate"])
def test_findings_come_back(result: CheckResult) -> None:
    assert same(read_answer(write_answer(result)), result)


def test_every_number_of_a_chunk_comes_back(chunk: ChunkResult) -> None:
    assert same(read_answer(write_answer(chunk)), chunk)


def test_what_a_registered_estimator_is_found_to_do_comes_back() -> None:
    workbench = Workbench(settle(), {"e": LeaveOneOut()}.__getitem__, {BITS.name: BITS}.__getitem__)
    result = CheckTask("e", BITS.name, 1e-6).perform(workbench)
    assert same(read_answer(write_answer(result)), result)


def edit(path: tuple[Any, ...], value: Any) -> str:
    whole = json.loads(write_answer(CHECKED))
    inner = whole
    for name in path[:-1]:
        inner = inner[name]
    inner[path[-1]] = value
    return json.dumps(whole)


GATE = ("fields", "gate", "fields")


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("type",), "Path"),
        (("more",), 1),
        (("fields", "more"), 1),
        (("fields", "estimator"), 3),
        (("fields", "estimator"), None),
        (("fields", "findings"), []),
        (("fields", "findings", "conformance", "type"), "Moments"),
        (("fields", "findings", "conformance", "fields", "outcome"), "fine"),
        (("fields", "findings", "forward_law", "fields", "num_samples"), 7.5),
        (("fields", "findings", "forward_law", "fields", "num_samples"), True),
        ((*GATE, "p_gate"), "0.1"),
        ((*GATE, "carried", "dtype"), "object"),
        ((*GATE, "carried", "shape"), [3]),
        ((*GATE, "carried", "shape"), [-1]),
        ((*GATE, "carried", "data"), "no base64!"),
        ((*GATE, "carried"), {}),
    ],
)
def test_anything_else_is_refused(path: tuple[Any, ...], value: Any) -> None:
    with pytest.raises(DamagedAnswerError):
        read_answer(edit(path, value))


@pytest.mark.parametrize("text", ["", "null", "[]", "{", "[" * 100_000, '{"type": "CheckResult"}'])
def test_a_text_that_is_no_answer_is_refused(text: str) -> None:
    with pytest.raises(DamagedAnswerError):
        read_answer(text)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["type", "fields", "data", "shape"]), inner),
    max_leaves=8,
)
PLACES = [
    ("fields",),
    ("fields", "findings"),
    ("fields", "findings", "conformance"),
    ("fields", "gate"),
    (*GATE, "carried"),
    GATE,
]


@given(path=st.sampled_from(PLACES), value=JSON)
def test_whatever_stands_in_a_place_is_read_or_refused(path: tuple[Any, ...], value: Any) -> None:
    try:
        result = read_answer(edit(path, value))
    except DamagedAnswerError:
        return
    assert isinstance(result, CheckResult)


def test_a_finding_that_no_check_declares_is_not_written() -> None:
    with pytest.raises(TypeError, match="is declared"):
        write_answer(CheckResult(findings={"mine": object()}, estimator="e"))  # type: ignore[dict-item]
