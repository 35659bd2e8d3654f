"""From a foreign callable to an estimator: the convention found by probing, and the adapter that follows it."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch

from ..protocol import Estimator, NoGradientPathError, NotApplicableError
from .adapter import Adapter
from .calling import fresh
from .convention import CONTRACT, AmbiguousTargetError, Convention, TargetError, UnrecognisedTargetError
from .hints import ForeignHints
from .probe_gradients import find_gradient
from .probe_rules import find_rule
from .probe_samples import LawError, find_sampler
from .randomness import forked
from .score_loss import find_score_loss
from .signature import candidate_arguments, class_arguments, demanded_names, is_contract
from .state import keeps_state
from .trial import Trial

__all__ = ["adapt", "as_estimator", "convention_of", "find_convention"]

_CONTRACT_WORDS = (
    "a callable (program, params, num_samples, generator) -> rows, a class or factory without arguments that makes one, "
    "a sampler of probabilities or logits, a torch.autograd.Function, a class with rsample, a function of objective and "
    "logits, or a loss of log_prob and cost"
)

_BATCH_WORDS = (
    "; with an objective, parameters come as [rows, k], also for one bit, and the objective gives one value a row: sum the "
    "log-probabilities of bits over their last dimension"
)

_FORMS = (
    *(("rows", passed) for passed in ("tensors", "float32", "arrays")),
    *(("vectors", passed) for passed in ("tensors", "float32", "arrays")),
    ("numbers", "tensors"),
)
"""How foreign code is called, and what it is handed: the first form that works is its own."""


@dataclass(frozen=True)
class Probe:
    """How one kind of foreign code is known.

    Attributes:
        find: The convention of a callable in one form of call, or None where it is not of the kind.
        roles: Sets of roles that its arguments make sense in; those that may come anywhere are left out.
        layouts: Forms of call that it is tried in.
    """

    find: Callable[[Trial], Convention | None]
    roles: tuple[tuple[str, ...], ...]
    layouts: tuple[str, ...] = ("rows",)


PROBES = (
    Probe(find_sampler, (("theta",), ("theta", "temperature"), ("theta", "count")), ("rows", "vectors", "numbers")),
    Probe(find_rule, (("theta", "sample"), ("theta", "sample", "temperature"))),
    Probe(find_gradient, (("theta", "objective"), ("theta", "objective", "count"), ("theta", "objective", "temperature"))),
    Probe(find_score_loss, (("log_prob", "cost"),)),
)
"""The kinds of foreign code, in the order in which each form of call is read."""

_TOGETHER = frozenset(frozenset(roles) for probe in PROBES for roles in probe.roles)

_METHODS = ("forward", "rsample", "sample")
"""What an object is called by that cannot be called itself."""


def as_estimator(found: Any, name: str, hints: ForeignHints | None = None, convention: Convention | None = None) -> Estimator:
    """An estimator, whatever kind of one was given.

    Args:
        found: An estimator, a class or factory without arguments that makes one, or foreign code; see `find_convention`.
        name: What it is called in messages.
        hints: What is stated of foreign code.
        convention: The convention where it is known already; nothing is probed then.

    Raises:
        TargetError: It is none of these, or could be several.
    """
    hints = hints or ForeignHints()
    if inspect.iscoroutinefunction(found) or inspect.isgeneratorfunction(found) or inspect.isasyncgenfunction(found):
        raise TargetError(f"{name!r} is a coroutine or a generator, and gives nothing when it is called; give a plain function")
    subject = _subject(found, name)
    kept = is_contract(subject)
    if kept or (convention is not None and convention.kind == "estimator"):
        return subject  # type: ignore[no-any-return]
    if kept is None and convention is None and _behaves(subject):
        return subject  # type: ignore[no-any-return]
    if not callable(subject):
        raise TargetError(f"{name!r} is a {type(found).__name__}, not an estimator; expected {_CONTRACT_WORDS}")
    try:
        return adapt(subject, convention or find_convention(subject, hints))
    except AmbiguousTargetError as error:
        raise AmbiguousTargetError(f"{name!r}: {error}") from error
    except UnrecognisedTargetError as error:
        raise UnrecognisedTargetError(
            f"{name!r} is a {type(found).__name__}, not an estimator: {error}; expected {_CONTRACT_WORDS}"
        ) from error


def adapt(target: Any, convention: Convention) -> Estimator:
    """The estimator that follows a convention."""
    return convention.adapt(target)


def convention_of(estimator: Estimator) -> Convention:
    """The convention that an estimator follows; `CONTRACT` where it is the package's own."""
    return estimator.convention if isinstance(estimator, Adapter) else CONTRACT


def find_convention(target: Any, hints: ForeignHints | None = None) -> Convention:
    r"""Find out how a foreign callable is used, by calling it.

    It is handed probabilities, and logits, of one law that no mistake leaves as it is, in every order of its arguments that
    makes sense; the convention is the one under which it draws samples with that law (or, where it is handed an objective,
    calls it with such samples). What fails on a batch of tensors is tried in single precision, on NumPy arrays, and on one
    vector or number at a time. Losses are told from gradients by their graph and shape, means from sums by their growth, rows
    that depend on each other by what a louder first row changes.

    Args:
        target: A function of probs or logits that returns one-hot vectors, indices, bits, counts or a tuple with one of
            them; one that is handed a sample besides; a `torch.autograd.Function`; a class with ``rsample``; a function or
            module of an objective and probs or logits that returns a loss or gradients; a surrogate loss of log-probabilities
            and costs.
        hints: What is stated, and need not be found out.

    Raises:
        AmbiguousTargetError: It fits several conventions; the message names the option that settles it.
        UnrecognisedTargetError: It fits none.

    Example:
        >>> from torch.nn.functional import gumbel_softmax
        >>> find_convention(gumbel_softmax).sentence()
        'found to be a sampler: takes logits, returns relaxed one-hot vectors; objective: discrete'
    """
    hints = hints or ForeignHints()
    keywords = inspect.isclass(target) and not issubclass(target, torch.autograd.Function)
    candidates = tuple((class_arguments if keywords else candidate_arguments)(target, _TOGETHER))
    named = keywords and all(name for arguments in candidates for name, _ in arguments)
    trial = Trial(target, candidates, hints, keywords=named)
    if not candidates:
        trial.errors.append(
            f"it demands {', '.join(demanded_names(target))}, which is none of what it could be handed; bind what "
            "is its own with functools.partial"
        )
    found = _found(trial)
    if found is None:
        said = f" ({trial.errors[0]})" if trial.errors else ""
        handed_objective = any(role == "objective" for arguments in candidates for _, role in arguments)
        hint = _BATCH_WORDS if trial.errors and handed_objective else ""
        raise UnrecognisedTargetError(f"what it returned is no sample, loss or gradient in any reading{said}{hint}")
    if hints.objective == "relaxed" and not found.relaxed:
        raise AmbiguousTargetError(
            "--objective relaxed needs samples that are relaxed, and it returns none; leave it out, or say --objective discrete"
        )
    return replace(found, state=hints.state if keeps_state(target, found) else "none", objective=hints.objective)


def _found(trial: Trial) -> Convention | None:
    """The first form of call under which it is something; samples of no law that fits are the last that is believed."""
    doubt: LawError | None = None
    for layout, passed in _FORMS:
        tried = trial.in_form(layout, passed)
        try:
            found = next((each for each in (probe.find(tried) for probe in PROBES if layout in probe.layouts) if each), None)
        except LawError as error:
            doubt, found = doubt or error, None
        if found is not None:
            return found
    if doubt is not None and doubt.convention is None:
        raise doubt
    return doubt.convention if doubt is not None else None


def _subject(found: Any, name: str) -> Any:
    """What is to be called: the thing itself, what it makes without arguments, or that one's method."""
    if inspect.isclass(found) and (issubclass(found, torch.autograd.Function) or hasattr(found, "rsample")):
        return found
    owner = getattr(found, "__self__", None)
    if inspect.isclass(owner) and issubclass(owner, torch.autograd.Function) and found.__name__ == "apply":
        return owner
    if not callable(found):
        return _method(found)
    if isinstance(found, torch.nn.Module) or is_contract(found) is not False:
        return found
    try:
        inspect.signature(found).bind()
    except (TypeError, ValueError):
        if inspect.isclass(found) and not hasattr(found, "sample"):
            raise TargetError(
                f"{name!r} is a class that demands {', '.join(demanded_names(found))}; bind them with functools.partial, or "
                "name an object of it"
            ) from None
        return found
    try:
        made = found()
    except Exception as error:
        raise TargetError(f"{name!r}: calling it raised {type(error).__name__}: {error}") from error
    return made if callable(made) else _method(made)


def _method(found: Any) -> Any:
    """The method that an object which cannot be called is meant to be called by, or the object."""
    return next((each for each in (getattr(found, name, None) for name in _METHODS) if callable(each)), found)


def _behaves(found: Any) -> bool:
    """Whether a callable of four arguments keeps the package's contract on the smallest program."""
    params, generator = torch.tensor([0.3, 0.6], dtype=torch.float64), torch.Generator().manual_seed(0)
    subject = fresh(found)
    with forked(generator, subject):
        try:
            rows = subject(_one_bit, params, 3, generator)
        except (NotApplicableError, NoGradientPathError):
            return True
        except Exception:
            return False
    return isinstance(rows, torch.Tensor) and rows.shape == (3, 2)


def _one_bit(params: torch.Tensor, sample: Any) -> torch.Tensor:
    return sample(torch.distributions.Bernoulli(params)).sum(-1)  # type: ignore[no-any-return]
