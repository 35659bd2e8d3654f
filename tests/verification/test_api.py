"""`verify`: what it accepts and what it refuses."""

from __future__ import annotations

import subprocess
import sys

import pytest

from gradverify.estimators import LeaveOneOut
from gradverify.estimators.registry import TargetError
from gradverify.verification import verify

from .targets import wrong
from .targets.programs import FAIR, several


def test_estimators_come_as_names_objects_mappings_and_lists() -> None:
    assert {each.estimator for each in verify("score_function", FAIR).cells[1:]} == {"score_function"}
    assert {each.estimator for each in verify(LeaveOneOut(group=3), FAIR).cells[1:]} == {"LeaveOneOut(group=3)"}
    assert {each.estimator for each in verify({"mine": LeaveOneOut()}, FAIR).cells[1:]} == {"mine"}
    both = verify(["score_function", LeaveOneOut()], FAIR)
    assert [each.estimator for each in both.cells] == ["references", "score_function", "LeaveOneOut(group=2)"]
    by_path = verify(f"{wrong.__file__}:SOUND", FAIR)
    assert by_path.cells[-1].find("bias").outcome == "unbiased"  # type: ignore[union-attr]


def test_the_floating_type_is_the_runs() -> None:
    assert verify("leave_one_out", FAIR, dtype="float32").run.dtype == "float32"
    assert verify("leave_one_out", FAIR).run.dtype == "float64"


def test_problems_come_as_names_and_objects_each_once() -> None:
    record = verify("score_function", ["bernoulli:0.3/cubic", "bernoulli:0.3/cubic/p", FAIR])
    assert [each.problem for each in record.cells] == ["bernoulli:0.3/cubic/p", "fair"] * 2


def test_two_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match=r"two problems are named 'several:0.3'; give each a name of its own"):
        verify("score_function", [several()[0], several()[0]])
    with pytest.raises(ValueError, match=r"two estimators call themselves .*Forgetful object>; give a mapping"):
        verify([wrong.Forgetful(), wrong.Forgetful()], FAIR)


@pytest.mark.parametrize("target", ["walker", "no_such_module:x", "nowhere.py:x", f"{wrong.__file__}:NOT_AN_ESTIMATOR"])
def test_a_target_that_names_nothing_is_refused(target: str) -> None:
    with pytest.raises(TargetError, match=target.rpartition("/")[2]):
        verify(target, FAIR)


def test_importing_the_package_is_cheap() -> None:
    """It loads no PyTorch: a pytest plugin is loaded in every run of every project."""
    code = "import sys, gradverify.verification as v; dir(v); sys.exit('torch' in sys.modules or 'numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
