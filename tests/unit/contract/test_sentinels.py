from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pullback.contract.sentinels import Sentinels, sentinels

WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc", "Z"]), min_size=1, max_size=20)
NAMES = st.from_regex(r"[a-z][a-z0-9.-]{0,10}", fullmatch=True)
HOSTS = NAMES | st.ip_addresses(v=4).map(str) | st.ip_addresses(v=6).map("[{}]".format)
PORTS = st.integers(1, 65_535)


def test_a_whole_url_is_read_part_by_part() -> None:
    """Every part that may be given is where it belongs."""
    url = (
        "rediss+sentinel://user:p%40ss%2F@one,two:26380,[::1]:1,[fe80::2]/the%20name/3"
        "?sentinel_username=su&sentinel_password=s%26p&ssl_ca_certs=/etc/ca.pem"
    )
    assert sentinels(url) == Sentinels(
        places=(("one", 26_379), ("two", 26_380), ("::1", 1), ("fe80::2", 26_379)),
        name="the name",
        database=3,
        username="user",
        password="p@ss/",  # noqa: S106 - an example
        sentinel_username="su",
        sentinel_password="s&p",  # noqa: S106 - an example
        tls=True,
        ca_certs="/etc/ca.pem",
    )


def test_only_the_places_and_the_name_are_needed() -> None:
    """What is left out is the usual: port 26379, the first database, no password, no TLS."""
    assert sentinels("redis+sentinel://one/m") == Sentinels(
        (("one", 26_379),), "m", 0, "", "", "", "", tls=False, ca_certs=""
    )


@pytest.mark.parametrize(
    "url", ["redis://h", "rediss://h:1/2", "unix:///run/redis.sock", "sentinel://h/m", ""]
)
def test_other_urls_name_no_sentinels(url: str) -> None:
    """They are left to those who read them."""
    assert sentinels(url) is None


@pytest.mark.parametrize(
    ("rest", "advice"),
    [
        ("one", "write the name"),
        ("one/", "write the name"),
        ("one//0", "write the name"),
        ("one/m/first", "as a number"),
        ("one/m/-1", "as a number"),
        ("one/m/0/1", "as a number"),
        ("one/m?db=1", "behind ? only"),
        (":1/m", "host or host:port"),
        ("/m", "host or host:port"),
        ("one:/m", "host or host:port"),
        ("one:0/m", "host or host:port"),
        ("one:65536/m", "host or host:port"),
        ("one:x/m", "host or host:port"),
        ("one,,two/m", "host or host:port"),
        ("one,two,/m", "host or host:port"),
        ("::1/m", "host or host:port"),
        ("[one/m", "host or host:port"),
        ("one]:1/m", "host or host:port"),
        ("one two/m", "host or host:port"),
        ("[[::1]]/m", "host or host:port"),
        ("[]/m", "host or host:port"),
        ("user:p#w@one/m", "write / as %2F, # as %23"),
    ],
)
def test_a_wrong_part_is_told_how_to_write_it(rest: str, advice: str) -> None:
    """The message is about the part that is wrong."""
    with pytest.raises(ValueError, match=r"^[^']*$") as caught:
        sentinels(f"redis+sentinel://{rest}")
    assert advice in str(caught.value)


@given(st.lists(st.tuples(HOSTS, PORTS), min_size=1, max_size=5), WORDS, WORDS, WORDS, st.integers(0, 15))
def test_what_was_quoted_is_read_back(
    places: list[tuple[str, int]], user: str, password: str, name: str, database: int
) -> None:
    """Any user, password and name survive the way through a URL."""
    hosts = ",".join(f"{host}:{port}" for host, port in places)
    user_, password_, name_ = (quote(word, safe="") for word in (user, password, name))
    read = sentinels(
        f"redis+sentinel://{user_}:{password_}@{hosts}/{name_}/{database}?sentinel_password={password_}"
    )
    assert read is not None
    assert read.places == tuple((host.strip("[]"), port) for host, port in places)
    assert (read.username, read.password, read.name, read.database) == (user, password, name, database)
    assert read.sentinel_password == password
