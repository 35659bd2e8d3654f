"""Set-up of every test: one thread, reproducible examples, shapes checked as types in the estimators, and the slow tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import hypothesis
import pytest
import torch
from beartype import beartype
from beartype.roar import BeartypeDecorHintPep673Exception, BeartypeDecorHintPep3119Exception
from jaxtyping import install_import_hook

__all__ = ["beartype_where_it_can"]

_F = TypeVar("_F", bound=Callable)

SLOW = (
    # Tests that start processes, or run whole commands and studies.
    "tests/test_beside_user_modules.py",
    "tests/test_docs_pytest.py",
    "tests/test_docs_training.py",
    "tests/test_examples.py",
    "tests/test_foreign_examples.py",
    "tests/test_packaging.py",
    "tests/test_plugins.py",
    "tests/test_readme.py",
    "tests/test_workflows.py",
    "tests/verification/cli/",
    "tests/verification/comparison/test_compare.py::test_an_event_that_one_record_met_and_the_other_did_not_is_no_regression",
    "tests/verification/comparison/test_compare.py::test_comparing_needs_no_torch",
    "tests/verification/comparison/test_compare.py::test_timing_is_advisory_unless_asked",
    "tests/verification/drawing/test_cluster.py",
    "tests/verification/drawing/test_executors.py",
    "tests/verification/drawing/test_journal.py",
    "tests/verification/experiments/",
    "tests/verification/foreign/",
    "tests/verification/run/test_families.py",
    "tests/verification/run/test_verification.py",
    "tests/verification/studies/",
    "tests/verification/test_strategies.py::test_problems_are_found_by_type_whichever_is_imported_first",
    "tests/verification/testing/test_assertions.py",
    "tests/verification/testing/test_gradient_check.py",
    "tests/verification/testing/test_pytest_mistakes.py",
    "tests/verification/testing/test_pytest_plugin.py",
    "tests/verification/testing/test_pytest_replay.py",
    # Tests on a stand-in for an accelerator, which intercepts every operation.
    "tests/estimators/test_other_device.py",
    "tests/verification/test_other_device.py",
    # Tests that draw pictures.
    "tests/verification/report/test_comparison_report.py",
    "tests/verification/report/test_figures.py",
    "tests/verification/report/test_markdown.py",
    "tests/verification/report/test_report.py",
    "tests/verification/report/test_studies.py",
    # Tests that compile kernels, and those of foreign code, which is probed call by call.
    "tests/benchmarks/",
    "tests/estimators/adapters/",
    "tests/estimators/alternatives/test_carried_triples.py",
    "tests/estimators/fused/",
    "tests/verification/checks/test_compiled.py",
    "tests/verification/checks/test_own_noise.py",
    "tests/verification/training/",
    # Tests that find a rate from hundreds of runs, draw many rows, or list many outcomes.
    "tests/estimators/runs/test_exact.py",
    "tests/estimators/sites/test_counts.py",
    "tests/estimators/test_antithetic.py::test_arm_and_arms_are_unbiased_on_several_sites_and_on_chains",
    "tests/estimators/test_categorical_antithetic.py",
    "tests/estimators/test_conditional_triples.py",
    "tests/estimators/test_finite_difference.py::test_the_mean_is_the_difference_quotient",
    "tests/estimators/test_gumbel_rao.py",
    "tests/estimators/test_rao_blackwell.py",
    "tests/estimators/test_relax.py",
    "tests/estimators/test_rodeo.py",
    "tests/verification/attribution/test_search.py",
    "tests/verification/checks/test_conformance.py::test_registered_estimators_pass_or_say_why_not",
    "tests/verification/checks/test_dependence.py::test_null",
    "tests/verification/checks/test_extreme_noise.py::test_power_on_a_uniform_that_rounds_to_one",
    "tests/verification/checks/test_extreme_noise.py::test_registered_estimators_stay_finite",
    "tests/verification/comparison/test_bias_change.py",
    "tests/verification/comparison/test_compare.py::test_200_null_comparisons_stay_quiet",
    "tests/verification/comparison/test_compare.py::test_pairs_that_share_nothing_keep_the_rate",
    "tests/verification/problems/test_registry.py",
    "tests/verification/selftest/",
    "tests/verification/statistics/test_bias.py",
    "tests/verification/statistics/test_variance_excess.py",
    "tests/verification/test_exact_agreement.py",
    "tests/verification/throughput/test_throughput_study.py",
    "tests/verification/truth/test_recursion.py",
    "tests/verification/truth/test_references.py::test_finite_differences_are_off_by_no_more_than_their_bound",
    "tests/verification/truth/test_references.py::test_likelihood_ratio_agrees_with_the_exact_gradient",
)
"""The beginnings of the names of tests that take most of the suite's time: they are marked as slow."""


def beartype_where_it_can(checked: _F) -> _F:
    """Beartype, which refuses two annotations: `Self` on a lone method, and a protocol not marked as run-time checkable.

    A function within a function is left alone: it would be checked anew, for milliseconds, whenever the outer one is called.
    """
    if "<locals>" in checked.__qualname__:
        return checked
    try:
        return beartype(checked)
    except (BeartypeDecorHintPep673Exception, BeartypeDecorHintPep3119Exception):
        return checked


# The hook acts on modules that are imported after it, and names its checker by import path.
install_import_hook("gradverify.estimators", f"{__name__}.{beartype_where_it_can.__name__}")
torch.set_num_threads(1)
# No check of the clock: how long examples take to draw depends on what else the machine does.
unhurried = [hypothesis.HealthCheck.too_slow]
hypothesis.settings.register_profile(
    "reproducible", derandomize=True, database=None, deadline=None, suppress_health_check=unhurried
)
hypothesis.settings.load_profile("reproducible")


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out files that hold nothing but slow tests where slow tests are not wanted: to import them takes seconds."""
    if config.getoption("markexpr") != "not slow":
        return None
    whole = {config.rootpath / each for each in SLOW if "::" not in each}
    return True if whole & {collection_path, *collection_path.parents} else None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark the tests of `SLOW`, before options select by marks."""
    missing = [each for each in SLOW if not _is_there(config.rootpath, each)]
    if missing:
        raise pytest.UsageError(f"SLOW of tests/conftest.py names what is not there: {', '.join(missing)}; correct it")
    for item in items:
        if item.nodeid.startswith(SLOW):
            item.add_marker(pytest.mark.slow)


def _is_there(root: Path, entry: str) -> bool:
    """Return True if an entry's folder or file exists and defines the test that it names."""
    name, _, test = entry.partition("::")
    path = root / name
    return path.exists() and (not test or f"def {test}(" in path.read_text(encoding="utf-8"))
