"""Accuracies, differences, gaps recovered, power and rank correlation: arrays in, numbers out.

This room imports nothing else of Uphill. Accuracies are fractions in [0, 1], never percent, and nothing is rounded.
All randomness comes from the `numpy.random.Generator` that the caller passes.
"""
