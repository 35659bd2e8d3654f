"""Pools: a worker's threads and preparation, and an end that nothing can put off."""

from __future__ import annotations

import math
import multiprocessing
import os
import signal
from pathlib import Path
from typing import Any

import torch

from gradverify.verification.drawing.pools import end_pool, open_pool, start_pool


def test_a_worker_is_prepared_and_ended_with_the_block(tmp_path: Path) -> None:
    before = multiprocessing.active_children()
    with open_pool(1, os.chdir, (tmp_path,)) as pool:
        assert pool.submit(torch.get_num_threads).result() == 1
        assert Path(pool.submit(os.getcwd).result()).samefile(tmp_path)
        assert pool.submit(signal.getsignal, signal.SIGINT).result() == signal.SIG_IGN
        pool.submit(math.factorial, 10**7)  # takes minutes, and is not waited for
    assert multiprocessing.active_children() == before


def test_half_a_result_of_a_killed_worker_does_not_keep_the_pool_alive() -> None:
    """The interpreter waits for the pool's thread when it ends: a thread that waits for the other half would hang it.

    A result of more than 16 KiB is sent in two steps, its length first; here a length comes, and nothing behind it.
    """
    others = {child.pid for child in multiprocessing.active_children()}
    pool: Any = start_pool(1)
    assert pool.submit(int).result() == 0
    thread, writer = pool._executor_manager_thread, pool._result_queue._writer
    try:
        writer._send((1_000_000).to_bytes(4, "big"))
        end_pool(pool, others)
        thread.join(timeout=60.0)
        assert not thread.is_alive()
        end_pool(pool, others)
    finally:
        writer.close()  # lets the thread end where the test fails
