"""``--dtype``: everything is drawn in the type that was asked for, held against a reference that is not rounded."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner

from gradverify.estimators import ESTIMATORS, LeaveOneOut, NoGradientPathError, NotApplicableError, ScoreFunction
from gradverify.estimators.registry import load_estimator
from gradverify.verification.cli import main
from gradverify.verification.plan import settle
from gradverify.verification.problems import registered_problems
from gradverify.verification.run.verification import Verification

WALK = registered_problems()["random_walk:10/square/p"]
SMALL = registered_problems()["bits:3/cubic/logits"]


def run(dtype: str | None) -> Verification:
    settings = settle(tolerance=0.5, dtype=dtype)
    return Verification({"pair": LeaveOneOut()}, [WALK], settings)


@pytest.mark.parametrize(("asked", "found"), [("float32", torch.float32), ("float64", torch.float64), (None, torch.float64)])
def test_rows_are_of_the_type_asked_for(asked: str | None, found: torch.dtype) -> None:
    workbench = run(asked).workbench
    problem = workbench.problem(WALK.name)
    assert problem.params.dtype == found
    rows = ScoreFunction()(problem.program, problem.params, 4, torch.Generator().manual_seed(0))
    assert rows.dtype == found


def test_the_reference_is_not_rounded() -> None:
    single, double = (run(each).workbench.reference(WALK.name).gradient for each in ("float32", "float64"))
    assert single.dtype == double.dtype == "float64"
    assert float(single[0]) == float(double[0])  # p = 10 is the same point in both


def test_records_say_the_type_and_rows_differ() -> None:
    single, double = (run(each).execute() for each in ("float32", "float64"))
    assert (single.run.dtype, double.run.dtype) == ("float32", "float64")
    estimates = [each.cells[-1].find("bias").estimate for each in (single, double)]  # type: ignore[union-attr]
    assert estimates[0] != estimates[1]
    assert [each.cells[-1].find("bias").outcome for each in (single, double)] == ["unbiased"] * 2  # type: ignore[union-attr]


def test_an_unknown_type_is_refused() -> None:
    with pytest.raises(ValueError, match="dtype='float16'; expected 'float32' or 'float64'"):
        settle(dtype="float16")


def test_on_the_command_line(tmp_path: Path) -> None:
    arguments = ["verify", "score_function", "--problem", "bernoulli:0.3/cubic/p", "--workers", "0", "--dtype", "float32"]
    result = CliRunner().invoke(main, [*arguments, "--out", str(tmp_path)])
    assert result.exit_code == 0, result.output
    record = json.loads((tmp_path / "report.json").read_text())
    assert record["run"]["dtype"] == "float32"
    assert "--dtype float32" in record["cells"][-1]["replay"]


@pytest.fixture
def double_by_default() -> Iterator[None]:
    kept = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(kept)


@pytest.mark.parametrize("name", ESTIMATORS)
def test_a_default_type_that_an_import_leaves_behind_changes_no_row(name: str, double_by_default: None) -> None:
    """A target's file may set it, and the settings of an import hold in its process; nothing of the package rests on them."""

    def draw() -> torch.Tensor | str:
        try:
            return load_estimator(name)(SMALL.program, SMALL.params.clone(), 8, torch.Generator().manual_seed(0))
        except (NotApplicableError, NoGradientPathError) as refused:
            return str(refused)

    double = draw()
    torch.set_default_dtype(torch.float32)
    single = draw()
    assert type(single) is type(double)
    if isinstance(single, torch.Tensor):
        torch.testing.assert_close(single, double, rtol=0, atol=0)
    else:
        assert single == double
