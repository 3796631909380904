"""Batch files: what is to be computed many times, checked as a whole before any of it is sent.

    batch = load_batch(path)                   # reads everything once; raises BatchError with every fault
    for job in batch.jobs():                   # reads it again, a piece at a time; in the file's order
        request = job.request(f"{batch_id}.{job.index}", begun, {BATCH_LABEL: batch_id})

`docs/batch-files.md` says what may be in a file.
"""

from pullback.cli.batch.families import BatchJob
from pullback.cli.batch.faults import BatchError, Fault
from pullback.cli.batch.loading import Batch, load_batch

__all__ = ["Batch", "BatchError", "BatchJob", "Fault", "load_batch"]
