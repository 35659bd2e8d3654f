"""A Dask cluster: the same record as one process, and errors that name the address."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

pytest.importorskip("distributed")

from distributed import LocalCluster

from gradverify.estimators.registry import load_estimator
from gradverify.verification.drawing import cluster as module
from gradverify.verification.drawing.cluster import Cluster
from gradverify.verification.drawing.tasks import CheckTask
from gradverify.verification.plan import settle
from gradverify.verification.problems import find_problems
from gradverify.verification.record.record import Record
from gradverify.verification.run.verification import Verification

from ..targets import wrong
from .test_journal import plain

pytestmark = pytest.mark.filterwarnings("ignore")  # a scheduler's own threads warn while they close

SETTINGS = settle(tolerance=0.5)
NAMES = ("bernoulli:0.3/cubic/p", "bits:3/cubic/logits")
PLACES = {name: name for name in NAMES}
RAISES = f"{wrong.__file__}:Forgetful"


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """A scheduler and two worker threads in this process: what differs on real workers is spawning alone."""
    with LocalCluster(n_workers=2, threads_per_worker=1, processes=False, dashboard_address=None) as cluster:
        yield cluster.scheduler_address


def a_run() -> Verification:
    chosen = {each: load_estimator(each) for each in ("leave_one_out", RAISES)}
    return Verification(chosen, find_problems(NAMES, quick=False), SETTINGS)


def test_the_record_is_that_of_one_process(address: str) -> None:
    there: Record = a_run().execute(Cluster(address, SETTINGS, PLACES))
    assert there.run.complete
    assert plain(there) == plain(a_run().execute())


def test_a_worker_with_several_threads_does_one_task_at_a_time(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    at_work, most = 0, 0

    def perform(*_: object) -> None:
        nonlocal at_work, most
        at_work += 1
        most = max(most, at_work)
        time.sleep(0.05)
        at_work -= 1

    monkeypatch.setattr(module, "perform_guarded", perform)
    cluster = Cluster(address, SETTINGS, PLACES)
    for number in range(4):
        cluster.submit(number, CheckTask("score_function", NAMES[0], 0.001))
    assert {cluster.next()[0] for _ in range(4)} == {0, 1, 2, 3}
    cluster.close()
    assert most == 1


def test_another_version_on_a_worker_is_refused(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter(["ours", "theirs", "theirs"])
    monkeypatch.setattr(module, "package_digest", lambda: next(answers))
    with pytest.raises(ValueError, match="another version of gradverify"):
        Cluster(address, SETTINGS, PLACES)


def test_an_address_where_nothing_answers_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PATIENCE", 0.5)
    with pytest.raises(ValueError, match=r"no Dask scheduler with a worker answers at 'tcp://127\.0\.0\.1:1'"):
        Cluster("tcp://127.0.0.1:1", SETTINGS, PLACES)
