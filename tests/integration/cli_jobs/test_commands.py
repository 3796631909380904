from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from tests.integration.cli_jobs.conftest import BATCH, request
from tests.unit.cli.results.samples import READERS, ids_in_lines

from pullback.cli.exits import FAILED, UNREACHED
from pullback.cli.results.lines import LinesFile
from pullback.client import evaluation, job
from pullback.v1.evaluation_pb2 import Result

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.cli_jobs.conftest import Pullback
    from tests.job_stand_in.service import JobServer

    from pullback.client import Client

USAGE = 2


def _submitted(client: Client, count: int, *, failing: int = 0) -> None:
    requests = [request(index, program="fail" if index < failing else "echo") for index in range(count)]
    assert len(list(client.jobs.submit_many(requests))) == count


def test_a_list_has_the_newest_first(client: Client, server: JobServer, pullback: Pullback) -> None:
    """The table has a line for each job with its state; what failed says why."""
    _submitted(client, 3, failing=1)
    server.service.store.finish("jobs/night-1.0")
    lines = pullback("jobs", "list", "--batch-id", BATCH).stdout.splitlines()
    assert [line.split()[:2] for line in lines[1:]] == [
        ["night-1.2", "QUEUED"],
        ["night-1.1", "QUEUED"],
        ["night-1.0", "FAILED"],
    ]
    assert "no such name `fail`" in lines[3]
    short = pullback("jobs", "list", "--most", "2")
    assert len(short.stdout.splitlines()) == 3
    assert short.stderr == "these are the newest 2, and there are more; --most 0 lists all\n"
    assert (pullback("jobs", "list", "--most", "3").stderr, pullback("jobs", "list").stderr) == ("", "")


def test_a_list_can_be_read_by_programs(client: Client, pullback: Pullback) -> None:
    """With --json there is an object for each job that the filter lets through."""
    _submitted(client, 2)
    client.jobs.submit("echo", job_id="other", labels={"kind": "a"})
    rows = [
        json.loads(line)
        for line in pullback("jobs", "list", "--label", "kind=a", "--json").stdout.splitlines()
    ]
    assert [(row["id"], row["state"], row["labels"]) for row in rows] == [("other", "QUEUED", {"kind": "a"})]
    assert pullback("jobs", "list", "--state", "running").stdout.splitlines()[1:] == []
    assert len(pullback("jobs", "list", "--since", "1h", "night-1.1").stdout.splitlines()) == 2
    assert len(pullback("jobs", "list", "--until", "1h").stdout.splitlines()) == 1


def test_a_job_is_shown_with_its_result(client: Client, server: JobServer, pullback: Pullback) -> None:
    """The page has state, attempts, labels, the program where asked for, and the values."""
    client.jobs.submit(evaluation("echo", a=3.0), job_id="mine", labels={"kind": "b"})
    server.service.store.finish("jobs/mine")
    shown = pullback("jobs", "get", "mine", "--program")
    assert shown.exit_code == 0
    for part in (
        "SUCCEEDED",
        "kind=b",
        "1: stand-in from",
        "finished",
        "    echo",
        "value",
        "a  float32[]  3.",
    ):
        assert part in shown.stdout
    (row,) = map(json.loads, pullback("jobs", "get", "mine", "--json").stdout.splitlines())
    assert row["values"] == {"a": 3.0}
    assert [attempt["end"] for attempt in row["attempts"]] == ["finished"]


def test_getting_tells_by_its_status_what_came_of_a_job(
    client: Client, server: JobServer, pullback: Pullback
) -> None:
    """A job that failed, waits or is not there makes the status 1."""
    _submitted(client, 1, failing=1)
    assert pullback("jobs", "get", "night-1.0").exit_code == FAILED
    server.service.store.finish_all()
    failed = pullback("jobs", "get", "night-1.0")
    assert failed.exit_code == FAILED
    assert "no such name `fail`" in failed.stdout
    missing = pullback("jobs", "get", "nope")
    assert missing.exit_code == FAILED
    assert missing.stderr == "pullback: there is no job nope, or its time to live has ended\n"


def test_watching_ends_when_all_are_done(client: Client, server: JobServer, pullback: Pullback) -> None:
    """The last counts are printed, and as JSON on standard output; the status is 0 where all succeeded."""
    _submitted(client, 3)
    server.service.store.finish_all()
    watched = pullback("jobs", "watch", "--batch-id", BATCH, "--json")
    assert watched.exit_code == 0
    assert "3 jobs: 3 succeeded" in watched.stderr
    assert json.loads(watched.stdout)["succeeded"] == 3


def test_watching_tells_what_failed_and_why(client: Client, server: JobServer, pullback: Pullback) -> None:
    """Each failure has a line, and the end counts them by reason."""
    _submitted(client, 3, failing=2)
    server.service.store.finish_all()
    watched = pullback("jobs", "watch", "--batch-id", BATCH)
    assert watched.exit_code == FAILED
    assert "night-1.1: failed: program: line 1, column 1: no such name `fail`" in watched.stderr
    assert "3 jobs: 1 succeeded, 2 failed (2 INVALID_PROGRAM)" in watched.stderr


def test_watching_nothing_fails(pullback: Pullback) -> None:
    """A batch id that was mistyped is not taken for a batch that is done."""
    watched = pullback("jobs", "watch", "--batch-id", "nope")
    assert (watched.exit_code, watched.stderr.splitlines()[-1]) == (FAILED, "there are no such jobs")


@pytest.mark.parametrize("suffix", READERS)
def test_results_are_exported_as_they_are_at_the_moment(
    suffix: str, client: Client, server: JobServer, pullback: Pullback, tmp_path: Path
) -> None:
    """What is done is written; exported again, the file has what was done since, and no row twice."""
    _submitted(client, 3)
    server.service.store.finish("jobs/night-1.1")
    path = tmp_path / f"r{suffix}"
    first = pullback("jobs", "export", "--batch-id", BATCH, "-o", str(path))
    assert (first.exit_code, READERS[suffix](path)) == (FAILED, ["night-1.1"])
    assert "3 jobs: 2 queued, 1 succeeded" in first.stderr
    server.service.store.finish_all()
    assert pullback("jobs", "export", "--batch-id", BATCH, "-o", str(path)).exit_code == 0
    assert sorted(READERS[suffix](path)) == ["night-1.0", "night-1.1", "night-1.2"]


def test_an_export_can_wait(client: Client, server: JobServer, pullback: Pullback) -> None:
    """With --wait and - for a file, rows come as jobs finish, though the watch breaks off in between."""
    _submitted(client, 3)
    server.service.store.finish_all()
    server.service.breaks.extend([0, 0])
    exported = pullback("jobs", "export", "--batch-id", BATCH, "-o", "-", "--wait", "--progress", "none")
    assert exported.exit_code == 0
    assert [json.loads(line)["values"] for line in exported.stdout.splitlines()] == [
        {"x": 0.0},
        {"x": 1.0},
        {"x": 2.0},
    ]


def test_jobs_are_cancelled(client: Client, server: JobServer, pullback: Pullback) -> None:
    """Those that are done stay as they are, and ids that are not there are told."""
    _submitted(client, 3)
    server.service.store.finish("jobs/night-1.0")
    assert pullback("jobs", "cancel", "--batch-id", BATCH).stdout == "cancelled 2\n"
    cancelled = pullback("jobs", "cancel", "night-1.0", "nope")
    assert (cancelled.exit_code, cancelled.stdout) == (FAILED, "cancelled 0\n")
    assert "no job nope" in cancelled.stderr
    assert client.jobs.get("night-1.0").state == "succeeded"


def test_jobs_are_deleted(client: Client, pullback: Pullback) -> None:
    """Every job that the filter lets through is gone afterwards."""
    _submitted(client, 40)
    client.jobs.submit("echo", job_id="other")
    assert pullback("jobs", "delete", "--batch-id", BATCH).stdout == "deleted 40\n"
    assert [found.id for found in client.jobs.list()] == ["other"]


def test_what_failed_is_tried_again_under_its_row(
    client: Client, server: JobServer, pullback: Pullback, tmp_path: Path
) -> None:
    """The new try counts in the place of the old one, in counts and in files; retrying again makes no third."""
    _submitted(client, 3, failing=1)
    server.service.store.finish_all()
    path = tmp_path / "r.jsonl"
    pullback("jobs", "export", "--batch-id", BATCH, "-o", str(path))
    assert pullback("jobs", "retry", "--batch-id", BATCH).stdout == "night-1.0:2\n"
    assert pullback("jobs", "retry", "--batch-id", BATCH, "--state", "failed").stdout == ""
    server.service.store.compute = lambda _: Result()
    server.service.store.finish_all()
    exported = pullback("jobs", "export", "--batch-id", BATCH, "-o", str(path))
    assert exported.exit_code == 0
    assert "3 jobs: 3 succeeded" in exported.stderr
    assert sorted(ids_in_lines(path)) == ["night-1.0:2", "night-1.1", "night-1.2"]


def test_a_job_of_no_batch_is_tried_again(client: Client, server: JobServer, pullback: Pullback) -> None:
    """It gets an id of the service's, and the same one when it is asked for again."""
    client.jobs.submit("fail", job_id="mine")
    server.service.store.finish_all()
    (made,) = pullback("jobs", "retry", "mine").stdout.split()
    assert client.jobs.get(made).state == "queued"
    assert pullback("jobs", "retry", "mine").stdout.split() == [made]
    under_way = pullback("jobs", "retry", made)
    assert (under_way.stdout, under_way.stderr) == ("", "nothing to try again\n")


@pytest.mark.parametrize("command", ["watch", "cancel", "delete", "retry"])
def test_all_jobs_are_never_meant_by_saying_nothing(command: str, client: Client, pullback: Pullback) -> None:
    """Without a condition the command is refused, and nothing happens."""
    client.jobs.submit(job(evaluation("echo"), job_id="mine"))
    refused = pullback("jobs", command)
    assert refused.exit_code == USAGE
    assert "say which jobs" in refused.stderr
    assert ("--state" in refused.stderr) == (command != "watch")
    assert client.jobs.get("mine").state == "queued"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["list", "--state", "lost"], "'lost' is none of queued, running"),
        (["list", "--label", "night"], "'night' is not KEY=VALUE"),
        (["list", "--since", "yesterday"], "'yesterday' is neither a time"),
        (["list", "--batch-id", "a b"], "'a b' is no batch id"),
        (["export", "--batch-id", "a", "-o", "r.csv"], "r.csv: results are written to .jsonl"),
        (["export", "--state", "failed", "-o", "r.npz", "--wait"], "--state does not go with waiting"),
    ],
)
def test_wrong_words_are_refused(words: list[str], message: str, pullback: Pullback) -> None:
    """A message says what was found and what was expected, with the status of wrong usage."""
    refused = pullback("jobs", *words)
    assert refused.exit_code == USAGE
    assert message in " ".join(refused.stderr.replace("│", " ").split())


def test_without_a_service_the_status_says_so(server: JobServer, pullback: Pullback) -> None:
    """A script can tell that nothing was reached from jobs that failed."""
    server.stop()
    listed = pullback("jobs", "list")
    assert (listed.exit_code, "no service answers" in listed.stderr) == (UNREACHED, True)
    watched = pullback("jobs", "watch", "--batch-id", "a", "--retry-for", "0")
    assert watched.exit_code == UNREACHED
    assert "to go on: pullback" in watched.stderr
    server.start()


def test_a_file_that_another_process_writes_has_a_status_of_its_own(
    client: Client, pullback: Pullback, tmp_path: Path
) -> None:
    """The status says that results were not written."""
    client.jobs.submit("echo", job_id="mine")
    path = tmp_path / "r.jsonl"
    held = LinesFile(path)
    refused = pullback("jobs", "export", "mine", "-o", str(path))
    assert refused.exit_code == 4
    assert "r.jsonl: another process is writing it" in refused.stderr
    held.close()
    missing = pullback("jobs", "export", "mine", "-o", str(tmp_path / "no" / "r.jsonl"))
    assert (missing.exit_code, "No such file or directory" in missing.stderr) == (4, True)
