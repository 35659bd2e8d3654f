"""Studies over a range of problem sizes: variances, biases and costs beside single verdicts."""
