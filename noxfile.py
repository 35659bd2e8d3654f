"""The nox sessions: ``verify`` is the main job; ``nox --list`` shows all.

Every session has an environment of its own, which is kept between runs and has the versions of ``constraints.txt``. The
package is installed as a user gets it and never editable, so that the code that runs is the code of a wheel.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import nox

nox.needs_version = ">=2024.10.9"
nox.options.default_venv_backend = "virtualenv"
nox.options.reuse_venv = "yes"
nox.options.sessions = ["tests", "lint", "types"]

ROOT = Path(__file__).parent
CONSTRAINTS = ("-c", "constraints.txt")
PACKAGES = ("gradverify.estimators", "gradverify.verification")

DOCUMENTED = (
    "gradverify.estimators",
    "gradverify.estimators.adapters",
    "gradverify.estimators.protocol",
    "gradverify.estimators.markov",
    "gradverify.verification.api",
    "gradverify.verification.testing.assertions",
    "gradverify.verification.problems.problem",
    "gradverify.verification.record",
    "gradverify.verification.strategies",
)
"""The modules that users import from."""

MEANING = {
    0: "every claim holds",
    1: "a claim is refuted, or a check failed",
    2: "wrong usage, or a target that cannot be used",
    3: "nothing is refuted, something is inconclusive within the budget",
    4: "something could not be run",
}
"""The meaning of each exit status of ``gradverify verify``."""

ACCEPTED = (0, 3)
"""The exit statuses with which the session ``verify`` passes."""


@nox.session
def verify(session: nox.Session) -> None:
    """Verify every registered estimator on the default problems; writes reports/verify/ (arguments go to the command)."""
    _install(session, "cli,report")
    status = _exit_status(session, "gradverify", ["verify", "--out", "reports/verify", *session.posargs])
    message = f"exit status {status}: {MEANING.get(status, 'the command crashed')}"
    if status not in ACCEPTED:
        session.error(message)
    session.log(f"{message} (accepted)")


@nox.session
def variance(session: nox.Session) -> None:
    """Measure how variance grows with program length; writes reports/variance/ (arguments go to the command)."""
    _install(session, "cli,report")
    session.run("gradverify", "variance", "--out", "reports/variance", *session.posargs, success_codes=ACCEPTED)


@nox.session
def bench(session: nox.Session) -> None:
    """Measure throughput beside code without gradverify; writes reports/bench/ (arguments go to the command).

    ``--with-peers`` among the arguments also installs and measures other libraries.
    """
    arguments = [argument for argument in session.posargs if argument != "--with-peers"]
    _install(session, "dev" + (",peers" if len(arguments) < len(session.posargs) else ""))
    session.run("gradverify", "bench", "--out", "reports/bench", *arguments)
    timed = ("--benchmark-only", "--benchmark-columns=median,ops", "--benchmark-group-by=group")
    session.run("pytest", "tests/benchmarks", *timed, "--benchmark-json=reports/bench/pytest-benchmark.json")


@nox.session
def experiments(session: nox.Session) -> None:
    """Run walk calibration and relational inference, small; writes reports/experiments/ (arguments go to both commands)."""
    _install(session, "cli,report")
    for name in ("walk", "nri"):
        session.run("gradverify", "experiment", name, "--out", f"reports/experiments/{name}", *session.posargs)


@nox.session
def selftest(session: nox.Session) -> None:
    """Measure the verifier itself: false alarms, bugs, power; writes reports/selftest/ (arguments go to the command)."""
    _install(session, "cli,report")
    session.run("gradverify", "selftest", "--out", "reports/selftest", *session.posargs)


@nox.session
def corpus(session: nox.Session) -> None:
    """Judge public gradient rules of known truth, and print the score; writes reports/corpus/ (arguments go to the script).

    It fails if a verdict is confidently wrong.
    """
    _install(session, "cli")
    session.run("python", "tests/corpus/score.py", "--out", "reports/corpus", *session.posargs, env={"OMP_NUM_THREADS": "1"})


@nox.session
def mutation(session: nox.Session) -> None:
    """Change single operators of the statistics and the checks, and see if a test notices; writes reports/mutation/.

    Arguments go to the script.
    """
    _install(session, "dev,mutation")
    env = {"OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    session.run("pytest", "tests/mutation", env=env)
    session.run("python", "tests/mutation/score.py", "--out", "reports/mutation", *session.posargs, env=env)


@nox.session
def tests(session: nox.Session) -> None:
    """Run the tests and the packages' doctests; arguments go to pytest, and paths among them are run instead."""
    _install(session, "dev")
    # One process a core, one thread a process; neighbouring tests, which share what is costly, stay together. Benchmarks mean
    # nothing beside other tests: each runs once, untimed.
    parallel = ("--numprocesses=auto", "--dist=worksteal", "--benchmark-disable")
    # Triton, which comes with CUDA builds of PyTorch alone, cannot be imported here.
    doctests = ("--doctest-modules", "--doctest-ignore-import-errors", "--pyargs", *PACKAGES)
    paths = [each for each in session.posargs if (ROOT / (each.partition("::")[0] or "-")).exists()]
    selected = () if paths else ("tests", *doctests)
    # Spawned processes and later runs read what was compiled, whatever the environment says.
    env = {"OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "error", "PYTHONDONTWRITEBYTECODE": ""}
    session.run("pytest", *parallel, *session.posargs, *selected, env=env)


@nox.session
def lint(session: nox.Session) -> None:
    """Check the style, the formatting and the language of the code."""
    session.install("ruff", *CONSTRAINTS)
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("python", "tests/language.py")


@nox.session
def types(session: nox.Session) -> None:
    """Check the types of the installed packages."""
    _install(session, "dev")
    # Run in a neutral folder: in the checkout mypy would also find each module by its path, under a second name.
    session.chdir(session.create_tmp())
    session.run("mypy", "--config-file", str(ROOT / "pyproject.toml"), *(word for name in PACKAGES for word in ("-p", name)))


@nox.session
def docs(session: nox.Session) -> None:
    """Write the reference of the Python API to reports/docs/."""
    _install(session, "report,pytest")
    session.install("pdoc", *CONSTRAINTS)
    session.run("pdoc", *DOCUMENTED, "--docformat", "google", "--output-directory", "reports/docs")


def _install(session: nox.Session, extras: str) -> None:
    """Install the package with its extras, at the pinned versions."""
    # A build folder that is kept would carry deleted modules into the new wheel.
    shutil.rmtree(ROOT / "build", ignore_errors=True)
    # The build backend is pinned too, which it would not be in an isolated build.
    session.install("torch", "setuptools", *CONSTRAINTS)
    session.install("--no-build-isolation", f".[{extras}]", *CONSTRAINTS)


def _exit_status(session: nox.Session, program: str, arguments: Sequence[str]) -> int:
    """Run a program of the session's environment to its end, and return its exit status.

    ``session.run`` does not tell several accepted statuses apart. After Ctrl-C it leaves a program 0.3 seconds, and writing
    the finished cells takes longer.
    """
    path = shutil.which(program, path=os.pathsep.join(session.bin_paths or []))
    if path is None:
        session.error(f"{program} is not installed in this session's environment")
    session.log(" ".join([program, *arguments]))
    with subprocess.Popen([path, *arguments]) as process:
        try:
            return process.wait()
        except KeyboardInterrupt:  # the terminal interrupts the program too, and it ends by itself
            session.warn("interrupted: waiting for the command to write its finished cells")
            process.wait()
            raise
