"""The tape: drawing, choosing, recording, forcing and replaying are one mechanism.

Statistical tests: two-sided false-fail rate 9.6e-7 a coordinate; the smallest error that they find is asserted.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.distributions import Bernoulli, Categorical

from gradverify.estimators import Sample
from gradverify.estimators.runs.tape import Draw, Tape, choose, draw, draw_coupled, forcing, recording, replaying, sampling
from gradverify.estimators.sites.reading import BernoulliSite, CategoricalSite, Site

from ..intervals import QUANTILE, smallest_visible, z_scores

ROWS = 60_000


def _generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def _program(params: Tensor, sample: Sample) -> Tensor:
    """A bit, a pair of categories that depends on it, a bit that depends on the pair; digits of one number."""
    first = sample(Bernoulli(params))
    shift = torch.stack((first, 0.5 * first, -first), -1).unsqueeze(1).expand(-1, 2, 3)
    pair = sample(Categorical(logits=shift))
    last = sample(Bernoulli(torch.sigmoid(pair.sum(-1) - 2 + 0 * params)))
    return first + 2 * pair[:, 0] + 6 * pair[:, 1] + 18 * last


def _digits(objective: Tensor) -> list[Tensor]:
    number = objective.long()
    return [number % 2, number // 2 % 3, number // 6 % 3, number // 18]


def _recorded(seed: int = 0, rows: int = ROWS) -> tuple[Tensor, Tape, Tensor]:
    params, tape = torch.full((rows,), 0.3, dtype=torch.float64), Tape()
    return _program(params, recording(rows, _generator(seed), tape)), tape, params


def _constant(value: int, rows: int = ROWS) -> Tensor:
    return torch.full((rows,), value)


def test_copies_share_their_uniforms() -> None:
    site = CategoricalSite(torch.tensor([0.2, 0.5, 0.3], dtype=torch.float64).expand(12, 2, 3))
    index = draw(site, _generator(), copies=3)
    assert index.shape == (12, 2)
    assert torch.equal(index[:4], index[4:8])
    assert torch.equal(index[:4], index[8:])
    assert not torch.equal(index[:4], draw(site, _generator(), copies=1)[4:8])


def test_a_draw_takes_one_uniform_an_element() -> None:
    used, reference = _generator(), _generator()
    draw(BernoulliSite(torch.full((5, 2), 0.5, dtype=torch.float64)), used)
    torch.rand(5, 2, generator=reference, dtype=torch.float64)
    assert torch.equal(used.get_state(), reference.get_state())


def test_coupled_draws_share_their_uniforms() -> None:
    low, high = (BernoulliSite(torch.full((ROWS,), p, dtype=torch.float64)) for p in (0.3, 0.4))
    first, second = draw_coupled(low, high, _generator())
    assert not (first & ~second).any()
    assert (z_scores((second & ~first).double(), 0.1) < QUANTILE).all()
    same, again = draw_coupled(low, low, _generator())
    assert torch.equal(same, again)


def test_choose_is_in_proportion_to_the_weights() -> None:
    weights = torch.tensor([0.5, 0.0, 3.0, 1.5, 0.0], dtype=torch.float64)
    column = choose(weights.expand(ROWS, 5), _generator())
    hits = torch.nn.functional.one_hot(column, 5).double()
    assert (z_scores(hits, weights / weights.sum()) < QUANTILE).all()
    assert (smallest_visible(hits) < 0.02).all()
    assert not hits[:, [1, 4]].any()


def test_choose_takes_the_last_column_of_nothing() -> None:
    assert choose(torch.zeros(4, 3), _generator()).tolist() == [2, 2, 2, 2]
    assert choose(torch.ones(2, 1), _generator()).tolist() == [0, 0]


def test_sampling_and_recording_draw_alike() -> None:
    objective, tape, params = _recorded(seed=4, rows=50)
    assert torch.equal(objective, _program(params, sampling(50, _generator(4))))
    digits = _digits(objective)
    assert [each.index.shape for each in tape.draws] == [(50,), (50, 2), (50,)]
    assert torch.equal(tape.draws[0].index.long(), digits[0])
    assert torch.equal(tape.draws[1].index, torch.stack(digits[1:3], -1))
    assert torch.equal(tape.draws[2].index.long(), digits[3])


def test_values_carry_no_gradient_and_probabilities_do() -> None:
    params, tape = torch.full((3,), 0.3, requires_grad=True), Tape()
    value = recording(3, _generator(), tape)(Bernoulli(params))
    assert not value.requires_grad
    assert tape.draws[0].site.requires_grad
    assert isinstance(tape.draws[0], Draw)


def test_forced_outcomes_are_taken() -> None:
    asked: list[tuple[int, torch.Size]] = []

    def outcome(number: int, site: Site) -> Tensor:
        asked.append((number, site.shape))
        return torch.full(site.shape, [1, 2, 0][number])

    tape = Tape()
    objective = _program(torch.full((2,), 0.3), forcing(2, outcome, tape))
    assert objective.tolist() == [1 + 4 + 12] * 2
    assert asked == [(0, (2,)), (1, (2, 2)), (2, (2,))]
    assert len(tape.draws) == 3


def test_a_branch_past_the_end_repeats_the_run() -> None:
    objective, tape, params = _recorded()
    again = _program(params, replaying(tape, _constant(3), _constant(0), _constant(0), _generator(9)))
    assert torch.equal(objective, again)


def test_a_branch_forces_its_element_and_leaves_what_precedes_it() -> None:
    objective, tape, params = _recorded()
    before = _digits(objective)
    target = (before[2] + 1) % 3
    after = _digits(_program(params, replaying(tape, _constant(1), _constant(1), target, _generator(9))))
    assert torch.equal(after[0], before[0])
    assert torch.equal(after[1], before[1]), "the branch site's other element moved"
    assert torch.equal(after[2], target)
    assert not torch.equal(after[3], before[3])


def test_rows_branch_where_they_are_told_to() -> None:
    objective, tape, params = _recorded()
    branch = torch.arange(ROWS) % 3
    flipped = 1 - _digits(objective)[0]
    after = _digits(_program(params, replaying(tape, branch, _constant(0), flipped, _generator(9))))
    for number, (old, new) in enumerate(zip(_digits(objective), after, strict=True)):
        site = (0, 1, 1, 2)[number]
        untouched = branch > site
        assert torch.equal(old[untouched], new[untouched])
    assert torch.equal(after[0][branch == 0], flipped[branch == 0])


def test_a_jump_to_where_it_was_repeats_the_run() -> None:
    """The redrawn uniforms draw the recorded outcomes again wherever the probabilities are unchanged."""
    objective, tape, params = _recorded()
    same = _digits(objective)[0]
    again = _program(params, replaying(tape, _constant(0), _constant(0), same, _generator(9)))
    assert torch.equal(objective, again)


def test_sites_behind_the_branch_have_the_law_of_the_new_path() -> None:
    """Forced to one, the first bit's successors follow their distributions given one; coupling changes no law."""
    _, tape, params = _recorded()
    after = _digits(_program(params, replaying(tape, _constant(0), _constant(0), _constant(1), _generator(9))))
    expected = torch.softmax(torch.tensor([1.0, 0.5, -1.0], dtype=torch.float64), 0)
    for digit in after[1:3]:
        hits = torch.nn.functional.one_hot(digit, 3).double()
        assert (z_scores(hits, expected) < QUANTILE).all()
        assert (smallest_visible(hits) < 0.02).all()
    probability = torch.sigmoid((after[1] + after[2]).double() - 2)
    assert (z_scores(after[3].double() - probability, 0.0) < QUANTILE).all()


def test_uniforms_that_are_not_redrawn_given_the_outcomes_are_found() -> None:
    """Fresh uniforms behind the branch, a planted bug: a jump to where it was no longer repeats the run."""
    objective, tape, params = _recorded()
    forgetful = Tape([tape.draws[0], *_recorded(seed=1)[1].draws[1:]])
    same = _digits(objective)[0]
    again = _program(params, replaying(forgetful, _constant(0), _constant(0), same, _generator(9)))
    assert not torch.equal(objective, again)
