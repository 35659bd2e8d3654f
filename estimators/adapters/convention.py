"""How a foreign callable is called and what it answers: the convention that probing settles, or that its user states."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["CONTRACT", "AmbiguousTargetError", "Convention", "ForeignError", "TargetError", "UnrecognisedTargetError", "Wanted"]

Argument = tuple[str, str]
"""Keyword (empty where the argument is positional) and role: what is passed there."""


class TargetError(ValueError):
    """A target names nothing usable; the message says what was given, what was found and what to do."""


class AmbiguousTargetError(TargetError):
    """A foreign callable can be read in several ways; the message names the option that settles it."""


class UnrecognisedTargetError(TargetError):
    """A foreign callable ran, and nothing that it gave back is a sample, a loss or a gradient."""


class ForeignError(RuntimeError):
    """Foreign code broke the convention that was found for it: another shape, or its input changed in place."""


@dataclass(frozen=True)
class Wanted:
    """What the user states of a foreign callable; empty means: find out.

    Attributes:
        takes: ``probs`` or ``logits``.
        returns: ``one-hot``, ``index`` or ``value``, the last being a bit or a count.
        state: What a callable with state starts each call from: ``cold``, as it was loaded, or ``warm``, after a few calls.
        objective: What its gradient is held against: of the ``discrete`` program, or of the ``relaxed`` one that has its
            samples in place of discrete ones.
        batch: Rows of one replicate of what takes a batch and returns a loss or gradients; 0: two where they depend on each
            other, else one.
    """

    takes: str = ""
    returns: str = ""
    state: str = "cold"
    objective: str = "discrete"
    batch: int = 0


@dataclass(frozen=True)
class Convention:
    """How a foreign callable is used.

    Attributes:
        kind: ``estimator`` (the package's own contract), ``sampler``, ``handed a sample``, ``surrogate loss`` or ``gradient``.
        arguments: What is passed to it, in order.
        takes: ``probs`` or ``logits``, or ``log-probabilities`` of whole paths, with their costs; what a count's distribution
            calls its parameter passes for ``probs``.
        returns: ``one-hot``, ``index`` or ``value``; of those that call the objective themselves, what they call it with.
        handed: The form of the sample that it is handed, of those that are.
        sites: Names of the distributions that it can stand for.
        item: Which entry of a returned tuple, or which key or field, is meant; None where one thing is returned.
        temperature: What is passed where a temperature is demanded.
        relaxed: Its samples lie between the support's points.
        gradient_path: What it returns carries a gradient.
        layout: ``rows`` where it takes a batch of parameters, ``single`` where it takes one and draws many samples itself;
            of a sampler ``rows``, or ``vectors`` or ``numbers`` where it takes one at a time.
        reduction: Of a loss: ``rows``, ``mean`` or ``sum``; of a gradient: ``rows``, or ``mean`` where one call gives one, or
            that of a batch's mean.
        samples: What is passed where a number of samples is demanded (a sampler is asked for one); in a ``single`` layout,
            samples of one replicate.
        group: Rows of one call that are one replicate, because they depend on each other; 1 where they do not.
        detached: Its parameters are handed over without a graph, which it refuses.
        passed: What it is handed: ``tensors`` of the problem's type, ``float32`` tensors, or NumPy ``arrays``.
        rewards: Its costs are called rewards, and it falls with them: they are handed over with their sign turned.
        gain: Its costs are called rewards, and it rises with them: it is read as what is to be maximised, and a wrong sign
            cannot show.
        right_value: A surrogate's own value is the objective's.
        evaluations: Program evaluations a replicate.
        state: ``none``, ``cold`` or ``warm``.
        objective: ``discrete`` or ``relaxed``: whose gradient it is held against; stated, never found.
    """

    kind: str
    arguments: tuple[Argument, ...] = ()
    takes: str = ""
    returns: str = ""
    handed: str = ""
    sites: tuple[str, ...] = ()
    item: int | str | None = None
    temperature: float | None = None
    relaxed: bool = False
    gradient_path: bool = True
    layout: str = "rows"
    reduction: str = "rows"
    samples: int = 1
    group: int = 1
    detached: bool = False
    passed: str = "tensors"
    rewards: bool = False
    gain: bool = False
    right_value: bool = False
    evaluations: int = 1
    state: str = "none"
    objective: str = "discrete"

    @property
    def roles(self) -> tuple[str, ...]:
        """What is passed, without the keywords."""
        return tuple(role for _, role in self.arguments)

    def sentence(self) -> str:
        """The convention in words, for a report.

        Example:
            >>> Convention("sampler", (("", "theta"),), "logits", "index", item=0).sentence()
            'found to be a sampler: takes logits, returns indices (entry 0 of a tuple); objective: discrete'
        """
        if self.kind == "estimator":
            return ""
        parts = self._sampler_words() if self.kind in ("sampler", "handed a sample") else self._gradient_words()
        if self.temperature is not None:
            parts.append(f"temperature {self.temperature:g}")
        if not self.gradient_path:
            parts.append("no gradient path")
        if self.state != "none":
            where = "as it was loaded" if self.state == "cold" else "after some calls"
            parts.append(f"with state, every chunk starting from it {where} ({self.state})")
        kind = "handed samples" if self.kind == "handed a sample" else f"a {self.kind}"
        return f"found to be {kind}: {', '.join(parts)}; objective: {self.objective}"

    def _sampler_words(self) -> list[str]:
        form = {"one-hot": "one-hot vectors", "index": "indices"}.get(self.returns, _values(self.sites))
        entry = "" if self.item is None else f" (entry {self.item} of {'a tuple' if isinstance(self.item, int) else 'several'})"
        unit = _TAKEN.get(self.layout, "")
        handed = {"one-hot": ["one-hot vectors"], "index": ["indices"], "value": ["bits"]}.get(self.handed, [])
        return [*handed, f"takes {self.takes}{_PASSED[self.passed]}{unit}", f"returns {'relaxed ' * self.relaxed}{form}{entry}"]

    def _gradient_words(self) -> list[str]:
        unit = f"{_PASSED[self.passed]} of {'one point' if self.layout == 'single' else 'a batch'}"
        each = {"rows": "one a row", "mean": "their mean", "sum": "their sum"}[self.reduction]
        if self.kind == "gradient" and self.layout == "rows" and self.reduction == "mean":
            each = "one a row, of their mean"
        if "cost" in self.roles:
            costs = "rewards (costs, negated)" if self.rewards else "rewards" if self.gain else "costs"
            parts = [f"takes {self.takes} and {costs}{unit}"]
        else:
            parts = [f"takes {self.takes}{unit}", f"calls the objective with {_CALLED_WITH[self.returns]}"]
        parts.append(f"returns {each}")
        if self.gain:
            parts.append("which rises with the rewards and is read as what is to be maximised")
        if self.kind == "surrogate loss":
            parts.append(f"its value {'is' if self.right_value else 'is not'} the objective's")
        if "count" in self.roles and (self.layout == "rows" or self.reduction == "mean"):
            parts.append(f"{self.samples} sample{'s' * (self.samples > 1)} a replicate")
        if self.group > 1:
            parts.append(f"rows of a batch depend on each other, so a batch of {self.group} is one replicate")
        return parts


_TAKEN = {"vectors": ", one vector at a time", "numbers": ", one number at a time"}

_PASSED = {"tensors": "", "float32": " in single precision", "arrays": " as NumPy arrays"}

_CALLED_WITH = {"one-hot": "one-hot vectors", "index": "indices", "value": "bits"}


def _values(sites: tuple[str, ...]) -> str:
    return "bits" if sites == ("Bernoulli",) else f"counts ({', '.join(sites)})"


CONTRACT = Convention("estimator")
"""The convention of what keeps the package's own contract: it has none to be found."""
