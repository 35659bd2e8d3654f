"""The pytest plugin: the fixture and the marker ``gradverify``, one error budget a session, one record, one summary.

It is loaded in every pytest run on a machine with gradverify, so it imports nothing but pytest until a test uses it.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any, TypeVar

import pytest

from .pytest_reporter import Reporter
from .pytest_session import Book, Budget, launcher

if TYPE_CHECKING:
    from .pytest_fixture import Gradverify

__all__ = ["gradverify"]

_N = TypeVar("_N", int, float)

_PROFILES = ("quick", "standard", "thorough")
_BUDGET = pytest.StashKey[Budget]()
_USED = pytest.StashKey["Gradverify"]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """The command line's options and those of the configuration file."""
    group = parser.getgroup("gradverify", "verification of stochastic gradients")
    group.addoption(
        "--gradverify-seed",
        type=int,
        default=0,
        metavar="N",
        help="Master seed; a test's own is drawn from it and its node id.",
    )
    group.addoption(
        "--gradverify-profile", choices=_PROFILES, help="How hard assertions try, where neither they nor a marker say."
    )
    group.addoption(
        "--gradverify-record", metavar="PATH", help="Write one record of all assertions, for `gradverify report` and `compare`."
    )
    parser.addini("gradverify_budget", "Probability with which sound code may fail somewhere in the session.", default="1e-3")
    parser.addini("gradverify_assertions", "Assertions that the budget is meant to hold.", default="1000")


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker, open the session's budget, and collect what is found where the reports arrive."""
    config.addinivalue_line(
        "markers",
        "gradverify(*, problem, tolerance, profile, false_fail_rate, margin, cost, seed): what the assertions of the fixture "
        "`gradverify` take where they are not told.",
    )
    if config.getoption("gradverify_seed") < 0:
        raise pytest.UsageError("--gradverify-seed: expected a number that is not negative")
    total = _ini(config, "gradverify_budget", float, 0.5, "a probability above 0 and below 0.5")
    assertions = _ini(config, "gradverify_assertions", int, 10**12, "a whole number above 0")
    budget = Budget(total, assertions)
    config.stash[_BUDGET] = budget
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Reporter(config, budget), "gradverify-reporter")


def _ini(config: pytest.Config, name: str, kind: Callable[[str], _N], most: float, expected: str) -> _N:
    given = config.getini(name)
    try:
        value = kind(given)
    except ValueError:
        value = kind("-1")
    if not 0 < value < most:
        raise pytest.UsageError(f"ini option {name}={given!r}; expected {expected}")
    return value


@pytest.fixture
def gradverify(request: pytest.FixtureRequest) -> Gradverify:
    """Assertions about gradient estimators: ``assert_unbiased``, ``assert_variance_at_most``, ``assert_not_worse_than``.

    They take what the functions of the same names in `gradverify.verification` take, share the session's error budget, and
    draw from a seed of their test's own. ``verify`` gives a record to look into.
    """
    from .pytest_fixture import Gradverify
    from .pytest_session import seed_of

    item, config = request.node, request.config
    test = _node_id(item)
    defaults: dict[str, Any] = {"seed": seed_of(config.getoption("gradverify_seed"), test)}
    if config.getoption("gradverify_profile"):
        defaults["profile"] = config.getoption("gradverify_profile")
    used = Gradverify(
        test=test,
        replay=_replay(config, test),
        budget=config.stash[_BUDGET],
        defaults={**defaults, **_read_markers(item)},
        tell=lambda name, text: item.user_properties.append((name, text)),
    )
    item.stash[_USED] = used
    return used


def _read_markers(item: pytest.Item) -> dict[str, Any]:
    """Return the defaults that the markers set; the closest marker wins."""
    from .pytest_fixture import DEFAULTS

    settled: dict[str, Any] = {}
    for marker in item.iter_markers("gradverify"):
        unknown = [repr(each) for each in marker.args] + sorted(set(marker.kwargs) - set(DEFAULTS))
        if unknown:
            raise pytest.UsageError(f"marker gradverify: {unknown[0]} is not known; expected {', '.join(DEFAULTS)}, by name")
        settled = {**marker.kwargs, **settled}
    return settled


def _node_id(item: pytest.Item) -> str:
    """The node id as it is without pytest-xdist, which writes a test's group behind it."""
    return item.nodeid.rpartition("@")[0] if item.get_closest_marker("xdist_group") and "@" in item.nodeid else item.nodeid


def _replay(config: pytest.Config, test: str) -> str:
    """The command that repeats a test, from where this session was started."""
    path, separator, name = test.partition("::")
    here = os.path.relpath(config.rootpath / path, config.invocation_params.dir)
    words = [*launcher(config), f"{here}{separator}{name}", "--gradverify-seed", str(config.getoption("gradverify_seed"))]
    if config.getoption("gradverify_profile"):
        words += ["--gradverify-profile", config.getoption("gradverify_profile")]
    # What changes a false-fail rate changes at which row an assertion is decided.
    for each in config.getoption("override_ini") or ():
        words += ["-o", each] if each.startswith("gradverify_") else []
    return shlex.join(words)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Send the assertions of a phase with its report, which pytest-xdist carries to the process that writes the record."""
    report = yield
    used = item.stash.get(_USED, None)
    if used is not None and used.made:
        report.gradverify = Book.to_text(used.made)  # type: ignore[attr-defined]
        used.made.clear()
    return report
