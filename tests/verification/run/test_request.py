"""The front door: what stands in the signature of `verify` is offered everywhere, and nowhere else."""

from __future__ import annotations

import inspect
import json
import shlex
from pathlib import Path
from typing import Annotated, Any

import click
import pytest
from click.testing import CliRunner
from torch.nn.functional import gumbel_softmax

from gradverify.estimators import LeaveOneOut, ScoreFunction, StraightThrough
from gradverify.verification import Record, verify
from gradverify.verification.cli import main
from gradverify.verification.cli.request_options import request_options
from gradverify.verification.run.options import Asked, Option, read_options
from gradverify.verification.run.request import assemble, options
from gradverify.verification.testing.pytest_fixture import Gradverify
from gradverify.verification.testing.pytest_session import Budget

from ..targets import programs, wrong

BIT = "bernoulli:0.3/cubic/p"


def without_clocks(record: Record) -> Any:
    def strip(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: strip(each) for key, each in value.items() if key not in ("timing", "command")}
        return [strip(each) for each in value] if isinstance(value, list) else value

    return strip(json.loads(record.to_json()))


def by_command(*arguments: str, out: Path) -> Record:
    result = CliRunner().invoke(main, ["verify", *arguments, "--out", str(out)])
    assert result.exit_code in (0, 1, 3), result.output
    return Record.read(out / "report.json")


@pytest.mark.parametrize(
    ("words", "given"),
    [
        (("--exact",), {"exact": True}),
        (("--attribute",), {"attribute": True}),
        (("--expect", "biased", "--seed", "3", "--alpha", "0.01"), {"expect": "biased", "seed": 3, "alpha": 0.01}),
        (("--tolerance", "0.2", "--dtype", "float32", "--no-fused"), {"tolerance": 0.2, "dtype": "float32", "fused": False}),
    ],
    ids=lambda each: " ".join(each) if isinstance(each, tuple) else None,
)
def test_what_the_command_can_python_can_with_the_same_record(
    words: tuple[str, ...], given: dict[str, Any], tmp_path: Path
) -> None:
    commanded = by_command("straight_through", "leave_one_out", "--problem", BIT, "--workers", "0", *words, out=tmp_path)
    record = verify(["straight_through", "leave_one_out"], BIT, **given)
    assert without_clocks(record) == without_clocks(commanded)


def test_workers_isolation_and_a_folder_from_python(tmp_path: Path) -> None:
    target = f"{wrong.__file__}:Forgetful"
    here = verify([target, "leave_one_out"], BIT)
    there = verify([target, "leave_one_out"], BIT, workers=1, isolate=True, out=tmp_path / "there")
    assert without_clocks(here) == without_clocks(there)
    assert without_clocks(Record.read(tmp_path / "there" / "report.json")) == without_clocks(there)
    assert {"report.html", "report.md", "junit.xml"} <= {path.name for path in (tmp_path / "there").iterdir()}


def test_an_unfinished_run_is_resumed_from_python(tmp_path: Path) -> None:
    class StoppedError(Exception):
        pass

    def stop(done: int, total: int, name: str) -> None:
        raise KeyboardInterrupt

    first = verify(["score_function", "leave_one_out"], [BIT, "bernoulli:0.3/square"], out=tmp_path, progress=stop)
    assert not first.run.complete
    with pytest.warns(RuntimeWarning, match=r"\d+ tasks were answered before"):
        second = verify(["score_function", "leave_one_out"], [BIT, "bernoulli:0.3/square"], out=tmp_path, resume=True)
    assert without_clocks(second) == without_clocks(verify(["score_function", "leave_one_out"], [BIT, "bernoulli:0.3/square"]))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"workers": 1}, "workers: other processes cannot find LeaveOneOut.* give it by name"),
        ({"isolate": True}, "isolate: LeaveOneOut.* was given as an object"),
        ({"resume": True}, "--resume needs --out"),
        ({"takes": "probs"}, "--takes applies only to foreign code"),
        ({"workers": -1}, "workers=-1; expected 0 for none"),
        ({"time_limit": 0.0}, "time_limit=0; expected a number of seconds above 0"),
        ({"exact": True, "dask": "tcp://nowhere:1"}, "--exact draws no rows"),
    ],
    ids=lambda each: " ".join(each) if isinstance(each, dict) else None,
)
def test_options_that_cannot_be_meant_are_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        verify(LeaveOneOut(group=2), BIT, **given)


def test_an_unknown_option_is_named() -> None:
    with pytest.raises(TypeError, match="verify has no option 'tolerence'; expected one of params, profile"):
        verify("leave_one_out", BIT, tolerence=0.1)


def test_former_names_warn_and_work() -> None:
    with pytest.warns(DeprecationWarning, match=r"verify\(seconds=...\) is deprecated; give budget=60.0"):
        record = verify("leave_one_out", BIT, seconds=60.0)
    assert without_clocks(record) == without_clocks(verify("leave_one_out", BIT, budget=60.0))


def test_the_truth_was_once_called_the_objective() -> None:
    with pytest.warns(DeprecationWarning, match=r"verify\(objective=...\) is deprecated; give truth='discrete'"):
        record = verify(gumbel_softmax, "categorical_one_hot:4/linear", tolerance=0.5, objective="discrete")
    assert without_clocks(record) == without_clocks(verify(gumbel_softmax, "categorical_one_hot:4/linear", tolerance=0.5))


def test_replay_names_what_it_can_and_writes_python_for_objects() -> None:
    request = assemble({"leave_one_out": "leave_one_out", "mine": ScoreFunction()}, [BIT, programs.FAIR], {"seed": 5})
    replay = request.run.replay
    assert shlex.split(replay("leave_one_out", BIT))[:5] == ["gradverify", "verify", "leave_one_out", "--problem", BIT]
    assert replay("mine", BIT).startswith(f"verify(mine, {BIT!r}, seed=5, alpha=")
    assert replay("leave_one_out", programs.FAIR.name).startswith("verify(leave_one_out, ")


def test_an_option_touches_the_front_door_and_its_own_place() -> None:
    """A toy option, in the signature alone: the command, replay and the list of options have it without another line."""

    def toy(
        seed: Annotated[int, Option(help="Seed.", replayed="always", sweeps=True)] = 0,
        half_life: Annotated[float | None, Option(help="A toy option.", metavar="H", replayed="set", sweeps=True)] = None,
    ) -> None: ...

    toy.__annotations__ = inspect.get_annotations(toy)
    specs = read_options(toy)
    assert list(specs) == ["seed", "half_life"]

    @click.command()
    @request_options(specs.values())
    def command(**given: Any) -> None:
        click.echo(" ".join(Asked.of(specs, given).words(foreign=False)))

    assert CliRunner().invoke(command, ["--half-life", "2.5"]).stdout.split() == ["--seed", "0", "--half-life", "2.5"]
    assert CliRunner().invoke(command, []).stdout.split() == ["--seed", "0"]
    assert "A toy option." in CliRunner().invoke(command, ["--help"]).stdout


def test_every_door_offers_the_options_of_the_signature() -> None:
    specs = options()
    keywords = [name for name, each in inspect.signature(verify).parameters.items() if each.kind is each.KEYWORD_ONLY]
    assert keywords == [*specs, "progress"]
    commands = {name: {each.name for each in command.params} for name, command in main.commands.items()}
    assert set(specs) <= commands["verify"]
    assert {name for name, spec in specs.items() if spec.about.sweeps} <= commands["variance"]
    documented = inspect.getdoc(verify)
    assert documented is not None
    assert all(f"\n    {name}: " in documented for name in specs)


def test_the_fixture_hands_over_every_option() -> None:
    fixture = Gradverify("test", "replay", Budget(1.0, 10), {"seed": 1}, lambda name, text: None)
    record = fixture.verify(StraightThrough(), BIT, attribute=True, tolerance=0.3, expect="biased")
    assert record.cells[-1].find("attribution") is not None
    with pytest.raises(TypeError, match="has no option 'colour'"):
        fixture.verify(StraightThrough(), BIT, colour="red")
