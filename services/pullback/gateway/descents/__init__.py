"""`DescentService`: descents, cut into evaluations that are queued like any other."""
