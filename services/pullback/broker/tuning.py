"""Times and sizes that the broker's two sides must agree on."""

from __future__ import annotations

#: How often a worker slot says that it is alive, in seconds.
BEAT_SECONDS = 1.0

#: A drain that has been silent for this long is dead, and its jobs go back to the lane. In ms; some beats may get lost.
DRAIN_LIFE_MS = 4_000

#: How long a worker's heart waits for an answer, in seconds: where it waits in vain, its drain has to beat again before
#: it counts as dead. Redis ends what blocks by its own clock: where that is set back, a wait of a second has no end.
HEART_PATIENCE_SECONDS = 2.5

#: A worker slot that has been silent for this long no longer serves its device. In ms; longer than a worker takes to
#: restart, so that a crash does not turn callers away.
SLOT_LIFE_MS = 15_000

#: How long a wake-up may take until it counts as lost, in ms.
WAKE_LIFE_MS = 3_000

#: How often the sweeper looks, in seconds, and how long its lock outlives it, in ms.
SWEEP_SECONDS = 1.0
SWEEPER_LOCK_MS = 3_000

#: How often a job may lose its worker, the last time included.
MOST_ATTEMPTS = 5

#: Most jobs and bytes in one entry of a lane. What shares an entry is queued, taken and let go by one command each; a
#: drain takes entries whole, so that more would keep work from other drains.
ENTRY_JOBS = 16
ENTRY_BYTES = 65_536

#: Evaluations up to this many bytes travel in the lane; longer ones wait in the job record until a drain is at them.
INLINE_EVALUATION_BYTES = 65_536

#: Outcomes up to this many bytes travel in the gateway's channel; longer ones are fetched from the job record.
INLINE_OUTCOME_BYTES = 65_536
