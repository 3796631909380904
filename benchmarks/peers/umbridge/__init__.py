"""UM-Bridge: a deployed model over HTTP and JSON. Apache-2.0 or MIT by part; see its repository."""
