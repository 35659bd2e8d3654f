"""Tuples of states: their codes, the tuples that can be reached, and a step as a matrix."""

from __future__ import annotations

import numpy as np
import torch

from gradverify.verification.problems.objectives import polynomial
from gradverify.verification.problems.random_walk import walk_program
from gradverify.verification.truth.chains.chain import Tables
from gradverify.verification.truth.chains.tabulate import tabulate
from gradverify.verification.truth.chains.walkers import Moves, build_operator, decode, find_tuples, make_moves, move_members


def test_codes_are_read_back() -> None:
    x, y, z = (np.random.default_rng(seed).integers(0, 7, size=50) for seed in range(3))
    made = make_moves(np.ones(50), (x, y, z), 7, dropped=False)
    for member, original in zip(decode(made.target, 7, 3), (x, y, z), strict=True):
        np.testing.assert_array_equal(member, original)


def test_a_tuple_ends_outside_and_where_an_alternative_meets_the_primal() -> None:
    after = (np.array([0, 1, 2]), np.array([1, 1, -1]))
    assert make_moves(np.ones(3), after, 3, dropped=True).target.tolist() == [1, -1, -1]
    assert make_moves(np.ones(3), after, 3, dropped=False).target.tolist() == [1, 4, -1]


def test_an_operator_sums_the_moves_into_each_tuple() -> None:
    moves = Moves(np.array([[0.5, 0.25], [1.0, 2.0]]), np.array([[3, 5], [5, -1]]))
    np.testing.assert_array_equal(build_operator(moves, np.array([3, 5])).toarray(), [[0.5, 0.0], [0.25, 1.0]])
    assert moves.reached_states().tolist() == [3, 5]


def test_pairs_on_a_walk_are_reached_from_their_beginning() -> None:
    """Pairs of neighbours that move by one common outcome stay neighbours, and all of them are found."""
    chain = tabulate(walk_program(6, polynomial("square", 2), "p"), torch.tensor(3.0))
    states = chain.num_states

    def follow(tables: Tables, codes: np.ndarray) -> Moves:
        x, y = decode(codes, states, 2)
        after_x, after_y = move_members(tables.successor, (x, y))
        together = np.broadcast_to(np.eye(2), (len(codes), 2, 2))
        return make_moves(together, (after_x, after_y), states, dropped=True)

    codes = find_tuples(chain, lambda tables: np.array([1]), follow)
    x, y = decode(codes, states, 2)
    np.testing.assert_array_equal(y - x, 1)
    assert len(codes) == states - 1
