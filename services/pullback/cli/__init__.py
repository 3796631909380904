"""The `pullback` command."""

from pullback.cli.app import main

__all__ = ["main"]
