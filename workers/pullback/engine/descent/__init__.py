"""Descents: an optimiser's loop around a program, made in legs that can be cut anywhere between two steps."""

from __future__ import annotations

from pullback.engine.descent.leg import run_leg

__all__ = ["run_leg"]
