"""The front door of a run: everything that may be asked of `verify`, by Python, the command line or pytest.

To add an option, give `verify` a keyword with an `Option`, and take it in the place to which it belongs (`plan.settle`,
`drawing.place.Place`, or the assembly of the run). The command line, replay commands, the variance command and the pytest
fixture follow by themselves. PyTorch is loaded when a run is asked for, so that the command's help is there at once.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from .options import Asked, Option, OptionSpec, read_options

if TYPE_CHECKING:
    from ..record.record import Record
    from .assembly import Request
    from .loop import Progress
    from .naming import Problems, Targets

__all__ = ["assemble", "options", "rename_options", "verify"]


def verify(
    estimators: Targets = (),
    problems: Problems = (),
    *,
    params: Annotated[
        str | float | Sequence[float] | None,
        Option(help="Where to differentiate a --problem that is a plain program.", metavar="P,..."),
    ] = None,
    profile: Annotated[
        Literal["quick", "standard", "thorough"], Option(help="How many rows to draw at most.", replayed="always", sweeps=True)
    ] = "quick",
    tolerance: Annotated[
        float | None,
        Option(help="Relative error that is accepted; the profile's own otherwise.", metavar="R", replayed="set"),
    ] = None,
    scale: Annotated[
        Literal["whole", "coordinate"],
        Option(
            help="What the tolerance is relative to: the norm of the whole gradient, or each coordinate by itself.",
            replayed="set",
        ),
    ] = "whole",
    accept: Annotated[
        Literal["unbiased", "rescaled"],
        Option(
            help="Gradients that support a claim of no bias: with rescaled also those of the right direction.",
            replayed="set",
        ),
    ] = "unbiased",
    max_angle: Annotated[
        float, Option(help="The angle within which a direction is right.", metavar="DEGREES", replayed="set")
    ] = 2.0,
    seed: Annotated[int, Option(help="The same seed gives the same record.", replayed="always", sweeps=True)] = 0,
    alpha: Annotated[
        float, Option(help="False-alarm rate of the whole run.", metavar="A", replayed="always", sweeps=True)
    ] = 1e-3,
    device: Annotated[Literal["cpu", "cuda"], Option(help="Where rows are drawn.", replayed="always", sweeps=True)] = "cpu",
    dtype: Annotated[
        Literal["float32", "float64"] | None,
        Option(help="Floating type; each problem's own otherwise.", replayed="set", sweeps=True),
    ] = None,
    detached: Annotated[
        Literal["differentiate", "hold"] | None,
        Option(
            help="Values that a program detaches: differentiate through them, or hold them; each problem's own word otherwise.",
            replayed="set",
        ),
    ] = None,
    expect: Annotated[
        Literal["claims", "unbiased", "biased", "any"],
        Option(
            help="Hold targets to this, not to their claims; a target that claims nothing is held to unbiased.",
            replayed="set",
        ),
    ] = "claims",
    fused: Annotated[
        bool,
        Option(help="Compiled walks where an estimator has one and many rows are drawn.", replayed="set", sweeps=True),
    ] = True,
    takes: Annotated[
        Literal["probs", "logits"] | None,
        Option(help="What foreign code takes, if its samples do not tell.", replayed="foreign"),
    ] = None,
    returns: Annotated[
        Literal["one-hot", "index", "value"] | None,
        Option(
            help="What foreign code returns, if it returns several things; a value is a bit or a count.",
            replayed="foreign",
        ),
    ] = None,
    state: Annotated[
        Literal["cold", "warm"],
        Option(help="Foreign code that remembers starts as it was loaded, or after some calls.", replayed="foreign"),
    ] = "cold",
    truth: Annotated[
        Literal["discrete", "relaxed"],
        Option(
            help="Whose gradient foreign relaxed samples are held against: the program's, or the relaxed program's.",
            replayed="foreign",
            former="objective",
        ),
    ] = "discrete",
    objective_gradient: Annotated[
        Literal["keep", "cut"],
        Option(
            help="Hand the objective to foreign code with its own gradient beside the samples, or detached.",
            replayed="foreign",
        ),
    ] = "keep",
    maximize: Annotated[
        bool,
        Option(help="Ascend the value that a foreign loss of log-probabilities returns.", replayed="foreign"),
    ] = False,
    group: Annotated[
        int,
        Option(
            help="Rows of a batch of foreign code that are one replicate, if they depend on each other; 0: find out.",
            metavar="N",
            replayed="foreign",
        ),
    ] = 0,
    budget: Annotated[float | None, Option(help="Close open cells after this time.", metavar="SECONDS", sweeps=True)] = None,
    exact: Annotated[bool, Option(help="No sampling: run each estimator over all its draws, where they are finite.")] = False,
    attribute: Annotated[bool, Option(help="Where a gradient is biased, name the sites at which the bias enters.")] = False,
    workers: Annotated[
        int | None,
        Option(help="Worker processes; 0: none. Default: the cores.", metavar="N", command_default=None, sweeps=True),
    ] = 0,
    dask: Annotated[
        str | None,
        Option(help="Run on an existing Dask cluster: its scheduler's address, or a scheduler file.", metavar="ADDRESS"),
    ] = None,
    time_limit: Annotated[float, Option(help="Time that one task of a cell may take.", metavar="SECONDS")] = 600.0,
    isolate: Annotated[
        bool,
        Option(help="Run foreign code in processes of its own, where it may crash.", command_default=True),
    ] = False,
    out: Annotated[str | Path | None, Option(help="Folder for the report.")] = None,
    resume: Annotated[bool, Option(help="Go on with the unfinished run in the folder of --out.")] = False,
    progress: Progress | None = None,
    **former: Any,
) -> Record:
    """Verify estimators on problems.

    Args:
        estimators: A registered name, a target, an estimator, foreign code as it is (see
            `gradverify.estimators.adapters.find_convention`), or several; a mapping gives them names. None means all that are
            registered.
        problems: Names or `Problem` objects; none means those of the profile.
        params: The point at which problems that are plain programs are differentiated, if their names do not say.
        profile: ``quick``, ``standard`` or ``thorough``: the rows at most.
        tolerance: The relative error of the gradient's norm that is accepted; the profile's own if None.
        scale: ``whole``: the tolerance bounds the norm of the error over that of the gradient. ``coordinate``: it bounds the
            error of each coordinate over that coordinate; the typical coordinate stands for one that is zero.
        accept: ``unbiased``, or ``rescaled``: then a gradient also supports a claim of no bias if its angle is known to be at
            most ``max_angle``. It is refused on problems with one parameter, which has no direction.
        max_angle: The angle in degrees within which a direction is right.
        seed: The same seed on the same device gives the same record, times aside.
        alpha: The false-alarm rate of the whole call.
        device: ``cpu`` or ``cuda``.
        dtype: ``float32`` or ``float64``; each problem's own if None.
        detached: ``differentiate`` through values that a program detaches, or ``hold`` them; each problem's own word if None.
        expect: Hold every estimator to ``unbiased``, ``biased`` or ``any`` instead of its own ``claims``.
        fused: Draw rows by compiled walks where an estimator has one and many rows are drawn.
        takes: ``probs`` or ``logits``, if calling foreign code does not tell.
        returns: ``one-hot``, ``index`` or ``value``, if foreign code returns several things.
        state: Start foreign code that remembers ``cold``, as it was loaded, or ``warm``, after some calls.
        truth: Hold foreign relaxed samples against the ``discrete`` program's gradient or the ``relaxed`` one's.
        objective_gradient: ``keep`` hands the objective to foreign code with its graph, so that its own gradient beside the
            samples is in the loss if the loss keeps it; ``cut`` hands it over detached.
        maximize: The value that a foreign loss of log-probabilities returns is ascended. Refused where the objective itself is
            handed over.
        group: The rows of a batch of foreign code that are one replicate, if they depend on each other; 0 finds out.
        budget: Close open cells after this many seconds; the record is then not reproducible.
        exact: Sample nothing: run each estimator over all its draws, where they are finite.
        attribute: Name the sites at which a bias enters.
        workers: The processes to spawn; 0 for none, None for as many as there are cores. What they draw must be given by name.
        dask: The address of a Dask scheduler, or a scheduler file.
        time_limit: The seconds that one task may take in another process.
        isolate: Run foreign code in processes of its own, where it may crash; it must be given by name.
        out: The folder for the report, its pages and the answers of an unfinished run.
        resume: Go on with the unfinished run in that folder.
        progress: Called with the cells closed, the cells in all and the name of the cell that closed last.
        former: Former names of options (``seconds``, ``wanted``, ``objective``), with a warning, for one minor version.

    Returns:
        The record.

    Raises:
        TargetError: A name means nothing, or foreign code could be used in several ways.
        ProblemError: A problem breaks its contract.
        ValueError: An option is out of range, or two contradict each other.
        OSError: The folder cannot be written to.

    Example:
        >>> record = verify("score_function", "bernoulli:0.3/cubic")
        >>> record.cells[-1].find("bias").outcome
        'unbiased'
    """
    given = {name: value for name, value in locals().items() if name in options()}
    from ..record.lock import unlock_folder
    from .publish import publish

    try:
        request = assemble(estimators, problems, given | rename_options(former))
        record = request.execute(request.open_executor(), progress)
        if request.place.out is not None:
            publish(record, request.place.out)
    finally:
        if out is not None:
            unlock_folder(Path(out))
    return record


def assemble(
    estimators: Targets,
    problems: Problems,
    given: Mapping[str, Any],
    *,
    command: str = "",
    notify: Callable[[str], None] | None = None,
) -> Request:
    """Return a run that is asked for, loaded and checked, before its first row; `verify` executes it.

    Args:
        estimators: As in `verify`.
        problems: As in `verify`.
        given: Options of `verify` by name; the others have their defaults.
        command: How the run was asked for; it stands in the record.
        notify: A function that is called with a sentence for the user; it warns if None.

    Raises:
        ValueError: As in `verify`.
        OSError: As in `verify`.
    """
    from .assembly import Request

    return Request.of(estimators, problems, Asked.of(options(), given), command=command, notify=notify)


def options() -> Mapping[str, OptionSpec]:
    """Return the options of `verify`."""
    return read_options(verify)


_FORMER: Mapping[str, Callable[[Any], dict[str, Any]]] = {
    "seconds": lambda seconds: {"budget": seconds},
    "objective": lambda truth: {"truth": truth},
    "wanted": lambda hints: {} if hints is None else {
        "takes": hints.takes or None,
        "returns": hints.returns or None,
        "state": hints.state,
        "truth": hints.objective,
        "group": hints.batch,
    },
}  # fmt: skip
"""Former names of options, and the options that each value comes to."""


def rename_options(given: Mapping[str, Any], *, stacklevel: int = 3) -> dict[str, Any]:
    """Return options under their names of today, with a warning for each former one.

    Args:
        given: Options by name, former names among them.
        stacklevel: The frames from here to the caller who is to be warned.
    """
    renamed: dict[str, Any] = {}
    for name, value in given.items():
        if name not in _FORMER:
            renamed[name] = value
            continue
        today = _FORMER[name](value)
        words = ", ".join(f"{key}={each!r}" for key, each in today.items()) or "nothing"
        warnings.warn(f"verify({name}=...) is deprecated; give {words}", DeprecationWarning, stacklevel=stacklevel)
        renamed |= today
    return renamed
