"""Page tokens and cursors: opaque to callers, valid at every gateway, and checked when they come back.

A token holds where a call stopped, and which filter of which tenant it belongs to. It is no secret and no permission:
what it names is looked for among the caller's own jobs only. The check sum is there so that a token that was cut, or
made up, is refused as such and not taken for a place.
"""

from __future__ import annotations

from base64 import b64decode, urlsafe_b64encode
from dataclasses import dataclass
from hashlib import blake2b
from struct import Struct, error
from typing import TYPE_CHECKING

from pullback.contract.errors import InvalidArgument
from pullback.contract.names import REQUEST_ID

if TYPE_CHECKING:
    from pullback.broker import Place

_SUM_BYTES = 4

#: Bytes of the digest of a filter and its tenant.
SCOPE_BYTES = 8

# Kinds of tokens. A number is never used twice: a form that changes gets another.
_PAGE, _CURSOR = 1, 2

_NUMBER = Struct("<Q")
_LENGTH = Struct("<H")
_CURSOR_HEAD = Struct("<QQIB")

# What a cursor tells of the look at all jobs that a watch begins with.
_LOOKED, _NOT_YET, _UP_TO = range(3)


@dataclass(frozen=True)
class Cursor:
    """How far a watch has come.

    Attributes:
        after: the entry of the stream of events up to which everything was given, as Redis names it.
        skip: how many changes of the next entry were given as well.
        looking: whether the look at all jobs, with which a watch begins, is still under way.
        place: up to which job it has come; None before the first.
        ahead: ids of jobs whose terminal state was given, though its change comes behind `after`.
    """

    after: str
    skip: int = 0
    looking: bool = False
    place: Place | None = None
    ahead: frozenset[str] = frozenset()


def page_token(place: Place, scope: bytes) -> str:
    """Writes the token of the page that follows a job."""
    return _seal(_PAGE, scope, _pack_place(place))


def read_page_token(token: str, scope: bytes) -> Place:
    """Reads a page token.

    Raises:
        InvalidArgument: it is none, or belongs to another filter.
    """
    body = _Reader(_open(_PAGE, scope, token, "page_token"), "page_token")
    place = body.place()
    body.end()
    return place


def cursor_text(cursor: Cursor, scope: bytes) -> str:
    """Writes a cursor."""
    how_far = _LOOKED if not cursor.looking else _UP_TO if cursor.place else _NOT_YET
    milliseconds, _, number = cursor.after.partition("-")
    body = _CURSOR_HEAD.pack(int(milliseconds), int(number), cursor.skip, how_far)
    if how_far == _UP_TO and cursor.place:
        body += _pack_place(cursor.place)
    body += b"".join(map(_pack_id, sorted(cursor.ahead)))
    return _seal(_CURSOR, scope, body)


def read_cursor(text: str, scope: bytes) -> Cursor:
    """Reads a cursor.

    Raises:
        InvalidArgument: it is none, or belongs to another filter.
    """
    body = _Reader(_open(_CURSOR, scope, text, "cursor"), "cursor")
    milliseconds, number, skip, how_far = body.unpack(_CURSOR_HEAD)
    place = body.place() if how_far == _UP_TO else None
    ahead = []
    while body.more():
        ahead.append(body.job_id())
    return Cursor(f"{milliseconds}-{number}", skip, how_far != _LOOKED, place, frozenset(ahead))


def _pack_id(job_id: str) -> bytes:
    data = job_id.encode()
    return _LENGTH.pack(len(data)) + data


def _pack_place(place: Place) -> bytes:
    sequence, job_id = place
    return _NUMBER.pack(sequence) + _pack_id(job_id)


def _seal(kind: int, scope: bytes, body: bytes) -> str:
    data = bytes([kind]) + scope + body
    return urlsafe_b64encode(_sum(data) + data).decode().rstrip("=")


def _open(kind: int, scope: bytes, token: str, field: str) -> bytes:
    try:
        data = b64decode(token + "=" * (-len(token) % 4), altchars="-_", validate=True)
    except ValueError:
        data = b""
    rest = data[_SUM_BYTES:]
    if not rest or data[:_SUM_BYTES] != _sum(rest) or rest[0] != kind:
        raise _refusal(field)
    if rest[1 : 1 + SCOPE_BYTES] != scope:
        raise InvalidArgument(
            "belongs to another filter; begin anew without it, or send the same filter", field=field
        )
    return rest[1 + SCOPE_BYTES :]


def _sum(data: bytes) -> bytes:
    return blake2b(data, digest_size=_SUM_BYTES, person=b"pullback token").digest()


def _refusal(field: str) -> InvalidArgument:
    return InvalidArgument("is none that this service gave out; begin anew without it", field=field)


class _Reader:
    """Reads what is packed; what does not fit is refused, for a check sum is quickly made."""

    def __init__(self, data: bytes, field: str) -> None:
        self._data = data
        self._field = field
        self._at = 0

    def more(self) -> bool:
        return self._at < len(self._data)

    def end(self) -> None:
        if self.more():
            raise _refusal(self._field)

    def unpack(self, form: Struct) -> tuple[int, ...]:
        try:
            values = form.unpack_from(self._data, self._at)
        except error:
            raise _refusal(self._field) from None
        self._at += form.size
        return values

    def job_id(self) -> str:
        (length,) = self.unpack(_LENGTH)
        data = self._data[self._at : self._at + length]
        self._at += length
        try:
            job_id = data.decode("ascii")
        except UnicodeDecodeError:
            raise _refusal(self._field) from None
        if len(data) < length or not REQUEST_ID.fullmatch(job_id):
            raise _refusal(self._field)
        return job_id

    def place(self) -> Place:
        (sequence,) = self.unpack(_NUMBER)
        return sequence, self.job_id()
