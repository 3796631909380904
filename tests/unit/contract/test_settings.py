from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field, ValidationError

from pullback.contract.settings import Listen, RedisUrl, explain, host_and_port


class _Model(BaseModel):
    redis_url: RedisUrl = "redis://127.0.0.1:6379/0"
    listen: Listen = "127.0.0.1:50051"
    slots: int = Field(1, gt=0)
    home: int = Field(1, validation_alias="XDG_DATA_HOME")


def _explained(**values: object) -> str:
    with pytest.raises(ValidationError) as caught:
        _Model.model_validate(values)
    return explain(caught.value)


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("localhost:50051", "localhost", 50_051),
        ("0.0.0.0:0", "0.0.0.0", 0),  # noqa: S104 - nothing listens here
        ("[::1]:65535", "[::1]", 65_535),
    ],
)
def test_an_address_is_a_host_and_a_port(text: str, host: str, port: int) -> None:
    """An IPv6 host keeps its brackets."""
    assert host_and_port(text) == (host, port)
    assert _Model(listen=text).listen == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "localhost",
        ":50051",
        "localhost:",
        "localhost:http",
        "localhost:65536",
        "localhost:-1",
        "localhost:\u0665",
        "::1:50051",
        "http://localhost:50051",
        "dns:///localhost:50051",
        "local host:1",
    ],
)
def test_what_is_no_address_is_told_how_to_write_one(text: str) -> None:
    """The variable is named, and an example given."""
    assert _explained(listen=text).startswith("PULLBACK_LISTEN: write host:port, such as ")


@pytest.mark.parametrize("scheme", ["redis", "rediss", "unix"])
def test_a_redis_url_begins_with_a_scheme_of_redis(scheme: str) -> None:
    """The three that the client knows are taken as they are."""
    url = f"{scheme}://user:p%40ss@redis.example:6379/1"
    assert _Model(redis_url=url).redis_url == url


@pytest.mark.parametrize("scheme", ["redis+sentinel", "rediss+sentinel"])
def test_a_redis_url_may_name_sentinels(scheme: str) -> None:
    """Several places and the name of the Redis make such a URL; what is missing is said, and nothing is quoted."""
    url = f"{scheme}://user:p%40ss@one.example,two.example:26380/mymaster/1?sentinel_password=x"
    assert _Model(redis_url=url).redis_url == url
    explained = _explained(redis_url=f"{scheme}://:secret@one.example:1,two.example:2")
    assert explained.startswith("PULLBACK_REDIS_URL: write the name that the Sentinels know Redis by")
    assert "secret" not in explained


# "password" is a word of the explanation itself, and hypothesis reads the code for words to try.
@given(st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=9))
def test_a_password_is_never_repeated(secret: str) -> None:
    """Whatever is wrong with a URL, the explanation does not quote it."""
    for url in (
        f"http://:{secret}@host",
        f"{secret}",
        f"redis://:a{secret}/{secret}@host",
        f"redis+sentinel://:{secret}:{secret}",
    ):
        explained = _explained(redis_url=url)
        assert explained.startswith("PULLBACK_REDIS_URL: ")
        assert secret not in explained.removeprefix("PULLBACK_REDIS_URL: ")


def test_each_fault_is_one_line_with_its_variable() -> None:
    """A variable of ours gets its prefix, another's is named as it is; no page of pydantic's is named."""
    lines = _explained(slots=0, listen="x", XDG_DATA_HOME="y").splitlines()
    assert [line.partition(": ")[0] for line in lines] == [
        "PULLBACK_LISTEN",
        "PULLBACK_SLOTS",
        "XDG_DATA_HOME",
    ]
    assert lines[1] == "PULLBACK_SLOTS: Input should be greater than 0"
    assert not any("://" in line or "Value error" in line for line in lines)
