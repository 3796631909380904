"""Pieces of protobuf's encoding, for messages of many parts that are passed on as the bytes that they are.

A message is the concatenation of its fields in any order, so a part that is bytes already needs no parsing to become a
field of another message; and a message of ten thousand parts can be read part by part, with others' turns in between.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

_BYTES = tuple(bytes([number]) for number in range(256))

# Kinds of values, as the encoding numbers them.
VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5

# Bits of the longest number.
_MOST_BITS = 64


class Malformed(Exception):
    """The bytes are no message."""


class Field(NamedTuple):
    """One field of a message: what its value begins and ends with, without its length where it has one."""

    number: int
    kind: int
    begin: int
    end: int


def varint(number: int) -> bytes:
    """Encodes a number that is not negative: seven bits a byte, the lowest first, all but the last marked."""
    if number < 0x80:
        return _BYTES[number]
    return _BYTES[number & 0x7F | 0x80] + varint(number >> 7)


@lru_cache
def tag(number: int, kind: int) -> bytes:
    """Encodes what stands before a field's value."""
    return varint(number << 3 | kind)


def text(number: int, value: str) -> bytes:
    """Encodes a field of text."""
    return message(number, value.encode())


def message(number: int, value: bytes) -> bytes:
    """Encodes a field of bytes, or of a message that is serialised already."""
    return tag(number, LENGTH) + varint(len(value)) + value


def integer(number: int, value: int) -> bytes:
    """Encodes a field of a whole number that is not negative."""
    return tag(number, VARINT) + varint(value)


def fields(data: bytes) -> Iterator[Field]:
    """Reads a message's fields, in their order, without looking into them.

    Raises:
        Malformed: the bytes are no message.
    """
    at, size = 0, len(data)
    while at < size:
        key, begin = _read_varint(data, at)
        number, kind = key >> 3, key & 7
        if kind == LENGTH:
            length, begin = _read_varint(data, begin)
            at = begin + length
        elif kind == VARINT:
            _, at = _read_varint(data, begin)
        elif kind in {FIXED64, FIXED32}:
            at = begin + (8 if kind == FIXED64 else 4)
        else:
            raise Malformed
        if at > size or not number:
            raise Malformed
        yield Field(number, kind, begin, at)


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    number = shift = 0
    while at < len(data) and shift < _MOST_BITS:
        byte = data[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return number, at
        shift += 7
    raise Malformed
