"""Peers, each run from an environment of its own, in which nothing of ours but `benchmarks` is imported."""
