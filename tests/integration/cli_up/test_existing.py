from __future__ import annotations

import re
import socket
from urllib.parse import urlsplit

import pytest

from pullback.cli.up.existing import ensure_answers
from pullback.contract.errors import QueueUnavailable


def test_a_redis_that_answers_is_taken(redis_url: str) -> None:
    """Nothing is said of a Redis that works."""
    ensure_answers(redis_url)


@pytest.mark.parametrize("password", ["", ":wrong@"])
def test_a_wrong_password_is_said_to_be_one(redis_url: str, password: str) -> None:
    """The message names the place and the variable, and no password."""
    parts = urlsplit(redis_url)
    place = f"{parts.hostname}:{parts.port}"
    with pytest.raises(QueueUnavailable) as caught:
        ensure_answers(f"redis://{password}{place}/0")
    assert caught.value.message == (
        f"the Redis at redis://{place}/0 does not accept the user and password of PULLBACK_REDIS_URL"
    )


def test_a_place_where_nobody_answers_is_named() -> None:
    """A port without a server is refused at once, and its URL told without the password."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        place = f"127.0.0.1:{server.getsockname()[1]}"
    with pytest.raises(
        QueueUnavailable, match=re.escape(f"no Redis answers at redis://{place}/0, ")
    ) as caught:
        ensure_answers(f"redis://:secret@{place}/0")
    assert "secret" not in str(caught.value)
