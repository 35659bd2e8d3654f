"""Sampling sites: one kind of distribution a file, read from `torch.distributions` objects."""
