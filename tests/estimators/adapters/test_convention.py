"""Conventions: the record and the repr of every kind are those of one dataclass, and the sentences say what differs."""

from __future__ import annotations

import pickle

import pytest

from gradverify.estimators.adapters import (
    CONTRACT,
    Convention,
    GradientConvention,
    HandedSampleConvention,
    LossConvention,
    SamplerConvention,
    ScoreLossConvention,
)

KEYS = [
    *("kind", "arguments", "takes", "returns", "handed", "sites", "item", "temperature", "relaxed", "gradient_path", "layout"),
    *("reduction", "samples", "group", "detached", "passed", "rewards", "gain", "right_value", "evaluations", "state"),
    *("objective", "objective_gradient", "carries", "deterministic", "calls", "sentence"),
]

THETA = (("", "theta"),)
BOTH = (("", "objective"), ("", "theta"))
SCORES = (("", "log_prob"), ("", "cost"))

SENTENCES: list[tuple[Convention, str]] = [
    (CONTRACT, ""),
    (
        SamplerConvention(THETA, "logits", returns="one-hot", relaxed=True, temperature=1.0),
        "found to be a sampler: takes logits, returns relaxed one-hot vectors, temperature 1; objective: discrete",
    ),
    (
        SamplerConvention(THETA, "probs", returns="value", sites=("Poisson",), layout="vectors", gradient_path=False),
        "found to be a sampler: takes probs, one vector at a time, returns counts (Poisson), no gradient path; "
        "objective: discrete",
    ),
    (
        HandedSampleConvention(THETA, "probs", handed="index", item=0, passed="float32"),
        "found to be a rule for samples that it is handed: takes indices and probs in single precision, "
        "returns indices (entry 0 of a tuple); objective: discrete",
    ),
    (
        LossConvention(BOTH, "logits", returns="value", reduction="sum", group=2, state="cold", right_value=True, carries=True),
        "found to be a surrogate loss: takes logits of a batch, calls the objective with bits, returns the sum of the losses "
        "of the rows, the value of the loss is the objective, the objective's own gradient enters the loss, the rows of a "
        "batch depend on each other, so a batch of 2 is one replicate, "
        "keeps state, and every chunk starts from the state as loaded (cold); objective: discrete",
    ),
    (
        GradientConvention((*BOTH, ("", "count")), "logits", returns="index", layout="single", reduction="mean", samples=2),
        "found to be a gradient: takes logits of one point, calls the objective with indices, returns one gradient, "
        "2 samples per replicate, the objective's own gradient is added; objective: discrete",
    ),
    (
        GradientConvention(BOTH, "logits", returns="one-hot", reduction="mean", passed="arrays"),
        "found to be a gradient: takes logits as NumPy arrays of a batch, calls the objective with one-hot vectors, returns "
        "one gradient per row of the mean loss, the objective's own gradient is added; objective: discrete",
    ),
    (
        ScoreLossConvention(SCORES, "log-probabilities", gain=True, objective_gradient="cut"),
        "found to be a surrogate loss: takes log-probabilities and costs of a batch, returns one loss per row, which is "
        "ascended (--maximize), the value of the loss is not the objective, the objective is handed over without its own "
        "gradient (cut); objective: discrete",
    ),
    (
        LossConvention(
            (("", "reward_objective"), ("", "theta")), "logits", returns="one-hot", gradient_path=False, carries=True
        ),
        "found to be a surrogate loss: takes logits of a batch, calls the reward (the objective, negated) with one-hot "
        "vectors, returns one loss per row, the value of the loss is not the objective, the objective's own gradient enters "
        "the loss, no gradient path beside it; objective: discrete",
    ),
]
EVERY = [convention for convention, _ in SENTENCES]


@pytest.mark.parametrize(("convention", "sentence"), SENTENCES)
def test_the_sentence_describes_the_convention(convention: Convention, sentence: str) -> None:
    assert convention.sentence() == sentence


@pytest.mark.parametrize("convention", EVERY)
def test_every_kind_has_the_same_keys_in_a_record(convention: Convention) -> None:
    record = convention.to_record()
    assert list(record) == KEYS
    assert record["kind"] == convention.kind
    assert record["sentence"] == convention.sentence()


def test_the_repr_is_that_of_one_dataclass_because_it_enters_seeds() -> None:
    assert repr(HandedSampleConvention(THETA, "probs", handed="value")) == (
        "Convention(kind='handed a sample', arguments=(('', 'theta'),), takes='probs', returns='value', handed='value', "
        "sites=('Bernoulli',), item=None, temperature=None, relaxed=False, gradient_path=True, layout='rows', "
        "reduction='rows', samples=1, group=1, detached=False, passed='tensors', rewards=False, gain=False, "
        "right_value=False, evaluations=1, state='none', objective='discrete')"
    )
    assert "group=2, detached=False" in repr(EVERY[4])
    assert "carries" not in repr(EVERY[4])  # it describes what was found, and changes no row
    assert "objective_gradient='cut'" in repr(EVERY[-2])
    assert "evaluations=8" in repr(ScoreLossConvention(group=8))


@pytest.mark.parametrize("convention", EVERY)
def test_a_convention_travels_to_another_process(convention: Convention) -> None:
    """Settings hold conventions, are compared and hashed, and are pickled for workers."""
    copy = pickle.loads(pickle.dumps(convention))
    assert copy == convention
    assert hash(copy) == hash(convention)
    assert (repr(copy), type(copy)) == (repr(convention), type(convention))


def test_another_batch_takes_its_own_evaluations() -> None:
    assert LossConvention(group=2, evaluations=4).with_group(8) == LossConvention(group=8, evaluations=16)
    assert ScoreLossConvention(group=2).with_group(8).to_record()["evaluations"] == 8
    with pytest.raises(TypeError, match="8 rows per replicate were asked for, but the rows of a sampler are independent"):
        SamplerConvention().with_group(8)
