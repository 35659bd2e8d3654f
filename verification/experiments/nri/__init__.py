"""Relational inference: which particles interact, inferred from their trajectories, with each gradient estimator in turn."""
