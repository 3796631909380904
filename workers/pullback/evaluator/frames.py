"""The frames between a drain and its evaluator: how they are laid out, written and read.

A frame is a header, a table and a body, all integers little-endian:

    header   kind: 1 byte    entries: 4 bytes    length of the body: 8 bytes
    table    per entry       tag: 8 bytes, signed    length of its blob: 8 bytes, signed
    body     the blobs, one after the other

What an entry's tag and blob mean depends on the frame's kind, see `Kind`. Either side closes the connection
on a frame that breaks these rules: nothing after it could be trusted.
"""

from __future__ import annotations

import socket
import struct
import time
from enum import IntEnum
from itertools import accumulate, groupby, pairwise
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

_HEADER = struct.Struct("<BIQ")
_TABLE_ROW_BYTES = 16

# Most entries of one frame: as many as one message of a stream may hold.
MAX_ENTRIES = 4_096

# Most bytes of one frame's body: some ten results of the greatest allowed size.
MAX_BODY_BYTES = 1 << 30

# From this many bytes on, a piece is sent by a call of its own, because to join it costs more.
_BIG_PIECE_BYTES = 1 << 16

# Up to this many bytes, table and body are received by one call and then cut up. Beyond, blobs are received singly.
_SMALL_FRAME_BYTES = 1 << 20

# Up to this many bytes, a frame is received by one call where it is as long as the one before it.
_BRIEF_FRAME_BYTES = 1 << 14

# What is asked of the kernel for the bytes under way, which makes big tensors faster. It may give less.
_SOCKET_BUFFER_BYTES = 1 << 22

# Longest that the kernel is asked to wait at a time, in microseconds, where there is a time limit. Whoever has more
# time left than that need not tell the kernel how much, frame after frame.
_TURN_US = 1_000_000

# struct timeval, for SO_RCVTIMEO.
_TIMEVAL = struct.Struct("@ll")


class Kind(IntEnum):
    """What a frame says."""

    #: Evaluator to drain, once. Tags: pid, `READY` or `NOT_READY`. Blobs, in UTF-8: engine version, and its
    #: protections or the reason.
    HELLO = 1
    #: Drain to evaluator: tags are acceptance times in ms since the epoch, blobs `pullback.v1.Evaluation`.
    BATCH = 2
    #: Evaluator to drain, in the batch's order: tags are `SUCCEEDED`, `FAILED` or `STARVED`, blobs
    #: `pullback.v1.EvaluateOutcome`.
    OUTCOMES = 3
    #: Template to drain, last: one tag, the dead evaluator's exit code, negative for a signal. The blob is the last of
    #: what it wrote to its standard error.
    EPITAPH = 4


#: STARVED failed for want of memory. In a batch, that may be its neighbours' doing.
FAILED, SUCCEEDED, STARVED = 0, 1, 2
NOT_READY, READY = 0, 1


class FrameError(Exception):
    """The bytes are not a frame, or the frame would be too big."""


class Frame(NamedTuple):
    """A frame that was read."""

    kind: Kind
    tags: Sequence[int]
    blobs: Sequence[bytes]


def pack(kind: Kind, entries: Sequence[tuple[int, Sequence[bytes]]]) -> list[bytes]:
    """Lays out a frame.

    Args:
        kind: what the frame says.
        entries: per entry its tag and its blob, in pieces that need not be joined to be sent.

    Returns:
        The pieces of the frame, in order.

    Raises:
        FrameError: it would have more entries or bytes than a frame may.
    """
    table: list[int] = []
    pieces: list[bytes] = []
    body_bytes = 0
    for tag, blob in entries:
        length = sum(map(len, blob))
        body_bytes += length
        table += (tag, length)
        pieces += blob
    _check_bounds(len(entries), body_bytes)
    return [struct.pack(f"{_HEADER.format}{len(table)}q", kind, len(entries), body_bytes, *table), *pieces]


def send(sock: socket.socket, frame: Sequence[bytes], timeout: float | None = None) -> None:
    """Sends the pieces of a frame.

    Args:
        sock: a blocking socket, which it stays.
        frame: what `pack` gave.
        timeout: seconds that each piece may take, where the connection is full; None for no limit.

    Raises:
        TimeoutError: it took longer.
        BlockingIOError: it would take time, and `timeout` is 0.
        OSError: the connection broke.
    """
    if sum(map(len, frame)) < _BIG_PIECE_BYTES:
        _send_block(sock, b"".join(frame), timeout)
        return
    for is_big, run in groupby(frame, lambda piece: len(piece) >= _BIG_PIECE_BYTES):
        # Never an empty send: the peer may have all that it wants by then, and be gone.
        for block in run if is_big else (b"".join(run),):
            if block:
                _send_block(sock, block, timeout)


def _send_block(sock: socket.socket, block: bytes, timeout: float | None) -> None:
    # Nearly always there is room. To set a time limit, wait for room and unset it is three more calls of the kernel.
    try:
        sent = sock.send(block, socket.MSG_DONTWAIT)
    except BlockingIOError:
        sent = 0
    if sent < len(block):
        sock.settimeout(timeout)
        try:
            sock.sendall(memoryview(block)[sent:])
        finally:
            sock.settimeout(None)


class Reader:
    """Reads frames from a socket, which it makes a blocking one."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setblocking(True)
        self._sock = sock
        self._limit_us = 0
        self._expected = _HEADER.size
        self._ahead = b""

    @property
    def is_ahead(self) -> bool:
        """Whether bytes behind the last frame were received with it, so that the socket does not tell of them."""
        return bool(self._ahead)

    def read(self, until: float | None = None) -> Frame | None:
        """Reads the next frame; None where the peer hung up before one began.

        Args:
            until: when to give up, on the clock of `time.monotonic`; None to wait for ever.

        Raises:
            FrameError: malformed, too big, or cut short.
            TimeoutError: `until` passed.
            OSError: the connection broke.
        """
        if not self._ahead:
            # Like jobs have frames of like length. Not more at a guess: what came of a big blob would be moved.
            self._ahead = self._receive_some(self._expected, 0, until)
            if not self._ahead:
                return None
        number, count, body_bytes = _HEADER.unpack(self._take(_HEADER.size, until))
        kind = _KINDS.get(number)
        if kind is None:
            raise FrameError(f"{number} is no kind of frame")
        _check_bounds(count, body_bytes)
        tags, blobs = self._read_rest(count, body_bytes, until)
        length = _HEADER.size + count * _TABLE_ROW_BYTES + body_bytes
        self._expected = length if length <= _BRIEF_FRAME_BYTES else _HEADER.size
        return Frame(kind, tags, blobs)

    def _read_rest(
        self, count: int, body_bytes: int, until: float | None
    ) -> tuple[Sequence[int], Sequence[bytes]]:
        table_bytes = count * _TABLE_ROW_BYTES
        if table_bytes + body_bytes <= _SMALL_FRAME_BYTES:
            rest = self._take(table_bytes + body_bytes, until)
            tags, lengths = unpack_table(rest, count, body_bytes)
            return tags, _slices(rest, table_bytes, lengths)
        tags, lengths = unpack_table(self._take(table_bytes, until), count, body_bytes)
        return tags, [self._take(length, until) for length in lengths]

    def _take(self, size: int, until: float | None) -> bytes:
        """Gives the next `size` bytes, those that are here already first."""
        here, self._ahead = self._ahead[:size], self._ahead[size:]
        # The kernel waits for all bytes, so that they land where they stay. A signal makes for another turn, and the
        # end of a `_TURN_US`.
        while len(here) < size:
            more = self._receive_some(size - len(here), socket.MSG_WAITALL, until)
            if not more:
                raise FrameError(f"the peer hung up after {len(here):,} of {size:,} bytes")
            here = here + more if here else more
        return here

    def _receive_some(self, size: int, flags: int, until: float | None) -> bytes:
        """Receives at most `size` bytes; none where the peer hung up."""
        while True:
            self._limit_time(until)
            try:
                return self._sock.recv(size, flags)
            except BlockingIOError:
                continue

    def _limit_time(self, until: float | None) -> None:
        if until is None and not self._limit_us:
            return
        # Not `settimeout`: Python would ask the kernel not to wait, and would get big blobs in small pieces.
        limit_us = min(_microseconds_left(until), _TURN_US)
        if limit_us != self._limit_us:
            timeval = _TIMEVAL.pack(*divmod(limit_us, 1_000_000))
            self._sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, timeval)
            self._limit_us = limit_us


def widen(sock: socket.socket) -> None:
    """Gives a connection the room for big tensors."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SOCKET_BUFFER_BYTES)


def unpack_table(data: bytes, count: int, body_bytes: int) -> tuple[Sequence[int], Sequence[int]]:
    """Reads the tags and the lengths of a table.

    Args:
        data: begins with the table.
        count: the header's number of entries.
        body_bytes: the header's length of the body.

    Raises:
        FrameError: the lengths are not those of a body so long.
    """
    table = struct.unpack_from(f"<{2 * count}q", data)
    tags, lengths = table[0::2], table[1::2]
    if min(lengths, default=0) < 0 or sum(lengths) != body_bytes:
        raise FrameError("the table does not describe the body")
    return tags, lengths


def _slices(data: bytes, begin: int, lengths: Sequence[int]) -> list[bytes]:
    ends = accumulate(lengths, initial=begin)
    return [data[first:last] for first, last in pairwise(ends)]


_KINDS = {int(kind): kind for kind in Kind}


def _check_bounds(count: int, body_bytes: int) -> None:
    if count > MAX_ENTRIES or body_bytes > MAX_BODY_BYTES:
        raise FrameError(f"{count:,} entries and {body_bytes:,} bytes are more than a frame may have")


def _microseconds_left(until: float | None) -> int:
    """Gives how long to wait as the kernel takes it: zero is for ever."""
    if until is None:
        return 0
    left = until - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return max(int(left * 1_000_000), 1)
