"""Estimators with one planted bug each, which the verifier must find."""
