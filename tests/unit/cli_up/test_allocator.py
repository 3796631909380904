from __future__ import annotations

from typing import TYPE_CHECKING

from pullback.broker.embedded import allocator

if TYPE_CHECKING:
    import pytest


def test_jemalloc_is_taken_where_the_machine_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server's process is told to load it, by the name under which it was found."""
    monkeypatch.setattr(allocator, "find_library", lambda name: f"lib{name}.so.2")
    assert "LD_PRELOAD=libjemalloc.so.2" in allocator.allocator_environment()


def test_without_jemalloc_nothing_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The C library's own allocator serves, with its tuning."""
    monkeypatch.setattr(allocator, "find_library", lambda _: None)
    assert [name.partition("=")[0] for name in allocator.allocator_environment()] == ["GLIBC_TUNABLES"]
