"""Seeds address chunks: by names, never by positions, and each address has a stream of its own."""

from __future__ import annotations

from itertools import product

import numpy as np
import torch

from gradverify.estimators import LeaveOneOut
from gradverify.verification.seeds import chunk_generator, directions, stable_repr

from .targets.wrong import Forgetful

ADDRESS = ("an estimator", "a problem", "torch.float64", "screen", 0)


def stream(seed: int, *address: object) -> list[float]:
    return torch.rand(4, generator=chunk_generator(seed, *address)).tolist()  # type: ignore[arg-type]


def test_an_address_is_a_stream() -> None:
    """Pinned: other numbers here would make every record irreproducible."""
    assert stream(0, *ADDRESS) == stream(0, *ADDRESS)
    assert chunk_generator(0, *ADDRESS).initial_seed() == 4141552078


def test_every_part_of_an_address_counts() -> None:
    others = (
        (1, *ADDRESS),
        (0, "another", *ADDRESS[1:]),
        (0, ADDRESS[0], "another", *ADDRESS[2:]),
        (0, *ADDRESS[:2], "torch.float32", *ADDRESS[3:]),
        (0, *ADDRESS[:3], "confirm", 0),
        (0, *ADDRESS[:4], 1),
    )
    streams = {tuple(stream(*each)) for each in ((0, *ADDRESS), *others)}  # type: ignore[arg-type]
    assert len(streams) == 7


def test_names_do_not_run_into_each_other() -> None:
    assert stream(0, "a", "bc", *ADDRESS[2:]) != stream(0, "ab", "c", *ADDRESS[2:])


def test_the_addresses_of_a_large_run_do_not_collide() -> None:
    """20 estimators on 30 problems in two stages of 60 chunks: about one pair in 2^32 may fall together by chance, 0.6 in all
    (72,000^2 / 2 / 2^32); what would matter are collisions inside a cell, of which there are none."""
    for name, problem in product(map(str, range(20)), map(str, range(30))):
        seeds = [
            chunk_generator(0, name, problem, "torch.float64", stage, chunk).initial_seed()
            for stage in ("screen", "confirm")
            for chunk in (0, 1, 59)
        ]
        assert len(set(seeds)) == 6


def test_directions_are_unit_vectors_that_depend_on_the_problem_alone() -> None:
    several = directions(0, "a problem", 5)
    assert several.shape == (3, 5)
    np.testing.assert_allclose(np.linalg.norm(several, axis=1), 1.0, rtol=1e-12)
    np.testing.assert_array_equal(several, directions(0, "a problem", 5))
    assert not np.allclose(several, directions(0, "another", 5))
    assert directions(0, "a problem", 1).shape == (0, 1)


def test_what_identifies_an_estimator_is_the_same_in_every_process() -> None:
    assert stable_repr(LeaveOneOut(group=4)) == "LeaveOneOut(group=4)"
    assert " at 0x" in repr(Forgetful())
    assert " at 0x" not in stable_repr(Forgetful())
    assert stable_repr(Forgetful()) == stable_repr(Forgetful())
