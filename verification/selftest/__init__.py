"""The self-test: how often the verifier accuses sound estimators, and whether it finds planted bugs.

Importing this module is cheap: its exports are loaded at their first use.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .selftest_record import SelfTest, exit_status
    from .selftest_run import run_selftest
    from .writing import write_selftest

__all__ = ["SelfTest", "exit_status", "run_selftest", "write_selftest"]

_HOMES = {
    "SelfTest": ".selftest_record",
    "exit_status": ".selftest_record",
    "run_selftest": ".selftest_run",
    "write_selftest": ".writing",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name], __name__), name)


def __dir__() -> list[str]:
    return __all__
