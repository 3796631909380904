from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest
from tests.integration.cli_jobs.conftest import BATCH, request
from tests.integration.cli_jobs.running import PATIENCE, Running
from tests.unit.cli.results.samples import READERS, ids_in_lines

if TYPE_CHECKING:
    from pathlib import Path

    from tests.job_stand_in.service import JobServer

    from pullback.client import Client

WATCH = ("jobs", "watch", "--batch-id", BATCH, "--every", "0.1")


@pytest.fixture
def submitted(client: Client, server: JobServer) -> None:
    """Three jobs, of which one is done."""
    list(client.jobs.submit_many(map(request, range(3))))
    server.service.store.finish("jobs/night-1.0")


@pytest.mark.usefixtures("submitted")
def test_without_a_terminal_progress_is_lines(server: JobServer) -> None:
    """A log gets counts, rate and time left, and the end."""
    with Running(WATCH, server.address) as running:
        running.wait_for(r"1 of 3 done: 2 queued, 1 succeeded; \S+, \S+ left\n")
        server.service.store.take("jobs/night-1.1")
        running.wait_for("1 of 3 done: 1 queued, 1 running, 1 succeeded")
        server.service.store.finish_all()
        assert running.end() == (0, "")
    assert running.text.endswith("3 of 3 done: 3 succeeded\n3 jobs: 3 succeeded\n")
    assert "\x1b" not in running.text


@pytest.mark.usefixtures("submitted")
def test_a_job_that_goes_before_it_is_fetched_is_told(server: JobServer) -> None:
    """A job that is deleted while it is waited for does not keep the command for ever."""
    with Running(WATCH, server.address) as running:
        running.wait_for("1 of 3 done")
        server.service.store.delete("jobs/night-1.1")
        running.wait_for("night-1.1: gone: it was deleted")
        server.service.store.finish_all()
        assert running.end() == (1, "")
    assert "3 jobs: 2 succeeded, 1 gone (1 GONE)" in running.text


@pytest.mark.usefixtures("submitted")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_without_a_terminal_a_signal_leaves_the_jobs(
    number: signal.Signals, server: JobServer, client: Client, tmp_path: Path
) -> None:
    """The status is the shell's for the signal, the message says how to go on, and rows that came are in the file."""
    path = tmp_path / "r.jsonl"
    words = ["jobs", "export", "--wait", "--batch-id", BATCH, "-o", str(path), "--every", "0.1"]
    with Running(words, server.address) as running:
        running.wait_for("1 of 3 done")
        running.process.send_signal(number)
        assert running.end()[0] == 128 + number
    assert f"the jobs go on\nto go on: pullback {' '.join(words)}\n" in running.text
    assert ids_in_lines(path) == ["night-1.0"]
    assert [job.state for job in client.jobs.list()] == ["queued", "queued", "succeeded"]


@pytest.mark.usefixtures("submitted")
def test_ctrl_c_asks_and_can_be_taken_back(server: JobServer) -> None:
    """On a terminal the view makes room for the question, and comes back when nothing is to be done."""
    with Running(WATCH, server.address, terminal=True) as running:
        running.wait_for("1 of 3")
        running.process.send_signal(signal.SIGINT)
        running.wait_for(r"\[l\]eave the jobs running, \[c\]ancel them, or go on \[w\]atching\? ")
        running.type("x\n")
        running.wait_for(r"\[w\]atching\? ")
        running.type("w\n")
        server.service.store.finish_all()
        assert running.end() == (0, "")
    assert "3 jobs: 3 succeeded" in running.text


@pytest.mark.usefixtures("submitted")
@pytest.mark.parametrize("answer", ["l\n", "\x04", "ctrl-c"])
def test_ctrl_c_can_leave_the_jobs(answer: str, server: JobServer, client: Client) -> None:
    """With l, at the end of the input, or with a second Ctrl-C, the jobs go on without the command."""
    with Running(WATCH, server.address, terminal=True) as running:
        running.wait_for("1 of 3")
        running.process.send_signal(signal.SIGINT)
        running.wait_for(r"\[w\]atching\? ")
        if answer == "ctrl-c":
            running.process.send_signal(signal.SIGINT)
        else:
            running.type(answer)
        assert running.end()[0] == 130
    assert "the jobs go on" in running.text
    assert "to go on: pullback jobs watch --batch-id night-1" in running.text
    assert [job.state for job in client.jobs.list()] == ["queued", "queued", "succeeded"]


@pytest.mark.usefixtures("submitted")
def test_ctrl_c_can_cancel_the_jobs(server: JobServer, client: Client, tmp_path: Path) -> None:
    """With c, what is not done is cancelled, and its rows are written before the command ends."""
    path = tmp_path / "r.jsonl"
    words = ["jobs", "export", "--wait", "--batch-id", BATCH, "-o", str(path)]
    with Running(words, server.address, terminal=True) as running:
        running.wait_for("1 of 3")
        running.process.send_signal(signal.SIGINT)
        running.wait_for(r"\[w\]atching\? ")
        running.type("c\n")
        assert running.end()[0] == 130
    assert "cancelled 2 jobs" in running.text
    assert [job.state for job in client.jobs.list()] == ["cancelled", "cancelled", "succeeded"]
    assert sorted(ids_in_lines(path)) == ["night-1.0", "night-1.1", "night-1.2"]


@pytest.mark.usefixtures("submitted")
@pytest.mark.parametrize("suffix", [".jsonl", ".npz"])
def test_a_file_that_cannot_grow_loses_no_row(
    suffix: str, server: JobServer, client: Client, tmp_path: Path
) -> None:
    """Where there is no room for results, the status says so, no part of a row is left, and there is a way to go on."""
    list(client.jobs.submit_many(map(request, range(3, 600))))
    server.service.store.finish_all()
    path = tmp_path / f"r{suffix}"
    words = ["jobs", "export", "--wait", "--batch-id", BATCH, "-o", str(path)]
    with Running(words, server.address, most_blocks=400) as running:
        assert running.end()[0] == 4
    assert (
        "pullback: the results cannot be written: [Errno 27] File too large. The jobs go on" in running.text
    )
    assert "to go on: pullback jobs export" in running.text
    if suffix == ".jsonl":
        assert path.read_bytes()[-2:] in {b"", b"}\n"}
    with Running(words, server.address) as running:
        assert running.end()[0] == 0
    assert sorted(READERS[suffix](path)) == sorted(f"{BATCH}.{index}" for index in range(600))


@pytest.mark.usefixtures("submitted")
def test_a_reader_that_has_enough_ends_it_quietly(server: JobServer) -> None:
    """Results that go down a pipe, as to head, end with it; nothing is said, and no traceback is shown."""
    server.service.store.finish_all()
    with Running(
        ["jobs", "export", "--wait", "--batch-id", BATCH, "-o", "-", "--progress", "none"], server.address
    ) as running:
        assert running.process.stdout is not None
        running.process.stdout.close()
        assert running.process.wait(PATIENCE) == 1
        assert running.rest() == ""
