"""Relational inference as a stochastic program: the graph networks, their losses, and the six-edge problem."""
