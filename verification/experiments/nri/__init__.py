"""Relational inference: infer from trajectories which particles interact, with each gradient estimator in turn."""
