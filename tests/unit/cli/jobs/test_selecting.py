from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import typer

from pullback.cli.jobs import options
from pullback.cli.jobs.selecting import Selection, checked_batch_id, new_batch_id
from pullback.client.jobs import words


def test_what_is_said_becomes_conditions() -> None:
    """Ids, labels, batch, states and times are all heeded."""
    selection = Selection(
        ("a", "b"),
        "night-1",
        ("kind=x=y",),
        ("failed",),
        since="2030-01-31T18:00:00Z",
        until="2030-02-01T01:00+01:00",
    )
    assert selection.required() == {
        "names": ("a", "b"),
        "labels": {"kind": "x=y", "pullback/batch": "night-1"},
        "states": ("failed",),
        "created_from": datetime(2030, 1, 31, 18, tzinfo=UTC),
        "created_before": datetime(2030, 2, 1, tzinfo=UTC),
    }


def test_a_span_is_counted_back_from_now() -> None:
    """1h30m means ninety minutes ago."""
    before = datetime.now(UTC)
    found = Selection(since="1h30m").conditions()["created_from"]
    assert before - timedelta(minutes=90) <= found <= datetime.now(UTC) - timedelta(minutes=90)


def test_a_time_without_zone_is_the_users() -> None:
    """What a clock on the wall says is meant, and is sent with its zone."""
    found = Selection(until="2030-01-31T18:00").conditions()["created_before"]
    assert found == datetime(2030, 1, 31, 18).astimezone()


@pytest.mark.parametrize("text", ["", ".a", "a b", "a:1", "é", "a" * 64, "a/b", "a\n"])
def test_a_batch_id_fits_a_label_and_job_ids(text: str) -> None:
    """What could not be a label's value, or would be read as something else in a job's id, is refused."""
    with pytest.raises(typer.BadParameter, match="is no batch id"):
        checked_batch_id(text)


@pytest.mark.parametrize("stem", ["sweep", "-", "größer als 3!", "x" * 99, ""])
def test_an_id_is_made_of_any_file_name(stem: str) -> None:
    """A made id is a good one, and tells the file and the time."""
    made = new_batch_id(stem, datetime(2030, 1, 31, 18, 5, tzinfo=UTC), "a1b2")
    assert checked_batch_id(made) == made
    assert made.endswith("-20300131-180500-a1b2")


def test_states_are_the_sdks() -> None:
    """The command repeats the words in order to start quickly; the two are the same."""
    assert tuple(words.STATES) == options.STATES
