from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pullback.broker.embedded.version import Flavour, Version, read_banner


@pytest.mark.parametrize(
    ("banner", "expected"),
    [
        (
            "Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64 build=e0",
            (Flavour.REDIS, (7, 0, 15)),
        ),
        ("Valkey server v=9.1.2 sha=00000000:1 malloc=libc bits=64 build=15", (Flavour.VALKEY, (9, 1, 2))),
        ("Redis server v=10.11.12 sha=0", (Flavour.REDIS, (10, 11, 12))),
        ("Server v=7.0.15", None),
        ("nginx version: nginx/1.22.1", None),
        ("Redis server v=7.0", None),
        ("", None),
    ],
)
def test_a_banner_tells_flavour_and_version(banner: str, expected: tuple[Flavour, Version] | None) -> None:
    """What a server prints for --version names it; other programs are nobody we know."""
    assert read_banner(banner) == expected


@given(*[st.tuples(*[st.integers(0, 99)] * 3)] * 2)
def test_versions_are_ordered_by_their_numbers(
    one: tuple[int, int, int], other: tuple[int, int, int]
) -> None:
    """7.0.15 is newer than 7.0.9, as numbers say and letters do not."""
    assert (Version(*one) < Version(*other)) == (one < other)


@given(st.tuples(*[st.integers(0, 10**6)] * 3))
def test_a_version_reads_back_as_it_was_written(numbers: tuple[int, int, int]) -> None:
    """Text and version turn into each other without loss."""
    assert Version.parse(str(Version(*numbers))) == Version(*numbers)
