"""Checks of one cell: does the estimator keep its contract, draw by the right law, and draw independent rows?"""
