"""Facts about a foreign callable that its user states, so that probing need not find them."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ForeignHints"]


@dataclass(frozen=True)
class ForeignHints:
    """Facts about a foreign callable that its user states; an empty one is found by calling it.

    Attributes:
        takes: ``probs`` or ``logits``.
        returns: ``one-hot``, ``index`` or ``value``; a value is a bit or a count.
        state: The state from which every call of a callable with state starts: ``cold``, as it was loaded, or ``warm``, after
            a few calls.
        objective: The program whose gradient the estimate is compared with: the ``discrete`` one, or the ``relaxed`` one,
            which has the relaxed samples in place of discrete ones.
        batch: The number of rows of one replicate, for code that takes a batch and returns a loss or gradients. 0 means two
            rows if the rows depend on each other, and one otherwise.
        objective_gradient: ``keep`` hands the objective over with its graph, so that its own gradient (beside the samples') is
            in the loss if the loss keeps it; ``cut`` hands it over detached.
        maximize: True if the value that a loss of log-probabilities returns is ascended.
    """

    takes: str = ""
    returns: str = ""
    state: str = "cold"
    objective: str = "discrete"
    batch: int = 0
    objective_gradient: str = "keep"
    maximize: bool = False
