"""`JobService`: evaluations that outlive the call which submitted them."""
