"""Assertions about estimators, and the statistics and sentences behind them."""
