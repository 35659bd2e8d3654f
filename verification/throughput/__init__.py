"""The cost of an estimator: time and memory, beside those of code that one would write without this package."""
