"""Ways to run a program: recorded, replayed, forced, coupled, relaxed, or over every outcome."""
