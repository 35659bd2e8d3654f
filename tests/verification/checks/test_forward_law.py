"""The forward check: samples of a wrong law are found, and the note says in which program."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pytest
import torch
from torch import Tensor
from torch.distributions import Bernoulli, Distribution

from gradverify.estimators import Program, Sample
from gradverify.verification.checks.forward_law import ForwardLaw, check_forward_law

ALPHA = 1e-6
"""False-alarm rate of one check."""

OWN = "in a program of the check's own (a Bernoulli site with certain and impossible outcomes)"


def one_bit(params: Tensor, sample: Sample) -> Tensor:
    return sample(Bernoulli(params))


@dataclass(frozen=True)
class Drawing:
    """Draws a share of the ones that it should, or more of them, on sites of some sizes alone; it estimates nothing.

    Attributes:
        share: A factor on probabilities.
        sizes: Elements a row of the sites that it is wrong on.
        offset: Added to every value there.
    """

    share: float = 1.0
    sizes: tuple[int, ...] = ()
    offset: float = 0.0

    sites: ClassVar[tuple[type[Distribution], ...]] = (Bernoulli,)

    def __call__(self, program: Program, params: Tensor, num_samples: int, generator: torch.Generator) -> Tensor:
        def sample(distribution: Distribution) -> Tensor:
            assert isinstance(distribution, Bernoulli)
            p = distribution.probs
            wrong = p.numel() // num_samples in self.sizes
            drawn = torch.bernoulli(p * self.share if wrong else p, generator=generator)
            return drawn + self.offset if wrong else drawn

        return program(params.expand(num_samples, *params.shape), sample)


def checked(estimator: Drawing) -> ForwardLaw:
    seeded = lambda number: torch.Generator().manual_seed(number)  # noqa: E731
    return check_forward_law(estimator, one_bit, torch.tensor(0.7), frozenset({Bernoulli}), seeded, ALPHA)


def test_samples_of_the_right_law_pass() -> None:
    found = checked(Drawing())
    assert (found.outcome, found.note, found.num_samples) == ("pass", "", 8192)


@pytest.mark.parametrize(
    ("planted", "note"),
    [
        (Drawing(share=0.5, sizes=(1,)), "site 0, element 0, category 0: drawn 0."),
        (Drawing(share=0.5, sizes=(5,)), f"{OWN}, site 0, element 1, category 0: drawn 0."),
        (Drawing(share=0.5, sizes=(1, 5)), f"{OWN}, site 0, element 1, category 0: drawn 0."),
        (Drawing(offset=0.5, sizes=(1,)), "site 0: values outside the support, such as "),
        (Drawing(offset=0.5, sizes=(5,)), f"{OWN}, site 0: values outside the support, such as "),
        (Drawing(share=2.0, sizes=(5,)), f"{OWN}: RuntimeError: "),
    ],
)
def test_a_wrong_law_is_found_and_the_note_says_in_which_program(planted: Drawing, note: str) -> None:
    """The problem has one site, so a site that is not its own must be said to be another program's."""
    found = checked(planted)
    assert found.outcome == "failed"
    assert found.note.startswith(note)
