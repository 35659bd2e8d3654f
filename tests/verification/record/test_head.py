"""The head of a record: versions, floating types and the peak of memory."""

from __future__ import annotations

import torch

from gradverify.verification.record.head import run_head, versions


def test_a_head_is_complete_and_names_each_type_once() -> None:
    head = run_head(
        command="gradverify",
        profile="quick",
        seed=3,
        device="cpu",
        dtypes=(torch.float64, torch.float32, torch.float64),
        alpha=1e-3,
        tolerance=0.1,
        timing={"seconds": 1.5},
    )
    assert (head.complete, head.dtype, head.seed) == (True, "float32, float64", 3)
    assert head.timing["seconds"] == 1.5
    assert head.timing["peak_bytes"] > 2**20


def test_versions_that_numbers_depend_on() -> None:
    assert versions().keys() >= {"python", "gradverify", "torch", "numpy", "scipy"}
    assert versions()["torch"] == torch.__version__
