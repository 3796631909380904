"""Serves the polynomial with UM-Bridge's own Python server: `server.py PORT torch|closed`."""

from __future__ import annotations

import sys

import umbridge  # type: ignore[import-not-found]

from benchmarks.peers.computing import by_name


class Polynomial(umbridge.Model):  # type: ignore[misc]
    """One number in, one number out, with the gradient."""

    def __init__(self, compute: str) -> None:
        super().__init__("polynomial")
        self._evaluate = by_name(compute)

    def get_input_sizes(self, _config: object) -> list[int]:
        """Returns one block of one number."""
        return [1]

    def get_output_sizes(self, _config: object) -> list[int]:
        """Returns one block of one number."""
        return [1]

    def gradient(
        self, _out_wrt: int, _in_wrt: int, parameters: list[list[float]], sens: list[float], _config: object
    ) -> list[float]:
        """Returns the gradient times the sensitivity."""
        return [sens[0] * self._evaluate(parameters[0][0])[1]]

    def supports_gradient(self) -> bool:
        """Returns True."""
        return True


if __name__ == "__main__":
    umbridge.serve_models([Polynomial(sys.argv[2])], port=int(sys.argv[1]))
