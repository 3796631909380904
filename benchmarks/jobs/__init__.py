"""`python -m benchmarks.jobs`: a hundred thousand jobs, submitted, watched, worked off, and what others feel of it."""
