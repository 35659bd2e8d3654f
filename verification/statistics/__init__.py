"""Statistics of replicates: moments, confidence sequences, the test of bias, variances and exponents."""
