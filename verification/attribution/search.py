"""The search for the sites of a program at which an estimator's bias enters.

A site is *exact* if the estimator does not differentiate it: its outcome is drawn from detached probabilities, and the
objective itself carries the score of that outcome. The estimator can then make no mistake there. A program in which only some
sites are left to the estimator shows the bias that enters at those sites; the search tests halves first, then halves of halves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, cast

from ...estimators.protocol import Estimator, NoGradientPathError, NotApplicableError
from ..plan import Settings
from ..problems.problem import Problem
from ..record.record import Cell, Check
from ..verdicts import Outcome
from ..workbench import Workbench
from .group_bias import GroupBias, Trials

__all__ = ["Attribution", "GroupBias", "SiteBias", "attribute", "attribution_check", "wants_attribution"]

SHARE = 0.25
MAX_TESTS = 64

SiteStatus = Literal["named", "cleared", "together", "undecided"]


@dataclass(frozen=True, kw_only=True)
class SiteBias:
    """The finding on one site.

    Attributes:
        site: The number of the site, in drawing order from 0.
        status: ``named``: a bias enters here. ``cleared``: there is none above the tolerance. ``together``: the site belongs to
            a biased group whose halves are not biased, or that was not split. ``undecided``: the rows did not suffice.
        contribution: The bias of the smallest tested group with this site, all others exact; a named site is alone in it.
        remaining: The bias that remains if this site alone is exact; for named sites.
    """

    site: int
    status: SiteStatus
    contribution: GroupBias
    remaining: GroupBias | None = None

    @property
    def named(self) -> bool:
        """True if a bias enters at this site."""
        return self.status == "named"


@dataclass(frozen=True, kw_only=True)
class Attribution:
    """The sites at which the bias of an estimator on a problem enters.

    Attributes:
        estimator: Name of the estimator.
        problem: Name of the problem.
        baseline: The bias with every site left to the estimator.
        control: The bias with every site exact, so that no site can be at fault; None if the baseline shows no bias.
        sites: The findings on all sites; empty if there was no search.
        rest: The bias with every named site exact; None if none was named.
        tests: Every group of the search, in order.
        alpha: Probability of naming any site without a bias of its own, including the control's error.
        share: The share of the found bias up to which a group is cleared.
    """

    estimator: str
    problem: str
    baseline: GroupBias
    control: GroupBias | None = None
    sites: tuple[SiteBias, ...] = ()
    rest: GroupBias | None = None
    tests: tuple[GroupBias, ...] = ()
    alpha: float
    share: float

    @property
    def named(self) -> tuple[int, ...]:
        """The sites at which a bias enters."""
        return self._having("named")

    @property
    def outcome(self) -> str:
        """The result: ``site 5``, ``sites 2, 5``, ``site 2 together``, ``no bias``, ``not at a site``, ``inconclusive``."""
        if self.baseline.outcome != "biased":
            return "no bias" if self.baseline.outcome == "unbiased" else "inconclusive"
        if self.control is not None and self.control.outcome == "biased":
            return "not at a site"
        if self.named:
            return _name_sites(self.named)
        together = self._having("together")
        return f"{_name_sites(together)} together" if together else "inconclusive"

    @property
    def num_samples(self) -> int:
        """The number of rows of all tests."""
        every = (self.baseline, self.control, self.rest, *self.tests, *(each.remaining for each in self.sites))
        return sum(each.num_samples for each in {id(each): each for each in every if each is not None}.values())

    def sentence(self) -> str:
        """Describe the findings in words."""
        if self.baseline.outcome != "biased":
            return (
                f"Nothing to attribute: with every site left to the estimator, and the program run as a plain one, "
                f"the verdict is {self.baseline.outcome}: {self.baseline}."
            )
        if self.control is not None and self.control.outcome == "biased":
            return (
                f"The bias, {self.baseline}, does not enter at a site: with every site exact, {self.control} remains. "
                "The estimator mistakes the objective's own dependence on the parameters, weights whole runs, or does not draw "
                "from the sites' laws."
            )
        return " ".join((self._named_sentence(), *self._other_sentences()))

    def to_json(self) -> dict[str, Any]:
        """Return the attribution as plain lists and mappings."""
        return {**asdict(self), "outcome": self.outcome, "named": list(self.named)}

    def _having(self, status: SiteStatus) -> tuple[int, ...]:
        return tuple(each.site for each in self.sites if each.status == status)

    def _named_sentence(self) -> str:
        head = f"The bias is {self.baseline}"
        if not self.named:
            return f"{head}; none of {len(self.sites)} sites was found biased alone."
        named = "; ".join(f"site {finding.site} alone brings {finding.contribution}" for finding in self.sites if finding.named)
        rest = ""
        if self.rest is not None:
            rest = f" With {_name_sites(self.named)} exact, the verdict is {self.rest.outcome}: {self.rest}."
        return (
            f"{head}; it enters at {_name_sites(self.named)} of {len(self.sites)}: {named}.{rest} "
            f"A sound site is named with a probability of at most {self.alpha:g}."
        )

    def _other_sentences(self) -> Iterable[str]:
        together, undecided = self._having("together"), self._having("undecided")
        if together:
            yield f"The bias of {_name_sites(together)} was not split further: its parts are too small alone, or act together."
        if undecided:
            yield f"Not decided within the rows: {_name_sites(undecided)}."


def attribute(
    estimator: Estimator,
    problem: Problem,
    settings: Settings,
    *,
    name: str = "estimator",
    alpha: float | None = None,
    share: float = SHARE,
    max_tests: int = MAX_TESTS,
) -> Attribution:
    r"""Find the sites at which an estimator's bias enters.

    The search goes from top to bottom: a group of sites G is tested with the estimator at G and every other site exact, at the
    level :math:`\alpha |G| / (2 n)`, and is split only if it is biased. Sound groups with biased parents are disjoint, so their
    levels add up to at most half of alpha (Meinshausen 2008). The other half is for the control, in which all sites are exact
    and no bias may be left. One wrong site among n takes about ``2 log2 n`` tests.

    A group in which biases cancel is not split. Every test draws fresh rows.

    Args:
        estimator: The estimator; one that learns is fitted once, on the whole program.
        problem: A problem whose gradient is known exactly; a Markov program is run as a plain one.
        settings: The run's seed, the largest number of rows of a test, and the tolerance of the first test.
        name: The estimator's name, which is a part of every seed.
        alpha: Probability of any false naming; the run's if None.
        share: A group is cleared if its bias is below this share of the one that was found.
        max_tests: The largest number of tests of the search; biased groups that remain are reported whole.

    Returns:
        The attribution.

    Raises:
        NotApplicableError: The gradient is known only by sampling, or the estimator refuses the program.

    References:
        Meinshausen (2008), Hierarchical testing of variable importance, Biometrika 95.
    """
    workbench = Workbench(settings, lambda _: estimator, lambda _: problem)
    try:
        trials = Trials(workbench.subject(name, problem.name))
        return _attribute(trials, settings.alpha if alpha is None else alpha, share, max_tests)
    except NoGradientPathError as error:
        raise NotApplicableError(
            f"attribution: no gradient passes through a site, so there is no bias to attribute: {error}"
        ) from error


def attribution_check(
    estimator: Estimator, problem: Problem, settings: Settings, *, name: str = "estimator", alpha: float | None = None
) -> Check:
    """Run `attribute` and return a check for the cell's record; a refusal is an outcome here.

    Args:
        estimator: The estimator.
        problem: Its problem.
        settings: The run's settings.
        name: The estimator's name.
        alpha: Probability of any false naming; the run's if None. Several cells share one rate by dividing it.

    Returns:
        ``check="attribution"``; `Attribution.outcome`, or ``not-applicable`` with the reason in the note.
    """
    try:
        found = attribute(estimator, problem, settings, name=name, alpha=alpha)
    except NotApplicableError as error:
        return Check(check="attribution", outcome="not-applicable", note=str(error))
    base = found.baseline
    return Check(
        check="attribution",
        outcome=cast(Outcome, found.outcome),  # it names sites
        estimate=base.estimate,
        interval=base.interval,
        num_samples=found.num_samples,
        note=found.sentence(),
        details={
            "channel_relative": base.relative,
            **{key: value for key, value in found.to_json().items() if key not in ("estimator", "problem", "outcome")},
        },
    )


def wants_attribution(cell: Cell) -> bool:
    """True if a cell is biased, so that the bias can be attributed."""
    check = cell.find("bias")
    return check is not None and check.outcome == "biased"


Measure = Callable[[tuple[int, ...], str], GroupBias]


def _attribute(trials: Trials, alpha: float, share: float, max_tests: int) -> Attribution:
    profile, every = trials.profile, trials.sites
    whole = trials.measure(every, alpha / 2, profile.r_target, profile.r_accept, "search")
    heading = Attribution(estimator=trials.subject.name, problem=trials.problem.name, baseline=whole, alpha=alpha, share=share)
    if whole.outcome != "biased" or whole.relative is None:
        return heading
    found = abs(whole.relative)
    target, accept = found * min(share, 1 / len(every)), found * share

    def measure(group: tuple[int, ...], purpose: str) -> GroupBias:
        level = alpha / 2 * (len(group) / len(every) if group else 1.0)
        return trials.measure(group, level, target, accept, purpose)

    control = measure((), "control")
    if control.outcome == "biased":
        return replace(heading, control=control)
    tests, status = _search(measure, whole, max_tests)
    sites, rest = _with_remaining(measure, tests, status)
    return replace(heading, control=control, sites=sites, rest=rest, tests=tuple(tests))


def _search(measure: Measure, whole: GroupBias, max_tests: int) -> tuple[list[GroupBias], dict[int, SiteStatus]]:
    """Test groups breadth first, and return them with the status of every site."""
    tests, queue = [whole], [whole]
    status: dict[int, SiteStatus] = dict.fromkeys(whole.sites, "undecided")
    while queue:
        parent = queue.pop(0)
        if len(parent.sites) == 1:
            status[parent.sites[0]] = "named"
            continue
        if len(tests) + 2 > max_tests:
            status |= dict.fromkeys(parent.sites, "together")
            continue
        middle = len(parent.sites) // 2
        halves = [measure(each, "search") for each in (parent.sites[:middle], parent.sites[middle:])]
        tests += halves
        queue += [each for each in halves if each.outcome == "biased"]
        cleared = [each for each in halves if each.outcome == "unbiased"]
        # A group that is biased as a whole but in neither half acts together, or its bias is spread thin.
        word: SiteStatus = "together" if len(cleared) == len(halves) else "cleared"
        status |= {site: word for each in cleared for site in each.sites}
    return tests, status


def _with_remaining(
    measure: Measure, tests: list[GroupBias], status: dict[int, SiteStatus]
) -> tuple[tuple[SiteBias, ...], GroupBias | None]:
    """Return the findings on all sites, and the bias that remains with all named sites exact."""
    named = {site for site, word in status.items() if word == "named"}
    without: dict[frozenset[int], GroupBias] = {}
    for exact in {frozenset(named), *(frozenset({site}) for site in named)} - {frozenset()}:
        without[exact] = measure(tuple(site for site in status if site not in exact), "remaining")
    smallest = {site: min((each for each in tests if site in each.sites), key=lambda each: len(each.sites)) for site in status}
    sites = tuple(
        SiteBias(site=site, status=word, contribution=smallest[site], remaining=without.get(frozenset({site})))
        for site, word in status.items()
    )
    return sites, without.get(frozenset(named))


def _name_sites(numbers: tuple[int, ...]) -> str:
    return f"site{'s' if len(numbers) > 1 else ''} {', '.join(map(str, numbers))}"
