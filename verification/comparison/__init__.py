"""Two records: what changed, under one error rate."""
