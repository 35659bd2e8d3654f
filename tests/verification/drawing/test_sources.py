"""Sources: whatever a target's results may follow from changes its digest, and nothing else does."""

from __future__ import annotations

from pathlib import Path

import pytest

from gradverify.verification.drawing import sources
from gradverify.verification.drawing.sources import code_digest, source_digests
from gradverify.verification.record.head import versions


@pytest.fixture
def target(tmp_path: Path) -> str:
    for name in ("mine.py", "helper.py", "package/deep/inner.py", ".hidden/not.py", "environment/lib.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("a = 1\n")
    (tmp_path / "environment" / "pyvenv.cfg").write_text("")
    return f"{tmp_path / 'mine.py'}:a"


@pytest.mark.parametrize(
    ("changed", "noticed"),
    [
        ("mine.py", True),
        ("helper.py", True),
        ("package/deep/inner.py", True),
        ("new.py", True),
        (".hidden/not.py", False),
        ("environment/lib.py", False),
        ("notes.txt", False),
    ],
)
def test_what_lies_beside_a_file_counts(tmp_path: Path, target: str, changed: str, noticed: bool) -> None:
    before = source_digests([target])
    assert source_digests([target]) == before
    assert list(before) == [target.rpartition(":")[0]]
    (tmp_path / changed).write_text("a = 2\n")
    assert (source_digests([target]) != before) is noticed


def test_a_module_counts_with_its_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "a_package_of_this_test"
    package.mkdir()
    for name in ("__init__.py", "one.py", "two.py"):
        (package / name).write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    target = "a_package_of_this_test.one:a"
    before = source_digests([target])
    (package / "two.py").write_text("a = 2\n")
    after = source_digests([target])
    assert list(after) == ["a_package_of_this_test.one"]
    assert after != before


@pytest.mark.parametrize("target", ["leave_one_out", "random_walk:300", "bits:3/cubic/logits", "", "a..b:c", "sys:path"])
def test_what_has_no_file_has_no_sources(target: str) -> None:
    assert source_digests([target]) == {}


def test_the_targets_own_file_is_the_first_however_many_there_are(
    tmp_path: Path, target: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sources, "_FILES", 1)
    before = source_digests([target])
    (tmp_path / "package" / "deep" / "inner.py").write_text("a = 2\n")
    assert source_digests([target]) == before
    (tmp_path / "mine.py").write_text("a = 2\n")
    assert source_digests([target]) != before


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"nothing\.py"):
        source_digests([f"{tmp_path / 'nothing.py'}:a"])


def test_versions_and_the_package_count(monkeypatch: pytest.MonkeyPatch) -> None:
    before = code_digest(["leave_one_out"])
    assert code_digest(["reinmax"]) == before
    with monkeypatch.context() as patch:
        patch.setattr(sources, "package_digest", lambda: "another")
        assert code_digest(["leave_one_out"]) != before
    monkeypatch.setattr(sources, "versions", lambda: {**versions(), "torch": "0"})
    assert code_digest(["leave_one_out"]) != before


def test_compilers_are_told_where_they_are_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    from gradverify.verification.record import head

    real = head.version

    def found(package: str) -> str:
        if package == "triton":
            raise head.PackageNotFoundError
        return "9" if package == "numba" else real(package)

    monkeypatch.setattr(head, "version", found)
    assert versions()["numba"] == "9"
    assert "triton" not in versions()
