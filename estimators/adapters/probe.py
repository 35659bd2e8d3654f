"""The way from a foreign callable to an estimator: probing finds its convention, and an adapter follows it."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch

from ..protocol import Estimator, NoGradientPathError, NotApplicableError
from .adapter import Adapter
from .batches import BatchConvention
from .black_box import ObjectiveConvention
from .convention import CONTRACT, AmbiguousTargetError, Convention, TargetError, UnrecognisedTargetError
from .copying import copy_target
from .hints import ForeignHints
from .locating import describe_error
from .probe_gradients import find_gradient
from .probe_rules import find_rule
from .probe_samples import LawError, find_sampler
from .randomness import fork_randomness
from .score_loss import ScoreLossConvention, find_score_loss
from .signature import describe_unfilled, find_class, has_contract, list_demanded, propose_arguments, propose_class_arguments
from .state import keeps_state
from .trial import RAISED, Trial

__all__ = ["adapt", "as_estimator", "convention_of", "find_convention"]

_CONTRACT_WORDS = (
    "a callable (program, params, num_samples, generator) -> rows, a class or factory without arguments that makes one, "
    "a sampler of probabilities or logits, a torch.autograd.Function, a class with rsample, a function of objective and "
    "logits, or a loss of log_prob and cost"
)

_BATCH_WORDS = (
    "; with an objective, parameters come as [rows, k], also for one bit, and the objective returns one value per row: sum the "
    "log-probabilities of bits over their last dimension"
)

OBJECTIVES = ("objective", "reward_objective")
"""The roles of an argument for the objective as a function."""

CALLS = 4
"""The number of calls in a row of one replicate, for code that keeps state."""

_FORMS = (
    *(("rows", passed) for passed in ("tensors", "float32", "arrays")),
    *(("vectors", passed) for passed in ("tensors", "float32", "arrays")),
    ("numbers", "tensors"),
)
"""The forms of calling foreign code, as the layout and the type of the values; the first form that works is chosen."""


@dataclass(frozen=True)
class Probe:
    """A probe that recognises one kind of foreign code.

    Attributes:
        find: The function that returns the convention of a callable in one form of call, or None if it is of another kind.
        roles: The sets of roles that its arguments may have; roles that may come anywhere are left out.
        layouts: The layouts in which it is tried.
    """

    find: Callable[[Trial], Convention | None]
    roles: tuple[tuple[str, ...], ...]
    layouts: tuple[str, ...] = ("rows",)


PROBES = (
    Probe(find_sampler, (("theta",), ("theta", "temperature"), ("theta", "count")), ("rows", "vectors", "numbers")),
    Probe(find_rule, (("theta", "sample"), ("theta", "sample", "temperature"))),
    Probe(
        find_gradient,
        tuple(("theta", objective, *other) for objective in OBJECTIVES for other in ((), ("count",), ("temperature",))),
    ),
    Probe(find_score_loss, (("log_prob", "cost"), ("log_prob", "reward"))),
)
"""The probes, in the order in which they are tried in each form of call."""

_TOGETHER = frozenset(frozenset(roles) for probe in PROBES for roles in probe.roles)

_METHODS = ("forward", "rsample", "sample")
"""The methods by which an object is called if it is not callable itself."""


def as_estimator(found: Any, name: str, hints: ForeignHints | None = None, convention: Convention | None = None) -> Estimator:
    """Return an estimator for any kind of target.

    Args:
        found: An estimator, a class or factory without arguments that makes one, or foreign code; see `find_convention`.
        name: The target's name for messages.
        hints: Facts about foreign code that the user states.
        convention: The convention, if it is already known; nothing is probed then.

    Raises:
        TargetError: The target is none of these, or it fits several conventions.
    """
    hints = hints or ForeignHints()
    if inspect.iscoroutinefunction(found) or inspect.isgeneratorfunction(found) or inspect.isasyncgenfunction(found):
        raise TargetError(
            f"{name!r} is a coroutine or a generator; expected a function that returns its result, so give a plain function"
        )
    subject = _resolve(found, name)
    is_estimator = has_contract(subject)
    if is_estimator or (convention is not None and convention.kind == "estimator"):
        return subject  # type: ignore[no-any-return]
    if is_estimator is None and convention is None and _behaves_as_estimator(subject):
        return subject  # type: ignore[no-any-return]
    if not callable(subject):
        raise TargetError(f"{name!r} is a {type(found).__name__}, not an estimator; expected {_CONTRACT_WORDS}")
    try:
        return adapt(subject, convention or find_convention(subject, hints))
    except AmbiguousTargetError as error:
        raise AmbiguousTargetError(f"{name!r}: {error}") from error
    except UnrecognisedTargetError as error:
        if str(error).startswith(RAISED):
            raise UnrecognisedTargetError(f"{name!r}: {error}") from error
        raise UnrecognisedTargetError(
            f"{name!r} is a {type(found).__name__}, not an estimator: {error}; expected {_CONTRACT_WORDS}"
        ) from error


def adapt(target: Any, convention: Convention) -> Estimator:
    """Return the estimator that follows a convention."""
    return convention.adapt(target)


def convention_of(estimator: Estimator) -> Convention:
    """Return the convention that an estimator follows; `CONTRACT` for an estimator of the package."""
    return estimator.convention if isinstance(estimator, Adapter) else CONTRACT


def find_convention(target: Any, hints: ForeignHints | None = None) -> Convention:
    r"""Find the convention of a foreign callable by calling it.

    The callable is handed probabilities, and logits, of one law that every mistake changes, in every order of its arguments
    that makes sense. The convention is the one under which it draws samples with that law, or calls an objective with such
    samples. A callable that fails on a batch of tensors is tried in single precision, on NumPy arrays, and on one vector or
    number at a time. The graph and the shape of a result tell a loss from gradients. Its growth with the batch tells a mean
    from a sum. Rows depend on each other if a larger objective in the first row changes other rows.

    Args:
        target: A function of probs or logits that returns one-hot vectors, indices, bits, counts or a tuple with one of
            them; such a function that is also handed a sample; a `torch.autograd.Function`; a class with ``rsample``; a
            function or module of an objective and probs or logits that returns a loss or gradients; a surrogate loss of
            log-probabilities and costs.
        hints: Facts that the user states, so that they need not be found.

    Raises:
        AmbiguousTargetError: The callable fits several conventions; the message names the option that decides.
        UnrecognisedTargetError: The callable fits no convention.

    Example:
        >>> from torch.nn.functional import gumbel_softmax
        >>> find_convention(gumbel_softmax).sentence()
        'found to be a sampler: takes logits, returns relaxed one-hot vectors; objective: discrete'
    """
    hints = hints or ForeignHints()
    made = find_class(target)
    keywords = made is not None and not issubclass(made, torch.autograd.Function)
    candidates = tuple((propose_class_arguments if keywords else propose_arguments)(target, _TOGETHER))
    named = keywords and all(name for arguments in candidates for name, _ in arguments)
    trial = Trial(target, candidates, hints, keywords=named)
    convention = _try_forms(trial)
    if convention is None:
        raise _explain_failure(trial)
    _refuse_hints(hints, convention)
    convention = replace(convention, objective=hints.objective)
    return _give_state(convention, hints) if keeps_state(target, convention) else convention


def _give_state(convention: Convention, hints: ForeignHints) -> Convention:
    """Return the convention of code that keeps state: in a batch, state belongs to a replicate, which has several calls.

    Two rows of one call are then one replicate at least, because later calls depend on all rows of earlier ones.
    """
    convention = replace(convention, state=hints.state)
    if not isinstance(convention, BatchConvention) or not convention.gradient_path:
        return convention
    convention = convention.with_group(2) if convention.group == 1 and convention.layout == "rows" else convention
    convention = replace(convention, calls=CALLS)
    return replace(convention, deterministic=False) if isinstance(convention, ObjectiveConvention) else convention


def _explain_failure(trial: Trial) -> TargetError:
    """Return the error for a callable that no probe recognised: its own exception comes first."""
    unfilled = describe_unfilled(trial.target, proposed=bool(trial.candidates))
    raised = [error for error in trial.errors if error.startswith(RAISED)]
    if unfilled and (raised or not trial.candidates or "arguments" in unfilled):
        alike = raised[:1] if len(set(raised)) == 1 else []
        return AmbiguousTargetError("; ".join((*alike, unfilled)))
    unread = "its result cannot be read as a sample, a loss or a gradient"
    handed_objective = any(role in OBJECTIVES for arguments in trial.candidates[:1] for _, role in arguments)
    shapes = not raised or "RuntimeError" in raised[0]
    hint = _BATCH_WORDS if trial.errors and handed_objective and shapes else ""
    first = trial.errors[0] if trial.errors else ""
    if first in raised:
        return UnrecognisedTargetError(f"{first}{hint}")
    return UnrecognisedTargetError(f"{unread} ({first}){hint}" if first else unread)


def _refuse_hints(hints: ForeignHints, convention: Convention) -> None:
    """Raise an error for a statement of the user that makes no sense for a convention."""
    if hints.objective == "relaxed" and not convention.relaxed:
        raise AmbiguousTargetError("--truth relaxed was given, but it returns no relaxed samples; say --truth discrete")
    if hints.objective_gradient == "cut" and not isinstance(convention, BatchConvention):
        raise AmbiguousTargetError(
            f"--objective-gradient cut was given, but no objective is handed to a {convention.kind}; leave it out"
        )
    if hints.maximize and not isinstance(convention, ScoreLossConvention):
        raise AmbiguousTargetError(
            f"--maximize was given, but it is a {convention.kind} that is not handed log-probabilities and costs or rewards; "
            "leave --maximize out (the objective itself is minimised)"
        )


def _try_forms(trial: Trial) -> Convention | None:
    """Try each form of call and return the first recognised convention; accept a wrong law only if nothing else fits."""
    doubt: LawError | None = None
    for layout, passed in _FORMS:
        form = trial.with_form(layout, passed)
        try:
            results = (probe.find(form) for probe in PROBES if layout in probe.layouts)
            convention = next((result for result in results if result is not None), None)
        except LawError as error:
            doubt, convention = doubt or error, None
        if convention is not None:
            return convention
    if doubt is not None and doubt.convention is None:
        raise doubt
    return doubt.convention if doubt is not None else None


def _resolve(found: Any, name: str) -> Any:
    """Return the callable that a target means: the target itself, the object that it makes, or a method of that object."""
    made = find_class(found)
    if made is not None and (issubclass(made, torch.autograd.Function) or hasattr(made, "rsample")):
        return found
    owner = getattr(found, "__self__", None)
    if inspect.isclass(owner) and issubclass(owner, torch.autograd.Function) and found.__name__ == "apply":
        return owner
    if not callable(found):
        return _find_method(found)
    if isinstance(found, torch.nn.Module) or has_contract(found) is not False:
        return found
    try:
        inspect.signature(found).bind()
    except (TypeError, ValueError):
        if inspect.isclass(found) and not hasattr(found, "sample"):
            raise TargetError(
                f"{name!r} is a class that demands {', '.join(list_demanded(found))}; bind these arguments with "
                "functools.partial, or name an object of the class"
            ) from None
        return found
    try:
        made = found()
    except Exception as error:
        raise TargetError(f"{name!r}: calling it raised {describe_error(error)}") from error
    return made if callable(made) else _find_method(made)


def _find_method(found: Any) -> Any:
    """Return the method by which an object is called, or the object itself if it has no such method."""
    return next((method for method in (getattr(found, name, None) for name in _METHODS) if callable(method)), found)


def _behaves_as_estimator(found: Any) -> bool:
    """Return True if a callable of four arguments follows the package's contract on a small program."""
    params, generator = torch.tensor([0.3, 0.6], dtype=torch.float64), torch.Generator().manual_seed(0)
    subject = copy_target(found)
    with fork_randomness(generator, subject):
        try:
            rows = subject(_sum_bits, params, 3, generator)
        except (NotApplicableError, NoGradientPathError):
            return True
        except Exception:
            return False
    return isinstance(rows, torch.Tensor) and rows.shape == (3, 2)


def _sum_bits(params: torch.Tensor, sample: Any) -> torch.Tensor:
    """Return the sum of one bit per parameter."""
    return sample(torch.distributions.Bernoulli(params)).sum(-1)  # type: ignore[no-any-return]
