"""pytensor-federated: a deployed function over gRPC. AGPL-3, so it stays in a process of its own."""
