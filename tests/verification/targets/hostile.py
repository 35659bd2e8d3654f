"""Foreign code that does harm: when it is first called, or only once it is being verified (more than four categories)."""

from __future__ import annotations

import ctypes
import inspect
import os
import sys
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

KEPT: list[Tensor] = []


def sound(logits: Tensor) -> Tensor:
    """What all of these are otherwise."""
    return functional.gumbel_softmax(logits, hard=True)


def late(harm: Callable[[Tensor], Any]) -> Callable[[Tensor], Tensor]:
    """The same, harmless on four categories."""

    def sampler(logits: Tensor) -> Tensor:
        if logits.shape[-1] != 4:
            changed = harm(logits)
            if isinstance(changed, Tensor):
                return changed
        return sound(logits)

    return sampler


def leaking(logits: Tensor) -> Tensor:
    """Keeps a gigabyte a call; it is never touched, so that only the count of it grows."""
    KEPT.append(torch.empty(2**27, dtype=torch.float64))
    return sound(logits)


def printing(logits: Tensor) -> Tensor:
    """Prints, natively too."""
    print("noise on stdout")
    print("noise on stderr", file=sys.stderr)
    os.write(1, b"noise below Python\n")
    return sound(logits)


def raising(logits: Tensor) -> Tensor:
    """Raises."""
    raise ZeroDivisionError("no rows to spare")


def exiting(logits: Tensor) -> Tensor:
    """Asks Python to exit."""
    sys.exit(3)


def vanishing(logits: Tensor) -> Tensor:
    """Ends its process without a word."""
    os._exit(0)


def segfaulting(logits: Tensor) -> Tensor:
    """Reads address zero."""
    ctypes.string_at(0)
    return sound(logits)


def hanging(logits: Tensor) -> Tensor:
    """Waits for longer than anybody does."""
    time.sleep(600)
    return sound(logits)


def misshapen(logits: Tensor) -> Tensor:
    """Returns a row too few."""
    return sound(logits)[1:]


def mutating(logits: Tensor) -> Tensor:
    """Changes its input in place."""
    drawn = sound(logits)
    logits.mul_(2.0)
    return drawn


def interrupting(logits: Tensor) -> Tensor:
    """Raises what Ctrl-C raises."""
    raise KeyboardInterrupt


def segfaulting_when_attributed(logits: Tensor) -> Tensor:
    """Reads address zero while it is asked at which sites its bias enters."""
    if any(each.function == "attribute" for each in inspect.stack(0)):
        ctypes.string_at(0)
    return sound(logits)


late_raising, late_exiting, late_vanishing = late(raising), late(exiting), late(vanishing)
late_segfaulting, late_hanging, late_misshapen = late(segfaulting), late(hanging), late(misshapen)
late_mutating, late_interrupting, late_leaking = late(mutating), late(interrupting), late(leaking)
