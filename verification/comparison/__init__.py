"""The comparison of two records under one error rate."""
