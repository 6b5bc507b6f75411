"""Bulk API 2.0: the jobs of an org and how they advance by its clock. May not know HTTP (`bulk_calls`).

The key `bulk_jobs` of a world: {"jobs": [...], "queue_seconds": 0.1, "chunk_seconds": 0.1, "batches_used": 0,
"queries_used": 0, "next_failure": null}. jobs: as saved, with their rows and results; queue_seconds: how long a job
waits until it is begun; chunk_seconds: how long each 10,000 rows take; next_failure: the errorMessage with which the
next job fails that is begun; the others count towards the limits of a rolling day. A job that nobody asks for 7 days is
gone.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from typing import Any, ClassVar

from concord_sandbox.parts import Part
from concord_sandbox.salesforce.bulk.csv import BadContent
from concord_sandbox.salesforce.bulk.ingest import IngestJob, Loading
from concord_sandbox.salesforce.bulk.query import QueryJob
from concord_sandbox.salesforce.ids import new_id
from concord_sandbox.salesforce.models import Org
from concord_sandbox.salesforce.usage import Usage
from concord_sandbox.salesforce.values import read_time, wire_time
from concord_sandbox.salesforce.writes import Step, Writer

Job = IngestJob | QueryJob
#: Rows that are processed at a time, each lot a batch that counts (api/salesforce.md section 8).
CHUNK = 10_000
#: Batches and query jobs of a rolling day.
DAILY_BATCHES, DAILY_QUERIES = 15_000, 10_000
ENDED = ("JobComplete", "Failed", "Aborted")
STATES = ("Open", "UploadComplete", "InProgress", *ENDED)
#: Jobs that have ended and are still known, and characters that they may hold together, each cell of a query's rows
#: taken for so many.
_MOST_ENDED, _MOST_HELD, _CELL = 2_000, 400_000_000, 16
_LIFE = timedelta(days=7).total_seconds()
_QUOTA = "ExceededQuota : ApiBatchItems Limit exceeded."


class BulkJobs(Part[Org]):
    """All bulk jobs of an org, oldest first."""

    section = "bulk_jobs"
    verbs: ClassVar = {"POST bulk/pace": "set_pace", "POST bulk/fail": "fail_one", "GET bulk/jobs": "listed"}

    def __init__(self, owner: Org, given: Any) -> None:
        super().__init__(owner, given)
        known = dict(given or {})
        now = owner.controls.clock.epoch_ms()
        self.batches = Usage(DAILY_BATCHES, int(known.pop("batches_used", 0)), now)
        self.queries = Usage(DAILY_QUERIES, int(known.pop("queries_used", 0)), now)
        self._queue_seconds = float(known.pop("queue_seconds", 0.1))
        self._chunk_seconds = float(known.pop("chunk_seconds", 0.1))
        failure = known.pop("next_failure", None)
        #: Message for the next job that is begun.
        self._failure: str | None = None if failure is None else str(failure)
        self._jobs: dict[str, Job] = {}
        self._numbers = 0
        for one in known.pop("jobs", []):
            job = _made(one)
            if (
                not isinstance(job.due, int | float | None)
                or job.state not in STATES
                or owner.table(job.object) is None
            ):
                raise ValueError(f"bulk job {job.id}: state {job.state!r}, due {job.due!r}, object {job.object!r}")
            self._jobs[job.id] = job
            self._numbers += 1
        if known:
            raise ValueError(f"bulk_jobs has no key {', '.join(sorted(known))}")
        self._loadings: dict[str, Loading] = {}
        #: Unix seconds: no job is forgotten before then.
        self._look_at = 0.0

    def save(self) -> Any:
        """None as long as there was no job: the world stays as it was."""
        now = self.owner.controls.clock.epoch_ms()
        if not self._jobs and not self.batches.used(now) and not self.queries.used(now) and self._failure is None:
            return None
        return {
            "jobs": [_saved(job) for job in self._jobs.values()],
            "queue_seconds": self._queue_seconds,
            "chunk_seconds": self._chunk_seconds,
            "batches_used": self.batches.used(now),
            "queries_used": self.queries.used(now),
            **({} if self._failure is None else {"next_failure": self._failure}),
        }

    # Jobs

    def fresh_id(self) -> str:
        while True:
            self._numbers += 1
            made = new_id("750", self._numbers)
            if made not in self._jobs:
                return made

    def add(self, job: Job) -> None:
        """Take in a new job; one that is UploadComplete begins when it is due. The jobs that ended first are forgotten
        when there are too many, or when they hold too much."""
        ended = [one for one in self._jobs.values() if one.state in ENDED]
        held = sum(map(_size, ended))
        while len(ended) >= _MOST_ENDED or held > _MOST_HELD:
            oldest = ended.pop(0)
            held -= _size(oldest)
            self.drop(oldest)
        self._jobs[job.id] = job
        if job.state == "UploadComplete":
            self.queue(job)

    def queue(self, job: Job) -> None:
        """All data of the job is there: it waits to be begun."""
        self._move(job, "UploadComplete")
        job.due = self._now() + self._queue_seconds
        self.owner.controls.ring()

    def of_kind(self, kind: type[Job]) -> list[Job]:
        """Jobs of that kind as they are by the clock, newest first."""
        self.tick()
        return [job for job in reversed(self._jobs.values()) if isinstance(job, kind)]

    def find(self, record_id: str | None) -> Job | None:
        """The job of that 18-character id as it is by the clock."""
        self.tick()
        return self._jobs.get(record_id or "")

    def abort(self, job: Job) -> None:
        self._end(job, "Aborted")

    def drop(self, job: Job) -> None:
        del self._jobs[job.id]
        self._loadings.pop(job.id, None)

    # The clock

    def tick(self) -> float | None:
        """Take each job that is due one step further: begin it, or process one lot of its rows."""
        now = self._now()
        for job in list(self._jobs.values()):
            if job.due is not None and job.due <= now:
                if job.state == "UploadComplete":
                    self._begin(job)
                if job.state == "InProgress" and job.due is not None and job.due <= now:
                    self._advance(job)
        if now > self._look_at:
            self._forget_old(now)
        waits = [job.due - now for job in self._jobs.values() if job.due is not None]
        return max(0.0, min(waits)) if waits else None

    def _forget_old(self, now: float) -> None:
        ends = {job.id: _seconds(job.stamp) + _LIFE for job in self._jobs.values() if job.state in ENDED}
        for job_id, end in ends.items():
            if end < now:
                self.drop(self._jobs[job_id])
        # A job that ends from now on is forgotten later than this.
        self._look_at = min((end for end in ends.values() if end >= now), default=now + _LIFE)

    def _begin(self, job: Job) -> None:
        job.due = (job.due or 0.0) + self._chunk_seconds
        self._move(job, "InProgress")
        message, self._failure = self._failure, None
        if message is not None:
            self._end(job, "Failed", message)
        elif isinstance(job, IngestJob):
            self._loading(job)

    def _loading(self, job: IngestJob) -> Loading | None:
        """What loads the job's rows; None when its content does not fit: it has failed then."""
        try:
            made = self._loadings[job.id] = Loading(job, self.owner, self._writer())
        except BadContent as trouble:
            self._end(job, "Failed", str(trouble))
            return None
        return made

    def _advance(self, job: Job) -> None:
        job.processing_ms += int(self._chunk_seconds * 1000)
        if isinstance(job, QueryJob):
            self._end(job, "JobComplete")
            return
        # None: it was saved in the middle of its work and loaded again.
        loading = self._loadings.get(job.id) or self._loading(job)
        if loading is None:
            return
        if not loading.finished and not self.batches.spend(self.owner.controls.clock.epoch_ms()):
            self._end(job, "Failed", _QUOTA)
            return
        loading.load(CHUNK)
        if loading.finished:
            self._end(job, "JobComplete")
        else:
            job.due = (job.due or 0.0) + self._chunk_seconds

    def _end(self, job: Job, state: str, error: str | None = None) -> None:
        self._move(job, state)
        job.due, job.error = None, error
        self._loadings.pop(job.id, None)
        if isinstance(job, IngestJob):
            job.forget_lines()

    def _move(self, job: Job, state: str) -> None:
        job.state, job.stamp = state, wire_time(self.owner.controls.clock.now())

    def _writer(self) -> Writer:
        steps = tuple(part for part in self.owner.parts.all() if isinstance(part, Step))
        return Writer(self.owner, self.owner.controls, steps)

    def _now(self) -> float:
        return self.owner.controls.clock.now().timestamp()

    # Control verbs

    def set_pace(self, asked: dict[str, Any]) -> dict[str, Any]:
        """{"queue_seconds"?, "chunk_seconds"?}: how long a job waits, and how long each 10,000 rows take."""
        self._queue_seconds = float(asked.get("queue_seconds", self._queue_seconds))
        self._chunk_seconds = float(asked.get("chunk_seconds", self._chunk_seconds))
        return {"queue_seconds": self._queue_seconds, "chunk_seconds": self._chunk_seconds}

    def fail_one(self, asked: dict[str, Any]) -> dict[str, Any]:
        """{"message"?, "job"?: id}: that job, or else the next one that is begun, fails with that errorMessage."""
        message = str(asked.get("message", "InternalServerError : The job was made to fail"))
        if asked.get("job") is None:
            self._failure = message
            return {"job": None}
        job = self._jobs[asked["job"]]
        if job.state in ENDED:
            raise ValueError(f"job {job.id} has ended: {job.state}")
        self._end(job, "Failed", message)
        return {"job": job.id}

    def listed(self, _: dict[str, Any]) -> dict[str, Any]:
        """All jobs, of either kind."""
        self.tick()
        return {"jobs": [job.shown(whole=True) for job in self._jobs.values()]}


def _size(job: Job) -> int:
    """About how many characters a job holds."""
    return len(job.content or "") if isinstance(job, IngestJob) else len(job) * len(job.columns) * _CELL


def _seconds(stamp: str) -> float:
    return read_time(stamp).timestamp()


def _saved(job: Job) -> dict[str, Any]:
    if isinstance(job, IngestJob):
        made = asdict(job)
        del made["_read"]
        return {"kind": "ingest", **made}
    kept = {name: value for name, value in vars(job).items() if name != "found"}
    return {"kind": "query", **kept, "cells": job.lines(0, len(job))}


def _made(given: dict[str, Any]) -> Job:
    """A job from what was saved of it. Raises TypeError, KeyError, ValueError."""
    _seconds(given["stamp"])
    kind, rest = given["kind"], {name: value for name, value in given.items() if name != "kind"}
    if kind == "query":
        return QueryJob(**rest)
    rest["succeeded"] = [(int(n), str(one), bool(new)) for n, one, new in rest.get("succeeded", [])]
    rest["failed"] = [(int(n), str(one), str(error)) for n, one, error in rest.get("failed", [])]
    return IngestJob(**rest)
