"""Users have modules called ``estimators`` and ``verification`` too: theirs and ours live beside each other."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

MINE = """
OWNER = "user"


def mine(program, params, num_samples, generator):
    from gradverify.estimators import LeaveOneOut

    return LeaveOneOut(group=3)(program, params, num_samples, generator)
"""
TEST = """
import estimators
import gradverify.verification
import verification


def test_mine(gradverify):
    assert (estimators.OWNER, verification.OWNER) == ("user", "user")
    if {judge}:
        gradverify.assert_unbiased(estimators.mine, "bernoulli:0.3/cubic", tolerance=0.3)
        gradverify.assert_unbiased("{target}:mine", "bernoulli:0.3/cubic", tolerance=0.3)
"""

FILES = ("estimators.py", "verification.py")
PACKAGES = ("estimators/__init__.py", "verification/__init__.py")
PLAIN = [str(Path(sys.executable).parent / "pytest")]
MODULE = [sys.executable, "-m", "pytest"]  # puts the working directory ahead of the installed packages


# Half of them load PyTorch and judge; that the names are told apart, all of them show.
@pytest.mark.parametrize(
    ("names", "command", "judge"),
    [(FILES, PLAIN, False), (FILES, MODULE, True), (PACKAGES, PLAIN, True), (PACKAGES, MODULE, False)],
    ids=["files, pytest", "files, python -m pytest", "packages, pytest", "packages, python -m pytest"],
)
def test_a_users_own_modules_are_found_and_disturb_nothing(
    tmp_path: Path, names: tuple[str, str], command: list[str], judge: bool
) -> None:
    for name, content in zip(names, (MINE, 'OWNER = "user"\n'), strict=True):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(content)
    (tmp_path / "test_mine.py").write_text(TEST.format(judge=judge, target=names[0]))
    # Plugins that have no part in this, and take longer to load than the test takes.
    others = [f"-pno:{name}" for name in ("hypothesispytest", "jaxtyping", "xdist", "benchmark", "cacheprovider")]
    done = subprocess.run([*command, "-q", *others], cwd=tmp_path, text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert ("error budget: 2e-06 of 0.001 spent on 2 assertions" in done.stdout) == judge
