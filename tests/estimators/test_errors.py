"""Errors of estimators: what they are to a caller, and the sentence of the one that names a site."""

from __future__ import annotations

import pickle

import torch
from torch.distributions import Bernoulli

from gradverify.estimators import NoGradientPathError, NotApplicableError, UnsupportedSiteError


def test_an_unsupported_site_is_a_reason_not_to_apply() -> None:
    assert issubclass(UnsupportedSiteError, NotApplicableError)
    assert issubclass(NotApplicableError, ValueError)
    assert not issubclass(NoGradientPathError, NotApplicableError)


def test_a_missing_gradient_path_names_its_site_and_its_type() -> None:
    error = NoGradientPathError.at(2, Bernoulli(torch.tensor([0.5])), torch.tensor([1]))
    assert str(error) == "site 2 (Bernoulli): its probabilities require a gradient, its torch.int64 output carries none"


def test_errors_travel_between_processes() -> None:
    error = pickle.loads(pickle.dumps(UnsupportedSiteError("no such site")))
    assert isinstance(error, UnsupportedSiteError)
    assert str(error) == "no such site"
