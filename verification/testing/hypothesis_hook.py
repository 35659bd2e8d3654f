"""The hook that Hypothesis calls when it is imported: `Problem` gets its strategy, and nothing is loaded for it.

Whichever comes second, Hypothesis or `Problem`, makes the registration: Hypothesis by its entry point, `Problem` when
`gradverify.verification` first looks it up. No setting of Hypothesis is touched.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

    from ..problems.problem import Problem

__all__ = ["register"]

_VERIFICATION = __name__.removesuffix(".testing.hypothesis_hook")


def register() -> None:
    """Give ``hypothesis.strategies.from_type(Problem)`` small programs, if both packages are loaded."""
    home = sys.modules.get(f"{_VERIFICATION}.problems.problem")
    if home is None or not hasattr(home, "Problem") or "hypothesis" not in sys.modules:
        return
    import hypothesis.strategies as st

    # By a function, so that the strategies are made when one is drawn from.
    st.register_type_strategy(home.Problem, lambda kind: _small_programs())


def _small_programs() -> SearchStrategy[Problem]:
    from ..strategies import small_programs

    return small_programs()
