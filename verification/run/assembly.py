"""A run assembled from what was asked for: targets loaded, options settled, a place to draw in, replay commands."""

from __future__ import annotations

import shlex
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from ...estimators.adapters import ForeignHints
from ..drawing.executors import Executor, Inline
from ..drawing.place import Drawing, Place
from ..foreign.report import broken_cells, with_conventions
from ..plan import ErrorBudget, settle
from ..problems.problem import Problem
from ..problems.registry import find_problems
from ..record.folder import claim_folder
from ..record.record import Record
from .attribution import attribute_record
from .loop import Progress
from .naming import Problems, Targets, list_problems, name_problems
from .options import Asked
from .rehearsal import Rehearsed, rehearse
from .steps import has_steps, list_own_problems, refuse_strangers, split_steps
from .targets import LoadedTargets, load_targets
from .verification import Verification

__all__ = ["Request", "foreign_hints"]


@dataclass(frozen=True, kw_only=True)
class Request:
    """A run that was asked for, with everything loaded and checked that can be before the first row.

    Attributes:
        run: The run.
        place: Where its rows are drawn and where its answers are kept.
        drawing: What is drawn, for this process and for others.
        targets: The estimators as they were asked for.
        rehearsed: The problems as they were asked for.
        exact: True to sample nothing.
        attribute: True to search for the sites at which biases enter.
        notify: A function that is called with a sentence for the user.
    """

    run: Verification
    place: Place
    drawing: Drawing
    targets: LoadedTargets
    rehearsed: Rehearsed
    exact: bool
    attribute: bool
    notify: Callable[[str], None]

    @property
    def num_cells(self) -> int:
        """The number of cells that will be drawn."""
        return len(self.run.subjects)

    @classmethod
    def of(
        cls,
        estimators: Targets,
        problems: Problems,
        asked: Asked,
        *,
        command: str = "",
        notify: Callable[[str], None] | None = None,
    ) -> Request:
        """Assemble a run.

        Args:
            estimators: As in `verify`.
            problems: As in `verify`.
            asked: The options of `verify` with their values.
            command: How the run was asked for; it stands in the record.
            notify: A function that is called with a sentence for the user; it warns if None.

        Raises:
            ValueError: As in `verify`.
            OSError: As in `verify`.
        """
        tell = notify or _warn
        place, settings = _place(asked), settle(**asked.pick(settle))
        several = list_problems(problems, asked["params"])
        rehearsed = rehearse(several, settings, place.time_limit, tell) if place.isolate else Rehearsed(tuple(several))
        name = partial(name_problems, quick=settings.profile.name == "quick")
        found, places = name(rehearsed.usable) if rehearsed.usable else ([], {})
        targets = load_targets(
            estimators, foreign_hints(asked), isolate=place.isolate, time_limit=place.time_limit, notify=tell
        )
        if not several and has_steps(targets):
            targets = split_steps(targets)
            found, places = list_own_problems(targets)
        elif not several:
            found, places = name(())
        refuse_strangers(targets, found)
        if settings.accept == "rescaled":
            _refuse_single_parameters(found)
        _refuse_idle_hints(asked, targets)
        settings = replace(settings, conventions=targets.conventions)
        run = Verification(estimators=targets.estimators, problems=found, settings=settings, command=command)
        run.replay = partial(_replay, asked, targets, places, run.budget)
        unnamed = tuple(problem.name for problem in found if problem.name not in places)
        return cls(
            run=run,
            place=place,
            drawing=Drawing(run.workbench, places, (*targets.objects, *unnamed)),
            targets=targets,
            rehearsed=rehearsed,
            exact=asked["exact"],
            attribute=asked["attribute"],
            notify=tell,
        )

    def open_executor(self) -> Executor:
        """Return what will draw the rows: worker processes are started, and the journal of an unfinished run is opened.

        Raises:
            ValueError: The folder holds another unfinished run, or no cluster answers.
            OSError: The journal cannot be used.
        """
        if self.exact:
            return Inline(self.run.workbench)
        sources = (*self.targets.places, *self.drawing.problems.values())
        return self.place.open_journal(self.drawing, self.num_cells, self.run.estimators, sources, self.notify)

    def execute(self, executor: Executor, progress: Progress | None = None) -> Record:
        """Run it, and return the record; Ctrl-C leaves a record that is not complete.

        Args:
            executor: From `open_executor`; it is closed at the end.
            progress: Called for every cell that closes, and for every search for the sites of a bias.
        """
        record = self.run.execute_exactly(progress) if self.exact else self.run.execute(executor, progress)
        if self.attribute and record.run.complete:
            searcher = self.place.searcher(self.drawing, self.num_cells)
            record = attribute_record(record, self.run.settings.alpha, searcher, progress)
        broken = broken_cells(self.targets.findings, [problem.name for problem in self.run.problems])
        broken += self.rehearsed.cells(list(self.run.estimators))
        return with_conventions(replace(record, cells=(*record.cells, *broken)), self.run.problems)


def foreign_hints(asked: Asked) -> ForeignHints:
    """Return what the options of `verify` say of foreign code."""
    return ForeignHints(
        takes=asked["takes"] or "",
        returns=asked["returns"] or "",
        state=asked["state"],
        objective=asked["truth"],
        batch=asked["group"],
        objective_gradient=asked["objective_gradient"],
        maximize=asked["maximize"],
    )


def _place(asked: Asked) -> Place:
    """Return the place of a run, its folder made and resolve_claim."""
    out = None if asked["out"] is None else Path(asked["out"])
    place = Place(**{**asked.pick(Place), "out": out})
    place.refuse_contradictions(exact=asked["exact"], device=asked["device"])
    if out is not None:
        claim_folder(out)
    return place


def _refuse_single_parameters(problems: Iterable[Problem]) -> None:
    """Raise `ValueError` for a problem on which every gradient of the right sign would be accepted as rescaled."""
    single = next((problem.name for problem in problems if problem.params.numel() == 1), None)
    if single is not None:
        raise ValueError(
            f"--accept rescaled, and problem {single} has one parameter, which has no direction; "
            "leave --accept out or give problems with several parameters"
        )


def _refuse_idle_hints(asked: Asked, targets: LoadedTargets) -> None:
    """Raise `ValueError` for options that say how foreign code is used if there is none."""
    words = [word for word in asked.words(foreign=True) if word.startswith("--")]
    if words and not targets.any_foreign:
        applies = "applies" if len(words) == 1 else "apply"
        raise ValueError(f"{' and '.join(words)} {applies} only to foreign code, and none of the targets is foreign; remove it")


def _replay(
    asked: Asked,
    targets: LoadedTargets,
    places: Mapping[str, str],
    budget: ErrorBudget,
    estimator: str,
    problem: str,
) -> str:
    """Return the command that draws the same rows of one cell and judges them at the same error rate.

    What was given as an object has a line of Python instead.
    """
    alone = asked.replace(alpha=budget.alone)
    if estimator in targets.objects or problem not in places:
        words = [estimator, repr(problem) if problem in places else problem]
        return f"verify({', '.join([*words, *(f'{name}={value!r}' for name, value in alone.list_changed().items())])})"
    words = alone.words(foreign=False)
    if estimator in targets.foreign:
        words += alone.words(foreign=True)
    return shlex.join(["gradverify", "verify", estimator, "--problem", _shortest(places[problem], problem), *words])


def _shortest(place: str, problem: str) -> str:
    """Return the shortest target that finds a problem: its name if it is registered, else the place it came from."""
    if ".py:" in place:
        return place
    try:
        find_problems([problem], quick=False)
    except ValueError:
        return place
    return problem


def _warn(message: str) -> None:
    warnings.warn(message, RuntimeWarning, stacklevel=2)
