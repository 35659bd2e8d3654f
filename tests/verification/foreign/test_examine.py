"""Foreign targets in a command: what harm they do stays their own, how they are called stands in the record."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner, Result
from torch import Tensor
from torch.nn.functional import gumbel_softmax

from gradverify.estimators import load_estimator
from gradverify.estimators.adapters import CONTRACT, ForeignError, ForeignHints, SamplerConvention, TargetError
from gradverify.verification import Record, verify
from gradverify.verification.cli import main
from gradverify.verification.drawing.executors import Failure, perform_guarded
from gradverify.verification.drawing.tasks import CheckTask
from gradverify.verification.foreign.apart import _heard
from gradverify.verification.foreign.examine import _looked_at
from gradverify.verification.foreign.isolation import message_of, out_of_memory
from gradverify.verification.foreign.report import with_conventions
from gradverify.verification.foreign.targets import Finding
from gradverify.verification.plan import settle
from gradverify.verification.report import validate
from gradverify.verification.run.request import assemble
from gradverify.verification.workbench import registry_workbench

from ...estimators.adapters import foreign
from ..targets import hostile

HOSTILE = hostile.__file__
FOREIGN = str(Path(__file__).parents[2] / "estimators" / "adapters" / "foreign.py")
BIT = "bernoulli:0.3/square/p"

HARMS = {
    "segfaulting": ("crashed", "its process died while it was probed"),
    "raising": ("failed", "it raised ZeroDivisionError at hostile.py, line"),
    "misshapen": ("failed", "it returned shape (4095, 4) for probs of shape (4096, 4)"),
    "mutating": ("failed", "it changed the probs that it was handed, in place"),
    "late_hanging": ("timeout", "one task took longer than 8 seconds"),
    "late_leaking": ("crashed", "allocate memory"),
    "late_exiting": ("crashed", "SystemExit at hostile.py"),
}


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(each) for each in arguments])


def test_harm_costs_its_own_cell_a_named_status_and_nothing_else(tmp_path: Path) -> None:
    """Without workers asked for, too: foreign code never runs in the command's own process."""
    targets = [f"{HOSTILE}:{name}" for name in (*HARMS, "printing")]
    options = ("--workers", "0", "--time-limit", "8", "--tolerance", "0.5", "--out", tmp_path)
    result = invoke("verify", *targets, "leave_one_out", "--problem", BIT, *options)
    assert result.exit_code == 1, result.output
    assert "noise" not in result.output
    record = Record.read(tmp_path / "report.json")
    validate(record)
    cells = {each.estimator.rpartition(":")[2]: each for each in record.cells}
    for name, (status, note) in HARMS.items():
        bias = cells[name].find("bias")
        assert bias is not None
        assert (name, cells[name].status, bias.outcome) == (name, status, "failed")
        assert note in bias.note, bias.note
    for name, outcome in (("printing", "biased"), ("leave_one_out", "unbiased")):
        bias = cells[name].find("bias")
        assert (cells[name].status, bias and bias.outcome) == ("ok", outcome)


def test_what_several_conventions_fit_is_asked_for_by_name() -> None:
    result = invoke("verify", f"{FOREIGN}:handed_unsaid", "--problem", BIT)
    assert result.exit_code == 2
    flat = " ".join(result.stderr.replace("│", " ").split())
    assert "it is handed a sample, and could take probabilities or logits; say --takes probs or --takes logits" in flat


def test_a_flag_settles_it_and_stands_in_the_replay() -> None:
    target = f"{FOREIGN}:handed_unsaid"
    request = assemble([target, "leave_one_out"], BIT, {"takes": "logits", "workers": 0, "isolate": True})
    assert [convention.takes for _, convention in request.run.settings.conventions] == ["logits"]
    assert request.run.replay(target, BIT).endswith("--takes logits")
    assert "--takes" not in request.run.replay("leave_one_out", BIT)


def test_a_wrong_law_is_taken_as_said_and_fails_by_name(tmp_path: Path) -> None:
    """False-alarm rate 1e-3 a run, at a fixed seed; half of the ones are missing."""
    target = f"{FOREIGN}:HalfBits"
    options = ("--takes", "probs", "--workers", 0, "--tolerance", 0.5, "--out", tmp_path)
    result = invoke("verify", target, "--problem", BIT, *options)
    assert result.exit_code == 1, result.output
    laws = [each.find("forward_law") for each in Record.read(tmp_path / "report.json").cells if each.estimator == target]
    assert [each and each.outcome for each in laws] == ["failed"]


class Wire:
    """A pipe from a process that is played: what it sends, then silence, or its end."""

    def __init__(self, sent: list[Any], *, ends: bool) -> None:
        self.sent, self.ends, self.exitcode = sent, ends, -11

    def poll(self, patience: float) -> bool:
        return bool(self.sent) or self.ends

    def recv(self) -> Any:
        if not self.sent:
            raise EOFError
        return self.sent.pop(0)

    def join(self) -> None:
        """Ended already."""


FINE = Finding("one", CONTRACT)


@pytest.mark.parametrize(
    ("sent", "ends", "statuses"),
    [
        (["one", FINE, "two"], True, ["ok", "crashed"]),
        (["one", FINE, "two"], False, ["ok", "timeout"]),
        (["one", FINE], True, ["ok"]),  # it left between two targets, with too much memory: the next process goes on
        ([], True, ["crashed"]),
        ([], False, ["timeout"]),
    ],
)
def test_a_process_that_ends_or_is_silent_costs_the_target_at_hand(sent: list[Any], ends: bool, statuses: list[str]) -> None:
    wire: Any = Wire(list(sent), ends=ends)
    assert [each.status for each in _heard(wire, wire, ["one", "two"], 5.0)] == statuses


@pytest.mark.parametrize(
    ("target", "status", "note"),
    [
        ("sound", "ok", ""),
        ("exiting", "crashed", "SystemExit while it was probed: 3"),
        ("interrupting", "crashed", "KeyboardInterrupt while it was probed"),
        ("mutating", "failed", "in place"),
        ("absent", "refused", "has no attribute 'absent'"),
    ],
)
def test_a_target_is_looked_at(target: str, status: str, note: str) -> None:
    finding = _looked_at(f"{HOSTILE}:{target}", ForeignHints())
    assert finding.status == status
    assert note in finding.note
    assert (finding.convention is not None) == (status == "ok")


def test_a_module_that_exits_while_it_is_loaded_is_a_crash(tmp_path: Path) -> None:
    path = tmp_path / "leaving.py"
    path.write_text("import sys\nsys.exit(5)\n")
    before = set(sys.modules)
    assert _looked_at(f"{path}:anything", ForeignHints()) == Finding(
        f"{path}:anything", None, "crashed", "SystemExit while it was probed: 5"
    )
    for name in set(sys.modules) - before:
        del sys.modules[name]


class UnspeakableError(Exception):
    """Cannot say what it is."""

    def __str__(self) -> str:
        raise ValueError("nothing to say")


def raised(error: BaseException) -> Failure:
    """What a task's failure is made of an error."""

    def estimate(program: Any, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
        raise error

    workbench = registry_workbench(settle(), {BIT: BIT})
    workbench.find_estimator = lambda name: estimate
    failure = perform_guarded(workbench, CheckTask("x", BIT, 1e-6))
    assert isinstance(failure, Failure)
    return failure


@pytest.mark.parametrize(
    ("error", "status", "note", "spent"),
    [
        (SystemExit(3), "crashed", "SystemExit at test_examine.py", False),
        (ForeignError("another shape"), "failed", "another shape", False),
        (MemoryError(), "crashed", "MemoryError", True),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), "crashed", "allocate memory", True),
        (UnspeakableError(), "crashed", "(its message raised ValueError)", False),
    ],
)
def test_every_error_is_a_failure_of_its_task(error: BaseException, status: str, note: str, spent: bool) -> None:
    failure = raised(error)
    assert (failure.status, failure.spent) == (status, spent)
    assert note in failure.note


def test_no_task_can_raise_ctrl_c_but_ctrl_c() -> None:
    """In this process it is the user's; only a worker turns it into a failure."""
    with pytest.raises(KeyboardInterrupt):
        raised(KeyboardInterrupt())


def test_what_says_that_memory_is_used_up() -> None:
    assert out_of_memory(MemoryError())
    assert not out_of_memory(ValueError("too many rows"))
    assert message_of(UnspeakableError()) == "(its message raised ValueError)"


def test_foreign_code_is_given_as_it_is_in_python() -> None:
    """False-alarm rate 1e-3, at a fixed seed."""
    record = verify({"sound": hostile.sound, "own": "leave_one_out"}, BIT, tolerance=0.5)
    validate(record)
    found = {each.estimator: each.find("bias") for each in record.cells}
    assert [found[name].outcome for name in ("sound", "own")] == ["biased", "unbiased"]  # type: ignore[union-attr]
    (study,) = record.studies
    ((target, *_, sentence),) = study.exhibits.tables[0].rows
    assert target == "sound"
    assert sentence == "found to be a sampler: takes logits, returns one-hot vectors; objective: discrete"


class TooSteep(torch.autograd.Function):
    """The identity, its derivative off by a fifth."""

    @staticmethod
    def forward(ctx: Any, logits: Tensor) -> Tensor:
        return logits.clone()

    @staticmethod
    def backward(ctx: Any, *grad: Tensor) -> Tensor:
        return 1.2 * grad[0]


def too_steep(logits: Tensor) -> Tensor:
    """The planted bug: a relaxed sample with the wrong derivative."""
    return gumbel_softmax(TooSteep.apply(logits))


def test_a_relaxed_sampler_is_held_to_the_objective_that_is_stated() -> None:
    """False-alarm rate 1e-3 a call, at a fixed seed."""
    outcomes = {}
    asked = (("as stated", gumbel_softmax, "relaxed"), ("default", gumbel_softmax, "discrete"), ("off", too_steep, "relaxed"))
    for name, target, objective in asked:
        cell = verify({name: target}, "categorical_one_hot:4/cubic", tolerance=0.1, truth=objective).cells[-1]
        bias = cell.find("bias")
        assert bias is not None
        outcomes[name] = (bias.outcome, bias.claim, "relaxed objective" in bias.reference)
        assert cell.claims["convention"]["objective"] == objective
    assert outcomes == {
        "as stated": ("unbiased", "supported", True),
        "default": ("biased", "refuted", False),
        "off": ("biased", "refuted", True),
    }


def test_a_hard_sampler_has_no_relaxed_objective() -> None:
    with pytest.raises(TargetError, match="--truth relaxed was given, but it returns no relaxed samples"):
        verify(hostile.sound, BIT, truth="relaxed")


def test_hard_samples_that_are_smoothed_have_none_either() -> None:
    """The planted bug: no derivative at all, which a difference that misses the jumps would confirm as unbiased."""
    record = verify(foreign.smoothed, "categorical_one_hot:4/cubic", tolerance=0.1, truth="relaxed")
    bias = record.cells[-1].find("bias")
    assert bias is not None
    assert (record.cells[-1].status, bias.outcome, bias.claim) == ("failed", "failed", "none")
    assert "its relaxed samples jump" in bias.note


def test_a_verdict_says_what_batch_and_how_many_samples_it_was_judged_at() -> None:
    """False-alarm rate 1e-3 a call, at a fixed seed."""
    notes = []
    for target in (foreign.guarded_batch, foreign.mean_of_batch):
        record = verify(target, BIT, tolerance=0.5)
        bias = record.cells[-1].find("bias")
        assert bias is not None
        notes.append((bias.outcome, bias.note))
    assert notes == [("unbiased", "judged at 2 samples a replicate; at others its bias may differ"), ("unbiased", "")]
    cell = record.cells[-1]
    tied = replace(cell, claims={"convention": {**cell.claims["convention"], "group": 2}})
    bias = with_conventions(replace(record, cells=(tied,))).cells[0].find("bias")
    assert bias is not None
    assert bias.note == "judged at a batch of 2, whose rows depend on each other; at others its bias may differ"


def test_own_estimators_have_no_convention() -> None:
    record = verify("leave_one_out", BIT, tolerance=0.5)
    assert not record.studies
    assert with_conventions(record) is record
    assert "convention" not in record.cells[-1].claims


def test_a_foreign_callable_may_be_given_twice_but_not_two_of_one_name() -> None:
    with pytest.raises(ValueError, match="two estimators call themselves <function"):
        verify([hostile.late_raising, hostile.late_exiting], BIT)


def test_workers_follow_the_convention_that_was_found() -> None:
    """They do not probe again: the law of this convention is wrong, and they would find another."""
    convention = SamplerConvention((("", "theta"),), "probs", returns="one-hot", sites=("Bernoulli",))
    target = f"{HOSTILE}:sound"
    settings = settle()
    workbench = registry_workbench(type(settings)(**{**vars(settings), "conventions": ((target, convention),)}), {BIT: BIT})
    assert workbench.find_estimator(target) == load_estimator(target, convention=convention)
