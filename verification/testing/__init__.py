"""Assertions about estimators, for plain Python and for pytest."""
