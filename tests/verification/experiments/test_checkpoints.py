"""Checkpoints: whole or not at all, and a full disk costs no study."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from gradverify.verification.experiments import checkpoints
from gradverify.verification.experiments.checkpoints import read_checkpoint, write_checkpoint


def test_what_is_kept_is_read_back(tmp_path: Path) -> None:
    write_checkpoint(tmp_path / "new" / "one.json", {"a": [1.5, None]})
    assert read_checkpoint(tmp_path / "new" / "one.json") == {"a": [1.5, None]}
    assert [each.name for each in (tmp_path / "new").iterdir()] == ["one.json"]


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"\xff\xfe"])
def test_what_cannot_be_read_is_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "one.json").write_bytes(content)
    assert read_checkpoint(tmp_path / "one.json") is None
    assert read_checkpoint(tmp_path / "missing.json") is None


def test_a_full_disk_is_warned_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, content: str) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(checkpoints, "write_atomically", full)
    with pytest.warns(RuntimeWarning, match="written .No space left on device.; --resume will run this job again"):
        write_checkpoint(tmp_path / "one.json", {})
    assert read_checkpoint(tmp_path / "one.json") is None
