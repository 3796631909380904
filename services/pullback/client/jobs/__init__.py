"""Jobs: evaluations that are submitted now and fetched later. `pullback.client` has the public names."""
