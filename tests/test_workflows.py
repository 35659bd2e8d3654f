"""The workflows for GitHub Actions: every command in them is run, in a repository made for it, with pip and gh played."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sysconfig
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from gradverify.estimators import LeaveOneOut
from gradverify.verification import verify
from gradverify.verification.cli import main
from gradverify.verification.record.record import Record

ROOT = Path(__file__).parents[1]
WORKFLOWS = ROOT / ".github" / "workflows"
GUIDE = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
SCRIPTS = Path(sysconfig.get_path("scripts"))

ESTIMATOR = """
from gradverify.estimators import LeaveOneOut
MINE = LeaveOneOut(group={group})
"""
TARGETS = "mine.py:MINE --problem bernoulli:0.3/cubic"

Step = Mapping[str, Any]
Shell = Callable[..., subprocess.CompletedProcess[str]]


def workflow(name: str) -> dict[Any, Any]:
    loaded: dict[Any, Any] = yaml.safe_load((WORKFLOWS / name).read_text(encoding="utf-8"))
    return loaded


def steps(name: str) -> list[Step]:
    (job,) = workflow(name)["jobs"].values()
    return list(job["steps"])


def step(name: str, title: str) -> Step:
    (found,) = [each for each in steps(name) if each.get("name") == title]
    return found


def filled(text: str, context: Mapping[str, str]) -> str:
    """The text with its expressions evaluated; one that is not known here fails the test."""
    return re.sub(r"\$\{\{ *(.+?) *\}\}", lambda match: context[match[1]], text)


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A user's checkout, whose origin has a base with a record, and a head with a worse estimator."""
    folder = tmp_path_factory.mktemp("user")
    origin, work = folder / "origin", folder / "work"
    origin.mkdir()
    (origin / "mine.py").write_text(ESTIMATOR.format(group=8))
    record = verify({"mine.py:MINE": LeaveOneOut(group=8)}, "bernoulli:0.3/cubic", expect="unbiased")
    (origin / "gradverify").mkdir()
    record.write(origin / "gradverify" / "report.json")
    git = ["git", "-C", str(origin), "-c", "user.name=user", "-c", "user.email=user@example.org", "-c", "commit.gpgsign=false"]
    for arguments in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-q", "-m", "Base"]):
        subprocess.run([*git, *arguments], check=True, capture_output=True)
    subprocess.run(["git", "clone", "-q", str(origin), str(work)], check=True, capture_output=True)
    (work / "mine.py").write_text(ESTIMATOR.format(group=2))
    return work


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """Runs a step as the runner does: ``bash -e``, with the job's and the step's environment and a summary file."""
    (tmp_path / "bin").mkdir()

    def run(each: Step, folder: Path, environment: Mapping[str, str], context: Mapping[str, str]) -> Any:
        own = {name: filled(str(value), context) for name, value in {**environment, **each.get("env", {})}.items()}
        path = os.pathsep.join([str(tmp_path / "bin"), str(SCRIPTS), os.environ["PATH"]])
        everything = {**os.environ, **own, "PATH": path, "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md")}
        command = ["bash", "-e", "-c", each["run"]]
        return subprocess.run(command, cwd=folder, env=everything, text=True, capture_output=True, check=False)

    return run


def played(folder: Path, name: str, script: str) -> None:
    path = folder / "bin" / name
    path.write_text(f"#!/usr/bin/env bash\n{script}\n")
    path.chmod(0o755)


def inputs(**given: str) -> dict[str, str]:
    """The inputs of the reusable workflow: its defaults, and what a caller gives."""
    declared = workflow("verify.yml")[True]["workflow_call"]["inputs"]
    values = {f"inputs.{name}": str(each.get("default", "")) for name, each in declared.items()}
    assert {f"inputs.{name}" for name in given} <= set(values)
    return values | {f"inputs.{name}": value for name, value in given.items()}


@pytest.mark.parametrize("name", ["ci.yml", "verify.yml"])
def test_no_expression_stands_in_a_command(name: str) -> None:
    """What others choose (titles, branches, inputs) reaches a command through its environment alone."""
    commands = [each["run"] for each in steps(name) if "run" in each]
    assert commands
    assert not [each for each in commands if "${{" in each]
    assert all(re.search(r"@v\d+$", each["uses"]) for each in steps(name) if "uses" in each)
    assert workflow(name)["permissions"]["contents"] == "read"
    for each in commands:
        subprocess.run(["bash", "-n", "-c", each], check=True)


def test_a_pull_request_from_verification_to_the_summary(repository: Path, shell: Shell, tmp_path: Path) -> None:
    """The head's pairs instead of groups of eight have a larger variance: the step that compares fails, and says so."""
    sha = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=repository, text=True, capture_output=True, check=True
    ).stdout.strip()
    context = inputs(**{"targets": f"{TARGETS} --workers 1 --expect unbiased", "base-record": "gradverify/report.json"})
    context |= {"github.event.pull_request.base.sha": sha}
    job = workflow("verify.yml")["jobs"]["verify"]["env"]
    for title, status in (("Verify", 0), ("Find the base branch's record in git", 0), ("Compare with the base branch", 1)):
        done = shell(step("verify.yml", title), repository, job, context)
        assert done.returncode == status, (title, done.stdout, done.stderr)
    summary = (tmp_path / "summary.md").read_text()
    assert "# gradverify: every claim holds" in summary
    assert "## gradverify: something is worse" in summary
    assert (repository / "gradverify-report" / "comparison.md").is_file()
    _artifact(repository, shell, tmp_path, job, context)
    _no_record(repository, shell, tmp_path, job, context)


def _artifact(repository: Path, shell: Shell, folder: Path, job: dict[str, str], context: dict[str, str]) -> None:
    """The record of the base branch's last run is asked of gh, by the caller's workflow and branch; equal records pass."""
    script = f"""
    echo "$@" >> {folder}/asked
    case "$1 $2" in
      "run list") echo 42 ;;
      "run download") cp {repository}/gradverify-report/report.json "$7/report.json" ;;
    esac"""
    played(folder, "gh", script)
    shutil.rmtree(repository / "gradverify-base")
    github = {"github.token": "none", "github.repository": "me/mine", "github.workflow": "Gradients", "github.base_ref": "main"}
    for title in ("Find the base branch's record among the artifacts", "Compare with the base branch"):
        done = shell(step("verify.yml", title), repository, job, context | github)
        assert done.returncode == 0, (title, done.stdout, done.stderr)
    asked = (folder / "asked").read_text().splitlines()
    assert asked[0].startswith("run list --workflow Gradients --branch main --event push --status completed")
    assert asked[1] == "run download 42 --name gradverify-report --dir gradverify-base"


def _no_record(repository: Path, shell: Shell, folder: Path, job: dict[str, str], context: dict[str, str]) -> None:
    shutil.rmtree(repository / "gradverify-base")
    played(folder, "gh", "true")
    github = {"github.token": "", "github.repository": "", "github.workflow": "", "github.base_ref": "main"}
    for title in ("Find the base branch's record among the artifacts", "Compare with the base branch"):
        assert shell(step("verify.yml", title), repository, job, context | github).returncode == 0
    assert "there is no record of the base branch yet" in (folder / "summary.md").read_text()


def test_a_refuted_claim_fails_the_step_and_leaves_its_report(shell: Shell, tmp_path: Path) -> None:
    played(tmp_path, "gradverify", "mkdir -p gradverify-report && echo refuted > gradverify-report/report.md; exit $STATUS")
    job = workflow("verify.yml")["jobs"]["verify"]["env"]
    for context, statuses in ((inputs(), (0, 0, 1, 4)), (inputs(passing="0"), (0, 3, 1, 4))):
        for status, expected in zip((0, 3, 1, 4), statuses, strict=True):
            done = shell(step("verify.yml", "Verify"), tmp_path, {**job, "STATUS": str(status)}, context)
            assert done.returncode == expected
    assert (tmp_path / "summary.md").read_text() == 8 * "refuted\n"


def test_installation_is_what_the_caller_says(shell: Shell, tmp_path: Path) -> None:
    played(tmp_path, "python", f'echo "$@" > {tmp_path}/asked')
    job = workflow("verify.yml")["jobs"]["verify"]["env"]
    context = inputs(targets=TARGETS, install="gradverify[cli,report] .")
    assert shell(step("verify.yml", "Install"), tmp_path, job, context).returncode == 0
    assert (tmp_path / "asked").read_text() == "-m pip install gradverify[cli,report] .\n"


def test_the_projects_own_checks_run_what_the_readme_says(shell: Shell, tmp_path: Path) -> None:
    """`.ci/run` in a copy, with python played, asks for the README's commands in their order."""
    (tmp_path / ".ci").mkdir()
    shutil.copy(ROOT / ".ci" / "run", tmp_path / ".ci" / "run")
    played(tmp_path, "chromium", "true")
    played(tmp_path, "python", f'[ "$1" = - ] && exit 0; echo python "$@" >> {tmp_path}/asked')
    done = shell(step("ci.yml", "Tests, lint, types, and every estimator verified"), tmp_path, {}, {})
    assert done.returncode == 0, done.stderr
    asked = (tmp_path / "asked").read_text().splitlines()
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert f"{asked[0]} && {asked[1]}" in readme
    assert any(each.startswith("python -m nox -s verify") for each in asked[2:])
    assert os.access(ROOT / ".ci" / "run", os.X_OK)


def test_the_projects_own_record_is_compared_with_the_reference(shell: Shell, tmp_path: Path) -> None:
    for folder in ("reports/reference/verify", "reports/verify", ".nox/verify/bin"):
        (tmp_path / folder).mkdir(parents=True)
    record = Record.read(ROOT / "reports" / "reference" / "walk" / "report.json")
    for folder in ("reports/reference/verify", "reports/verify"):
        record.write(tmp_path / folder / "report.json")
    (tmp_path / "reports" / "verify" / "report.md").write_text("the report\n")
    (tmp_path / ".nox/verify/bin/gradverify").symlink_to(SCRIPTS / "gradverify")
    for title in ("Summary of the verification", "Compare with the reference run"):
        done = shell(step("ci.yml", title), tmp_path, {}, {})
        assert done.returncode == 0, done.stderr
    summary = (tmp_path / "summary.md").read_text()
    assert summary.startswith("the report\n## gradverify: nothing is worse")


def test_the_guides_caller_gives_inputs_that_exist() -> None:
    (text,) = re.findall(r"<!-- caller -->\n```yaml\n(.*?)```", GUIDE, re.DOTALL)
    (job,) = yaml.safe_load(text)["jobs"].values()
    declared = workflow("verify.yml")[True]["workflow_call"]["inputs"]
    assert set(job["with"]) <= set(declared)
    assert {name for name, each in declared.items() if each.get("required")} <= set(job["with"])
    assert job["permissions"] == workflow("verify.yml")["permissions"]
    table = re.findall(r"^\| `([a-z-]+)` \|", GUIDE, re.MULTILINE)
    assert table == list(declared)


def test_the_guides_commands_run(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each line, in its order, in a folder of its own; `git add` apart, which the workflow's test does."""
    blocks = re.findall(r"<!-- commands -->\n```\n(.*?)```", GUIDE, re.DOTALL)
    lines = [shlex.split(line) for block in blocks for line in block.splitlines()]
    record = repository.parent / "origin" / "gradverify" / "report.json"
    for name in ("head", "cpu", "cuda", "gradverify"):
        (tmp_path / name).mkdir()
        shutil.copy(record, tmp_path / name / "report.json")
    (tmp_path / "estimators.py").write_text(ESTIMATOR.format(group=8).replace("MINE", "MyEstimator"))
    monkeypatch.chdir(tmp_path)
    compared = [line[1:] for line in lines if line[:2] == ["gradverify", "compare"]]
    assert [CliRunner().invoke(main, line).exit_code for line in compared] == [0, 0, 0]
    (verified,) = [line[1:] for line in lines if line[:2] == ["gradverify", "verify"]]
    done = CliRunner().invoke(main, verified)
    assert done.exit_code == 0, done.output
    assert len(compared) + 2 == len(lines)
