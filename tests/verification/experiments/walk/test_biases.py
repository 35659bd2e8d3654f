"""Biases: counted at the starts alone, relative to the gradient, and unknown if a batch was not finite."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from gradverify.verification.experiments.walk.biases import Biases
from gradverify.verification.experiments.walk.design import jobs
from gradverify.verification.experiments.walk.findings import Findings

from .designs import TINY, made_up

NAME = "leave_one_out"


def test_a_bias_is_seen_if_its_interval_excludes_zero() -> None:
    """The made-up gradients are 2, with standard errors of 0.01 from 100 batches; theta* itself does not count."""
    found = [Biases.of(Findings(TINY, tuple(made_up(job, bias=bias) for job in jobs(TINY))), [NAME]) for bias in (0.0, 0.5)]
    assert [(each.seen, len(each.known), each.unknown) for each in found] == [(0, 2, 0), (2, 2, 0)]
    assert found[1].largest == pytest.approx(0.25)
    assert 0.01 < found[1].widest < 0.03


def test_a_batch_that_is_not_finite_is_counted() -> None:
    (job,) = (each for each in jobs(TINY) if each.estimator == NAME)
    result = made_up(job)
    first, *rest = result.accuracy
    broken = replace(result, accuracy=(replace(first, mean=math.nan), *rest))
    found = Biases.of(Findings(TINY, (broken,)), [NAME])
    assert (len(found.known), found.unknown) == (1, 1)
