"""The test of the test: does the verifier accuse sound estimators, and does it find planted bugs?"""
