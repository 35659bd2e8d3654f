"""What an estimator costs: clocks and memory, side by side with what one would otherwise write."""
