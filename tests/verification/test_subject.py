"""A subject: bound once, its seeds those of the names, and a sampled reference drawn by its own estimator."""

from __future__ import annotations

import torch

from gradverify.estimators import LeaveOneOut
from gradverify.verification.plan import settle
from gradverify.verification.problems import registered_problems
from gradverify.verification.seeds import chunk_generator
from gradverify.verification.truth.references import SAMPLED_REFERENCES
from gradverify.verification.workbench import Workbench

BIT = registered_problems()["bernoulli:0.3/cubic/p"]


def a_workbench() -> Workbench:
    return Workbench(settle(seed=7), {"pair": LeaveOneOut()}.__getitem__, {BIT.name: BIT}.__getitem__)


def test_a_pair_is_bound_once() -> None:
    workbench = a_workbench()
    assert workbench.subject("pair", BIT.name) is workbench.subject("pair", BIT.name)


def test_chunks_are_addressed_by_what_is_drawn() -> None:
    subject = a_workbench().subject("pair", BIT.name)
    address = ("pair LeaveOneOut(group=2)", BIT.name, "torch.float64", "screen", 3)
    expected = torch.rand(4, generator=chunk_generator(7, *address))
    assert torch.equal(torch.rand(4, generator=subject.generator("screen", 3)), expected)
    assert torch.equal(torch.rand(4, generator=subject.generators("screen")(3)), expected)


def test_the_name_of_a_sampled_reference_stands_for_its_rows() -> None:
    workbench = a_workbench()
    for kind in SAMPLED_REFERENCES:
        subject = workbench.subject(kind, BIT.name)
        assert subject.own is not None
        assert subject.unfitted is subject.own.sampler
        assert subject.reference.exact
