"""Alternative outcomes: the jumps of stochastic triples, and the runs that carry them along."""
