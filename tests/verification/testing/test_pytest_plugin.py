"""The pytest plugin, from outside: runs of pytest on small folders, most of them in this process."""

from __future__ import annotations

import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from gradverify.verification.record.record import Record
from gradverify.verification.report import exit_status, validate
from gradverify.verification.run import verification as run  # noqa: F401

# What an inner run imports first it forgets again, with its classes: so everything that it uses is imported here.
from gradverify.verification.testing import assertions, judgement, pytest_fixture  # noqa: F401

pytest_plugins = ["pytester"]

SOUND = """
    def test_sound(gradverify):
        gradverify.assert_unbiased("leave_one_out", "bernoulli:0.3/cubic", tolerance=0.2)
"""
WRONG = """
    def test_wrong(gradverify):
        gradverify.assert_unbiased("straight_through", "bernoulli:0.3/cubic", tolerance=0.05)
"""
MARKED = """
    import pytest

    pytestmark = pytest.mark.gradverify(problem="bernoulli:0.3/cubic", profile="quick")

    @pytest.mark.gradverify(tolerance=0.2, false_fail_rate=1e-5)
    def test_marked(gradverify):
        gradverify.assert_unbiased("leave_one_out")
        gradverify.assert_variance_at_most("leave_one_out", variance=75.0)
        gradverify.assert_not_worse_than("leave_one_out", "score_function", margin=0.3)
        gradverify.assert_unbiased("leave_one_out", "bernoulli:0.3/square", tolerance=0.5, false_fail_rate=1e-4)
"""

BY_HAND = """
    from gradverify.verification.testing.pytest_session import Assertion, Line
    from gradverify.verification.record.record import Cell, Record, Run

    def test_by_hand(gradverify):
        rate = gradverify.budget.share
        gradverify.budget.charge(rate)
        head = Run(command="", profile="quick", seed=0, device="cpu", dtype="float64", alpha=rate, tolerance=0.1, complete=True)
        record = Record(run=head, cells=(Cell(estimator="mine", problem="fair", status="ok"),))
        line = Line(True, "unbiased", "mine on fair: unbiased")
        gradverify.tell("gradverify unbiased", line.sentence)
        gradverify.made.append(Assertion(gradverify.test, rate, gradverify.defaults["seed"], (line,), record.to_json()))
"""


@pytest.fixture(autouse=True)
def started_as_pytest(monkeypatch: pytest.MonkeyPatch) -> None:
    """However these tests were started: replay commands begin as the session did."""
    monkeypatch.setattr(sys, "argv", ["pytest"])


def outcomes(result: pytest.RunResult) -> dict[str, int]:
    return {name: count for name, count in result.parseoutcomes().items() if name in ("passed", "failed", "errors")}


def run_here(pytester: pytest.Pytester, *options: str) -> pytest.RunResult:
    return pytester.runpytest_inprocess("-p", "no:cacheprovider", *options)


def test_a_verdict_is_a_line_of_the_summary(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(SOUND + WRONG)
    result = run_here(pytester)
    assert outcomes(result) == {"passed": 1, "failed": 1}
    result.stdout.fnmatch_lines(
        [
            "*= gradverify =*",
            "holds: leave_one_out on bernoulli:0.3/cubic/p: unbiased: relative error *; false-fail rate 1e-06*::test_sound)",
            "FAILS: straight_through on bernoulli:0.3/cubic/p: biased: rescaled by 0.8*::test_wrong)",
            "error budget: 2e-06 of 0.001 spent on 2 assertions; master seed 0",
        ]
    )


def test_quiet_shows_failures_alone(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(SOUND + WRONG)
    result = run_here(pytester, "-q")
    result.stdout.no_fnmatch_line("holds: *")
    result.stdout.fnmatch_lines(["FAILS: *", "error budget: *"])


def test_the_replay_command_repeats_the_failure(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(SOUND + WRONG)
    first = run_here(pytester, "--gradverify-seed", "12", "--gradverify-profile", "quick").stdout.str()
    (command,) = set(re.findall(r"^E +replay: (.*)$", first, re.M))
    assert re.fullmatch(r"pytest \S+::test_wrong --gradverify-seed 12 --gradverify-profile quick", command)
    again = run_here(pytester, *command.split()[1:]).stdout.str()
    failures = [re.findall(r"^FAILS: (.*)$", said, re.M) for said in (first, again)]
    assert failures[0] == failures[1]
    assert len(failures[0]) == 1


def test_seeds_come_from_the_master_seed_and_the_test(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_one=SOUND, test_two=SOUND)
    seeds = [
        re.findall(r"seed (\d+)\.? \(", run_here(pytester, "--gradverify-seed", each).stdout.str()) for each in ("0", "1", "0")
    ]
    assert len(set(seeds[0] + seeds[1])) == 4
    assert seeds[0] == seeds[2]


def test_the_marker_sets_what_assertions_take(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(MARKED)
    result = run_here(pytester, "--strict-markers")
    assert outcomes(result) == {"passed": 1}
    result.stdout.fnmatch_lines(
        [
            "holds: leave_one_out on bernoulli:0.3/cubic/p: unbiased: * tolerance 20 %* rate 1e-05*",
            "holds: leave_one_out on bernoulli:0.3/cubic/p: variance * not above 75; * rate 1e-05*",
            "holds: leave_one_out on * not above 1.3 times that of score_function; * rate 1e-05*",
            "holds: leave_one_out on bernoulli:0.3/square/p: unbiased: * tolerance 50 %* rate 0.0001*",
            "error budget: 0.00013 of 0.001 spent on 4 assertions; master seed 0",
        ]
    )


def test_more_assertions_than_the_budget_holds_are_refused(pytester: pytest.Pytester) -> None:
    pytester.makeini("[pytest]\ngradverify_budget = 0.01\ngradverify_assertions = 2\n")
    pytester.makepyfile(
        SOUND
        + """
    def test_greedy(gradverify):
        gradverify.assert_unbiased("leave_one_out", "bernoulli:0.3/cubic", tolerance=0.2)
        gradverify.assert_unbiased("leave_one_out", "bernoulli:0.3/cubic", tolerance=0.2)
    """
    )
    result = run_here(pytester)
    assert outcomes(result) == {"passed": 1, "failed": 1}
    result.stdout.fnmatch_lines(
        ["*BudgetError: *rate of 0.005, and 0.01 of the session's 0.01 is spent; *", "error budget: 0.01 *"]
    )


def test_junit_has_every_verdict_as_a_property(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(SOUND + WRONG)
    run_here(pytester, "--junitxml", "junit.xml")
    cases = {each.get("name"): each for each in ElementTree.parse(pytester.path / "junit.xml").iter("testcase")}
    properties = [(each.get("name"), each.get("value", "")) for each in cases["test_sound"].iter("property")]
    assert [(name, value.partition(": relative")[0]) for name, value in properties] == [
        ("gradverify unbiased", "leave_one_out on bernoulli:0.3/cubic/p: unbiased")
    ]
    (failure,) = cases["test_wrong"].iter("failure")
    assert "replay: pytest " in failure.get("message", "")


def test_the_record_holds_every_assertion(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(test_marked=MARKED, test_wrong=WRONG)
    run_here(pytester, "--gradverify-record", "out/report.json", "--gradverify-seed", "4")
    record = Record.read(pytester.path / "out" / "report.json")
    validate(record)
    assert [(cell.checks[-1].check, cell.facts["test"].partition("::")[2]) for cell in record.cells][1:3] == [
        ("variance limit", "test_marked"),
        ("variance ratio", "test_marked"),
    ]
    assert (len(record.cells), record.run.num_tests, record.run.seed, record.run.alpha) == (5, 5, 4, 1e-3)
    assert record.run.command == "pytest -p no:cacheprovider --gradverify-record out/report.json --gradverify-seed 4"
    assert exit_status(record) == 1
    assert {cell.replay.split()[0] for cell in record.cells} == {"pytest"}


def test_a_run_without_assertions_writes_no_record_and_says_so(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_other(): pass")
    result = run_here(pytester, "--gradverify-record", "report.json")
    result.stdout.fnmatch_lines(["no assertion was made, so there is no record to write"])
    assert not (pytester.path / "report.json").exists()


def test_verify_gives_a_record_and_asserts_nothing(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        def test_look(gradverify):
            record = gradverify.verify(["leave_one_out", "straight_through"], "bernoulli:0.3/cubic")
            found = [cell.find("bias").outcome for cell in record.cells if cell.estimator != "references"]
            assert found == ["unbiased", "biased"]
            assert record.run.alpha == 1e-6
        """
    )
    result = run_here(pytester)
    assert outcomes(result) == {"passed": 1}
    result.stdout.fnmatch_lines(
        ["holds: leave_one_out on *", "holds: straight_through on *: biased: *", "error budget: 1e-06 *"]
    )


def test_a_failure_that_a_test_expects_is_still_in_the_summary(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest

        def test_expected(gradverify):
            with pytest.raises(AssertionError, match="biased"):
                gradverify.assert_unbiased("straight_through", "bernoulli:0.3/cubic", tolerance=0.05)
        """
    )
    result = run_here(pytester)
    assert outcomes(result) == {"passed": 1}
    result.stdout.fnmatch_lines(["FAILS: straight_through on *"])


def test_a_failure_points_at_the_line_of_the_test(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(WRONG)
    result = run_here(pytester, "--tb=short")
    result.stdout.fnmatch_lines(["*test_*.py:2: in test_wrong", "E   AssertionError: straight_through on *"])
    result.stdout.no_fnmatch_line("*assertions.py*")


def test_workers_send_what_they_found_to_the_one_that_reports(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same lines and record as without workers. Each worker refuses by what it spent itself; the sum fails the session.

    No estimator is run and no other plugin loaded: workers would load PyTorch and Hypothesis first.
    """
    pytest.importorskip("xdist")
    pytester.makepyfile(test_one=BY_HAND, test_two=BY_HAND)
    plain = run_here(pytester, *budget(2), "--gradverify-record", "plain.json")
    assert outcomes(run_here(pytester, *budget(1))) == {"passed": 1, "failed": 1}
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    plugins = ("-p", "xdist", "-p", "gradverify.verification.testing.pytest_plugin", "-n", "2", "--dist", "loadfile")
    spread = pytester.runpytest_subprocess(*plugins, *budget(1), "--gradverify-record", "spread.json", "--junitxml=junit.xml")
    assert outcomes(spread) == {"passed": 2}
    assert spread.ret == pytest.ExitCode.TESTS_FAILED
    lines = [re.findall(r"^(?:holds|FAILS): .*$", each.stdout.str(), re.M) for each in (plain, spread)]
    assert lines[0] == lines[1]
    assert [line.rpartition("(")[2] for line in lines[0]] == ["test_one.py::test_by_hand)", "test_two.py::test_by_hand)"]
    cells = [Record.read(pytester.path / name).cells for name in ("plain.json", "spread.json")]
    assert cells[0] == cells[1]
    assert len(cells[0]) == 2
    told = [each.get("value") for each in ElementTree.parse(pytester.path / "junit.xml").iter("property")]
    assert told == 2 * ["mine on fair: unbiased"]
    spread.stdout.fnmatch_lines(["error budget: 2e-06 of 1e-06 spent on 2 assertions; master seed 0; MORE THAN THERE IS: *"])


def budget(count: int) -> tuple[str, ...]:
    return ("-o", f"gradverify_budget={count}e-6", "-o", f"gradverify_assertions={count}")


def test_a_run_that_does_not_use_it_loads_nothing(tmp_path: Path) -> None:
    """Its own few files and nothing else, compared with a run without the plugin; no PyTorch."""
    (tmp_path / "test_other.py").write_text("def test_other(): pass\n")
    code = """
import sys, pytest
assert pytest.main(["-q", "-p", "no:cacheprovider", *sys.argv[1:]]) == 0
print(",".join(sorted(sys.modules)))
"""
    loaded = []
    for options in ([], ["-p", "no:gradverify"]):
        others = [f"-pno:{name}" for name in ("hypothesispytest", "jaxtyping", "xdist", "benchmark")]
        done = subprocess.run(
            [sys.executable, "-c", code, *others, *options], cwd=tmp_path, text=True, capture_output=True, check=True
        )
        loaded.append(set(done.stdout.splitlines()[-1].split(",")))
    assert "torch" not in loaded[0]
    assert loaded[0] - loaded[1] <= {
        "gradverify",
        "gradverify.verification",
        "gradverify.verification.testing",
        "gradverify.verification.testing.pytest_plugin",
        "gradverify.verification.testing.pytest_reporter",
        "gradverify.verification.testing.pytest_session",
        "hashlib",
        "_hashlib",
        "_blake2",
    }
