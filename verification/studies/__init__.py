"""Studies over a range of problem sizes: what a session measured beyond single verdicts."""
