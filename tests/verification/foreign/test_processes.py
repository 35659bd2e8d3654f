"""Worker processes: new ones share nothing with their parent or with each other, and find PyTorch imported."""

from __future__ import annotations

import sys
from typing import Any

from gradverify.verification.foreign.processes import PROCESSES


def look_around(connection: Any) -> None:
    imported = [name in sys.modules for name in ("torch", "gradverify.verification.workbench", __name__)]
    marked = hasattr(sys.modules["torch"], "_mark_of_the_test")
    sys.modules["torch"]._mark_of_the_test = True  # type: ignore[attr-defined]
    connection.send((imported, marked))


def test_a_worker_starts_afresh() -> None:
    import torch

    torch._mark_of_the_test = True  # type: ignore[attr-defined]
    try:
        seen = []
        for _ in range(2):
            ours, theirs = PROCESSES.Pipe(duplex=False)
            process = PROCESSES.Process(target=look_around, args=(theirs,))
            process.start()
            seen.append(ours.recv())
            process.join()
            assert process.exitcode == 0
    finally:
        del torch._mark_of_the_test  # type: ignore[attr-defined]
    assert seen == [([True, True, True], False)] * 2
