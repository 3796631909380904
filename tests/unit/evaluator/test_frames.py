from __future__ import annotations

import socket
import struct
import threading
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pullback.evaluator import frames
from pullback.evaluator.frames import FrameError, Kind, Reader, pack

if TYPE_CHECKING:
    from collections.abc import Iterator

    from typing_extensions import Buffer

KINDS = st.sampled_from(Kind)
TAGS = st.integers(-(2**63), 2**63 - 1)
ENTRIES = st.lists(st.tuples(TAGS, st.lists(st.binary(max_size=40), max_size=3).map(tuple)), max_size=20)

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    """Two ends of a connection."""
    near, far = socket.socketpair()
    with near, far:
        yield near, far


def read_bytes(data: bytes) -> frames.Frame | None:
    """Reads what a peer would send that then hangs up."""
    near, far = socket.socketpair()
    with near:
        with far:
            far.sendall(data)
        return Reader(near).read()


@given(kind=KINDS, entries=ENTRIES)
def test_a_frame_is_read_as_it_was_written(kind: Kind, entries: list[tuple[int, tuple[bytes, ...]]]) -> None:
    """Kind, tags and the joined pieces of each blob arrive unchanged."""
    frame = read_bytes(b"".join(pack(kind, entries)))
    assert frame is not None
    assert frame.kind == kind
    assert list(zip(frame.tags, frame.blobs, strict=True)) == [(tag, b"".join(blob)) for tag, blob in entries]


@given(entries=ENTRIES, data=st.data())
def test_a_frame_cut_short_is_refused(
    entries: list[tuple[int, tuple[bytes, ...]]], data: st.DataObject
) -> None:
    """Wherever the peer hangs up within a frame, the reader says so."""
    whole = b"".join(pack(Kind.BATCH, entries))
    cut = data.draw(st.integers(1, len(whole) - 1))
    with pytest.raises(FrameError, match="hung up"):
        read_bytes(whole[:cut])


@given(noise=st.binary(min_size=1, max_size=200))
def test_noise_is_a_frame_or_refused(noise: bytes) -> None:
    """Any bytes are refused by `FrameError`, or read within their own length."""
    try:
        frame = read_bytes(noise)
    except FrameError:
        return
    assert frame is not None
    assert sum(map(len, frame.blobs)) < len(noise)


def header(kind: int, count: int, body_bytes: int) -> bytes:
    """Lays out a header by the description of the format, not by the code."""
    return struct.pack("<BIQ", kind, count, body_bytes)


def test_the_layout_is_the_documented_one() -> None:
    """A frame's bytes are header, table and body as the module describes them."""
    expected = header(2, 2, 3) + struct.pack("<4q", 7, 1, -8, 2) + b"abc"
    assert b"".join(pack(Kind.BATCH, [(7, (b"a",)), (-8, (b"b", b"c"))])) == expected


@pytest.mark.parametrize(
    "malformed",
    [
        header(0, 0, 0),
        header(9, 0, 0),
        header(2, frames.MAX_ENTRIES + 1, 0),
        header(2, 1, frames.MAX_BODY_BYTES + 1),
        header(2, 1, 2**64 - 1),
        header(2, 0, 3) + b"abc",
        header(2, 1, 3) + struct.pack("<2q", 0, 2) + b"abc",
        header(2, 1, 3) + struct.pack("<2q", 0, 4) + b"abc",
        header(2, 2, 3) + struct.pack("<4q", 0, -1, 0, 4) + b"abc",
        header(2, 2, 3) + struct.pack("<4q", 0, 2**63 - 1, 0, -(2**63) + 4) + b"abc",
    ],
)
def test_a_malformed_frame_is_refused(malformed: bytes) -> None:
    """Unknown kinds, sizes out of bounds and tables that do not describe the body are errors."""
    with pytest.raises(FrameError):
        read_bytes(malformed)


def test_a_frame_that_would_be_too_big_is_not_written() -> None:
    """More entries than a reader accepts are refused by the writer."""
    with pytest.raises(FrameError, match="more than a frame may have"):
        pack(Kind.BATCH, [(0, ())] * (frames.MAX_ENTRIES + 1))


def test_the_end_between_frames_is_no_error(pair: Pair) -> None:
    """A peer that hangs up after a whole frame ends the reading quietly."""
    near, far = pair
    frames.send(far, pack(Kind.BATCH, [(1, (b"x",))]))
    far.close()
    reader = Reader(near)
    assert reader.read() is not None
    assert reader.read() is None


def test_big_blobs_arrive_whole(pair: Pair) -> None:
    """Blobs far beyond the socket's buffer arrive unchanged, small ones between them too."""
    near, far = pair
    blobs = [bytes([number]) * size for number, size in enumerate((3_000_000, 5, 0, 70_000, 2_000_000))]
    frame = pack(Kind.OUTCOMES, [(0, (blob,)) for blob in blobs])
    sender = threading.Thread(target=frames.send, args=(far, frame))
    sender.start()
    received = Reader(near).read()
    sender.join()
    assert received is not None
    assert received.blobs == blobs


@pytest.mark.parametrize("blob", [b"", b"small", bytes(200_000)])
def test_a_sender_sends_nothing_after_the_last_byte(pair: Pair, blob: bytes) -> None:
    """A peer that has the whole frame may hang up, and its sender does not mind."""
    near, far = pair

    class Far(socket.socket):
        def sendall(self, data: Buffer, flags: int = 0) -> None:
            assert len(memoryview(data)) > 0
            super().sendall(data, flags)

    frames.widen(far)
    with Far(fileno=far.detach()) as watched:
        frames.send(watched, pack(Kind.BATCH, [(0, (blob,)), (0, (b"",))]))
    received = Reader(near).read()
    assert received is not None
    assert received.blobs == [blob, b""]


def test_reading_gives_up_in_time(pair: Pair) -> None:
    """A silent peer, or one that stops within a frame, makes a limited read end with TimeoutError."""
    near, far = pair
    reader = Reader(near)
    with pytest.raises(TimeoutError):
        reader.read(time.monotonic() + 0.01)
    far.sendall(header(2, 1, 10))
    with pytest.raises(TimeoutError):
        reader.read(time.monotonic() + 0.01)
    with pytest.raises(TimeoutError):
        reader.read(time.monotonic() - 1)


def test_a_limited_read_does_not_limit_the_next(pair: Pair) -> None:
    """A read without a limit waits, whatever the limit of the one before."""
    near, far = pair
    reader = Reader(near)
    frames.send(far, pack(Kind.BATCH, []))
    reader.read(time.monotonic() + 0.001)
    waiting = threading.Thread(target=reader.read)
    waiting.start()
    waiting.join(0.05)
    assert waiting.is_alive()
    frames.send(far, pack(Kind.BATCH, []))
    waiting.join()


@pytest.mark.parametrize(
    "sizes", [(300, 300, 5, 300), (5, 200_000, 5), (300, 2_000_000, 0, 300), (300, 0, 0, 0, 1)]
)
def test_frames_that_are_there_at_once_are_read_one_by_one(pair: Pair, sizes: tuple[int, ...]) -> None:
    """What comes with a frame is the begin of the next one, whatever lengths the reader expected."""
    near, far = pair
    sent = [bytes([number]) * size for number, size in enumerate(sizes)]
    data = b"".join(piece for blob in sent for piece in pack(Kind.BATCH, [(7, (blob,))]))
    sender = threading.Thread(target=far.sendall, args=(data,))
    sender.start()
    reader = Reader(near)
    for blob in sent:
        received = reader.read()
        assert received is not None
        assert received == (Kind.BATCH, (7,), [blob])
    sender.join()
    assert not reader.is_ahead


def test_a_reader_knows_that_it_is_ahead(pair: Pair) -> None:
    """Bytes of a next frame that were received with the last one are told of, for the socket is empty."""
    near, far = pair
    reader = Reader(near)
    frames.send(far, pack(Kind.BATCH, [(0, (bytes(100),))]))
    assert reader.read() is not None
    frames.send(far, pack(Kind.BATCH, [(0, (bytes(50),))]) + pack(Kind.EPITAPH, [(3, ())]))
    assert reader.read() is not None
    assert reader.is_ahead
    assert reader.read() == (Kind.EPITAPH, (3,), [b""])
