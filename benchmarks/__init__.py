"""Pullback beside its peers: one run, on one machine, with ratios. `python -m benchmarks --help`."""
