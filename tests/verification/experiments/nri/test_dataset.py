"""Data: by seed, split, normalised, cached, and made again where the cache is broken."""

from __future__ import annotations

import errno
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from gradverify.verification.experiments.nri import dataset
from gradverify.verification.experiments.nri.dataset import SPLITS, Dataset, DataSpec, generate, load_dataset

SPEC = DataSpec(particles=3, frames=3, train=4, valid=2, test=2)


def equal(first: Dataset, second: Dataset) -> bool:
    pairs = [(getattr(first, name), getattr(second, name)) for name in SPLITS]
    return all(torch.equal(a.frames, b.frames) and torch.equal(a.edges, b.edges) for a, b in pairs)


def test_splits_have_their_sizes_and_test_trajectories_go_on() -> None:
    data = generate(SPEC)
    assert data.train.frames.shape == (4, 3, 3, 4)
    assert data.valid.frames.shape == (2, 3, 3, 4)
    assert data.test.frames.shape == (2, 3, 7, 4)
    assert data.test.edges.shape == (2, 6)
    assert data.train.frames.dtype == torch.float32


def test_training_extrema_become_one_for_positions_and_for_velocities() -> None:
    frames = generate(SPEC).train.frames
    for part in (frames[..., :2], frames[..., 2:]):
        assert float(part.min()) == pytest.approx(-1, abs=1e-6)
        assert float(part.max()) == pytest.approx(1, abs=1e-6)


def test_no_split_holds_a_simulation_of_another() -> None:
    data = generate(replace(SPEC, valid=4, test=4))
    firsts = [getattr(data, name).frames[0, :, :3] for name in SPLITS]
    assert not torch.equal(firsts[0], firsts[1])
    assert not torch.equal(firsts[1], firsts[2])


def test_data_follow_from_the_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert equal(generate(SPEC), generate(SPEC))
    assert not equal(generate(SPEC), generate(replace(SPEC, seed=1)))
    monkeypatch.setattr(dataset, "_BATCH", 3)
    assert len(generate(SPEC).train) == 4


def test_a_cache_is_read_and_not_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = load_dataset(SPEC, tmp_path / "new")
    assert sorted(each.name for each in (tmp_path / "new").iterdir()) == [f"{SPEC.key}.npz", f"{SPEC.key}.sha256"]
    monkeypatch.setattr(dataset, "generate", lambda spec: pytest.fail("simulated again"))
    assert equal(load_dataset(SPEC, tmp_path / "new"), data)


@pytest.mark.parametrize("damage", ["flipped", "cut", "unsigned"])
def test_a_broken_cache_is_replaced(tmp_path: Path, damage: str) -> None:
    data = load_dataset(SPEC, tmp_path)
    path = tmp_path / f"{SPEC.key}.npz"
    whole = path.read_bytes()
    if damage == "unsigned":
        path.with_suffix(".sha256").unlink()
    else:
        path.write_bytes(whole[:-100] if damage == "cut" else whole[:500] + bytes([whole[500] ^ 1]) + whole[501:])
    assert equal(load_dataset(SPEC, tmp_path), data)
    assert path.read_bytes() == whole


def test_data_that_cannot_be_kept_are_used_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, content: bytes) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(dataset, "write_atomically", full)
    with pytest.warns(RuntimeWarning, match="not kept in .* .No space left on device"):
        found = load_dataset(SPEC, tmp_path)
    assert equal(found, generate(SPEC))


def test_each_specification_has_a_file_of_its_own() -> None:
    changes = ({"seed": 1}, {"frames": 4}, {"strength": 0.1}, {"train": 5}, {"simulator": "charged"}, {"particles": 4})
    assert len({replace(SPEC, **each).key for each in changes} | {SPEC.key}) == 7


def test_an_empty_split_is_refused() -> None:
    with pytest.raises(ValueError, match="needs at least one simulation in every split"):
        DataSpec(test=0)
