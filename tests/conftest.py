"""Set-up of every test: one thread, reproducible examples, and shapes checked as types in the estimators."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import hypothesis
import torch
from beartype import beartype
from beartype.roar import BeartypeDecorHintPep673Exception, BeartypeDecorHintPep3119Exception
from jaxtyping import install_import_hook

__all__ = ["beartype_where_it_can"]

_F = TypeVar("_F", bound=Callable)


def beartype_where_it_can(checked: _F) -> _F:
    """Beartype, which refuses two annotations: `Self` on a lone method, and a protocol not marked as run-time checkable."""
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
