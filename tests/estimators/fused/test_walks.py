"""Running walks: rows that do not depend on how they are cut, keys of 64 bits, and engines that may be missing."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import torch

from gradverify.estimators import fused
from gradverify.estimators.fused import walks
from gradverify.estimators.fused.alternatives import ONE_SIDED, alternatives
from gradverify.estimators.fused.chain import read_chain

from .chains import CHAINS

kernels = pytest.importorskip("gradverify.estimators.fused.kernels", exc_type=ImportError)

WALKS = ("forward", "score", "averaged", "drawn", "paired")


@pytest.mark.parametrize("walk", WALKS)
@pytest.mark.parametrize("name", ["falling", "ring"])
def test_rows_do_not_depend_on_how_many_there_are_nor_on_threads(walk: str, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    program, point = CHAINS[name]
    chain = read_chain(program, torch.tensor(point))
    assert chain is not None
    beside = alternatives(chain, ONE_SIDED, 1 if walk == "drawn" else 4)
    if beside is None:
        return  # drawn for single alternatives alone

    def drawn(rows: int) -> tuple[torch.Tensor, ...]:
        return walks.run_walk("numba", walk, chain, rows, torch.float64, torch.Generator().manual_seed(3), beside)

    alone = drawn(20_000)
    few = drawn(45)
    assert all(torch.equal(part, whole[:45]) for part, whole in zip(few, alone, strict=True))
    for threads in (2, 3):
        monkeypatch.setattr(torch, "get_num_threads", lambda threads=threads: threads)
        assert all(torch.equal(one, other) for one, other in zip(alone, drawn(20_000), strict=True))


def test_the_key_holds_sixty_four_bits_of_the_generator(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sixty-four keys of as many seeds: every bit is seen at both values."""
    program, point = CHAINS["walk"]
    chain = read_chain(program, torch.tensor(point))
    assert chain is not None
    keys = []
    monkeypatch.setattr(walks, "_on_cpu", lambda walk, steps, key, read, outputs: keys.append(key % 2**64))
    for seed in range(64):
        walks.run_walk("numba", "forward", chain, 1, torch.float64, torch.Generator().manual_seed(seed))
    assert np.bitwise_or.reduce(np.array(keys, np.uint64)) == 2**64 - 1
    assert np.bitwise_and.reduce(np.array(keys, np.uint64)) == 0


def test_without_numba_the_engine_of_a_cpu_is_pytorch(monkeypatch: pytest.MonkeyPatch) -> None:
    walks.engine_for.cache_clear()
    assert walks.engine_for("cpu") == "numba"
    walks.engine_for.cache_clear()
    monkeypatch.setitem(sys.modules, "gradverify.estimators.fused.kernels", None)
    monkeypatch.delattr(fused, "kernels")
    assert walks.engine_for("cpu") == "PyTorch"
    walks.engine_for.cache_clear()
