"""Jobs as text: a table of many, a page of one, or lines for programs."""

from __future__ import annotations

import json
from io import StringIO
from itertools import islice
from typing import TYPE_CHECKING, Any

from google.protobuf.json_format import MessageToDict
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pullback.cli.evaluating import RETRY_FOR
from pullback.cli.jobs.waiting import say
from pullback.cli.rendering import as_text
from pullback.cli.results import error_of, line_of, record_of, short_id
from pullback.client import Client, JobNotFound

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from pullback.cli.jobs.selecting import Selection
    from pullback.client import Attempt, Job

# Columns of a table that is printed; errors are cut to what is left.
_WIDTH = 160


def list_jobs(selection: Selection, address: str, *, most: int, as_json: bool) -> Iterator[str]:
    """Gives the lines of a list, newest job first.

    Raises:
        typer.BadParameter: the selection is not written as it should be.
        PullbackError: the service could not be reached.
    """
    conditions = selection.conditions()
    with Client(address, retry_for=RETRY_FOR) as client:
        found = client.jobs.list(**conditions)
        jobs = islice(found, most or None)
        if as_json:
            yield from map(_json_line, jobs)
        else:
            yield _table(jobs)
        if most and next(found, None) is not None:
            say(f"these are the newest {most:,}, and there are more; --most 0 lists all")


def _json_line(job: Job) -> str:
    return json.dumps(_facts(job), ensure_ascii=False) + "\n"


def _facts(job: Job) -> dict[str, Any]:
    """Gives what is known of a job in any state."""
    message = job.message
    return {
        "id": job.id,
        "state": job.state.upper(),
        "labels": dict(sorted(job.labels.items())),
        "error": error_of(message.error) if message.HasField("error") else None,
        "priority": job.priority,
        "attempts": [_attempt_facts(attempt) for attempt in job.attempts],
        "created": _moment(job.create_time),
        "queued": _moment(job.queue_time),
        "started": _moment(job.start_time),
        "finished": _moment(job.finish_time),
        "expires": _moment(job.expire_time),
        "deadline": _moment(job.deadline_time),
        "not_before": _moment(job.not_before_time),
        "max_attempts": job.max_attempts,
        "reuse": job.reuse or None,
        "reused_from": short_id(job.reused_from) or None,
        "tenant": job.tenant,
    }


def _attempt_facts(attempt: Attempt) -> dict[str, Any]:
    return {
        "number": attempt.number,
        "worker": attempt.worker,
        "started": _moment(attempt.start_time),
        "ended": _moment(attempt.end_time),
        "end": attempt.end or None,
    }


def _moment(time: datetime | None) -> str | None:
    return None if time is None else time.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _table(jobs: Iterable[Job]) -> str:
    table = Table("id", "state", "attempts", "created", "took", "error", box=None, pad_edge=False)
    for job in jobs:
        error = job.error
        table.add_row(
            Text(job.id),
            job.state.upper(),
            str(len(job.attempts)),
            _moment(job.create_time),
            _took(job),
            Text(str(error).partition("\n")[0] if error else "", overflow="ellipsis", no_wrap=True),
        )
    return _printed(table)


def _took(job: Job) -> str:
    if job.start_time is None or job.finish_time is None:
        return ""
    return f"{(job.finish_time - job.start_time).total_seconds():.3f} s"


def _printed(table: Table) -> str:
    stream = StringIO()
    Console(file=stream, width=_WIDTH, color_system=None).print(table)
    return "".join(f"{line.rstrip()}\n" for line in stream.getvalue().splitlines())


def get_jobs(
    ids: Iterable[str], address: str, *, as_json: bool, program: bool
) -> tuple[list[str], list[str], bool]:
    """Gives each job as text, the ids of those that are not there, and whether the others succeeded.

    Args:
        ids: of the jobs.
        address: of the service.
        as_json: True for a line of JSON for each: a row as result files have it where the job is done.
        program: whether the program is shown, too.

    Raises:
        PullbackError: the service could not be reached.
    """
    texts: list[str] = []
    missing: list[str] = []
    succeeded = True
    with Client(address, retry_for=RETRY_FOR) as client:
        for job_id in ids:
            try:
                job = client.jobs.get(job_id, view="full" if program else "result")
            except JobNotFound:
                missing.append(job_id)
            else:
                succeeded &= job.state == "succeeded"
                texts.append(_whole_line(job) if as_json else _page(job))
    return texts, missing, succeeded


def _whole_line(job: Job) -> str:
    row = json.loads(line_of(record_of(job.message))) if job.done else {}
    facts = {**row, **_facts(job)}
    if job.evaluation is not None:
        facts["evaluation"] = MessageToDict(job.evaluation, preserving_proto_field_name=True)
    return json.dumps(facts, ensure_ascii=False) + "\n"


def _page(job: Job) -> str:
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    shown = _facts(job) | {
        "labels": "  ".join(f"{name}={text}" for name, text in sorted(job.labels.items())),
        "error": job.error and str(job.error),
        "attempts": "\n".join(map(_attempt_text, job.attempts)),
    }
    for key, value in shown.items():
        if value:
            table.add_row(key, Text(str(value)))
    text = _printed(table)
    if job.evaluation is not None:
        text += "program\n" + "".join(f"    {line}\n" for line in job.evaluation.program.splitlines())
    return text + (as_text(job.evaluated) if job.evaluated is not None else "")


def _attempt_text(attempt: Attempt) -> str:
    end = f"{attempt.end} {_moment(attempt.end_time)}" if attempt.end else "running"
    return f"{attempt.number}: {attempt.worker} from {_moment(attempt.start_time)}, {end}"
