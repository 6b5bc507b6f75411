"""Answers of `/jobs/ingest` and `/jobs/query` (api/salesforce.md section 8)."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable
from email import message_from_bytes
from typing import Any

from concord_sandbox.salesforce.bulk import ingest as bulk_ingest
from concord_sandbox.salesforce.bulk import query as bulk_query
from concord_sandbox.salesforce.bulk.csv import DELIMITERS, LINE_ENDINGS
from concord_sandbox.salesforce.bulk.ingest import IngestJob
from concord_sandbox.salesforce.bulk.jobs import ENDED, BulkJobs, Job
from concord_sandbox.salesforce.bulk.query import QueryJob
from concord_sandbox.salesforce.calls import Answer, Api, Call, Resources
from concord_sandbox.salesforce.errors import Fail, Refusal, bad_json, not_found
from concord_sandbox.salesforce.ids import full_id
from concord_sandbox.salesforce.values import wire_time

#: Bytes of one upload, and characters of one that comes with the creation of its job.
_LARGEST, _LARGEST_PART = 150 * 1024 * 1024, 100_000
_PAGE, _JOBS_PAGE = 50_000, 1000
_CSV = "text/csv"
_INGEST_KEYS = frozenset(
    (
        "object",
        "operation",
        "externalIdFieldName",
        "contentType",
        "lineEnding",
        "columnDelimiter",
        "assignmentRuleId",
        "concurrencyMode",
        "id",
        "state",
    )
)
_QUERY_KEYS = frozenset(("operation", "query", "contentType", "lineEnding", "columnDelimiter", "id", "state"))


def _jobs(api: Api) -> BulkJobs:
    return api.org.parts.of(BulkJobs)


def _ingest(api: Api, given: str) -> IngestJob:
    found = _jobs(api).find(full_id(given))
    if not isinstance(found, IngestJob):
        raise not_found()
    return found


def _query(api: Api, given: str) -> QueryJob:
    found = _jobs(api).find(full_id(given))
    if not isinstance(found, QueryJob):
        raise not_found()
    return found


def _bad_job(words: str) -> Refusal:
    return Refusal(400, Fail("INVALIDJOB", f"InvalidJob : {words}"))


def _bad_state(words: str) -> Refusal:
    return Refusal(400, Fail("INVALIDJOBSTATE", f"InvalidJobState : {words}"))


# What a job is told


def _told(body: dict[str, Any], allowed: frozenset[str]) -> dict[str, str]:
    """The body of a creation, all texts. Raises Refusal."""
    for key, value in body.items():
        if key not in allowed:
            raise bad_json(f'Unrecognized field "{key}" at [line:1, column:1]')
        if value is not None and not isinstance(value, str):
            raise bad_json(f'Cannot deserialize value of "{key}" from {json.dumps(value)[:40]} at [line:1, column:1]')
    return {key: value for key, value in body.items() if value is not None}


def _choice(told: dict[str, str], key: str, values: tuple[str, ...], default: str | None = None) -> str:
    given = told.get(key, default)
    if given is None:
        raise _bad_job(f"Must specify {key}")
    if given not in values:
        listed = ", ".join(values)
        raise bad_json(f"Value '{given}' of {key} is not one of the values accepted: [{listed}] at [line:1, column:1]")
    return given


def _format(told: dict[str, str]) -> dict[str, Any]:
    _choice(told, "contentType", ("CSV",), "CSV")
    return {
        "delimiter": _choice(told, "columnDelimiter", tuple(DELIMITERS), "COMMA"),
        "line_ending": _choice(told, "lineEnding", tuple(LINE_ENDINGS), "LF"),
    }


def _base(api: Api, call: Call) -> dict[str, Any]:
    now = wire_time(api.controls.clock.now())
    return {
        "id": _jobs(api).fresh_id(),
        "created_by": call.user_id or api.org.identity.integration_user_id,
        "created": now,
        "stamp": now,
        "api_version": call.version.removeprefix("v"),
    }


# Ingest


def create_ingest(api: Api, call: Call) -> Answer:
    body, content = _multipart(call) if call.raw is not None else (call.object_body(), None)
    told = _told(body, _INGEST_KEYS)
    name, operation = told.get("object"), _choice(told, "operation", bulk_ingest.OPERATIONS)
    if name is None:
        raise _bad_job("Must specify object")
    table = api.org.visible(name)
    if table is None or not table.kind.writable:
        raise Refusal(400, Fail("INVALIDENTITY", f"InvalidEntity : Entity '{name}' is not supported by the Bulk API."))
    key = told.get("externalIdFieldName")
    if operation == "upsert":
        if key is None:
            raise _bad_job("External ID was blank for upsert operation")
        field = table.kind.visible(key)
        if field is None or not (field.indexed_key or field.name == "Id"):
            raise _bad_job(f"Field name not found : {key}")
        key = field.name
    elif key is not None:
        raise _bad_job("External ID can only be specified for upsert operations")
    rule = told.get("assignmentRuleId")
    if rule is not None and full_id(rule) is None:
        raise _bad_job(f"Invalid assignment rule ID: {rule}")
    job = IngestJob(
        object=table.kind.name,
        operation=operation,
        external_id_field=key,
        assignment_rule=full_id(rule) if rule else None,
        client=api.actor(call).client,
        **_base(api, call),
        **_format(told),
    )
    if content is not None:
        job.take(content)
        job.state = "UploadComplete"
    _jobs(api).add(job)
    return Answer(200, job.shown(whole=False))


def _multipart(call: Call) -> tuple[dict[str, Any], bytes]:
    """Job and content of a creation that carries both. Raises Refusal."""
    kind = call.headers.get("content-type", "")
    if not kind.startswith("multipart/form-data"):
        raise Refusal(415, Fail("UNSUPPORTED_MEDIA_TYPE", f"Content type {kind} is not supported: send JSON"))
    message = message_from_bytes(
        b"Content-Type: " + kind.encode("latin-1", "replace") + b"\r\n\r\n" + (call.raw or b"")
    )
    parts: dict[str, bytes] = {}
    for part in message.get_payload() if message.is_multipart() else ():
        name, payload = part.get_param("name", header="content-disposition"), part.get_payload(decode=True)  # type: ignore[union-attr]
        if isinstance(name, str) and isinstance(payload, bytes):
            parts[name] = payload
    if "job" not in parts or "content" not in parts:
        raise _bad_job("A multipart request needs the parts job and content")
    if len(parts["content"]) > _LARGEST_PART:
        raise _bad_job(f"The content of a multipart request cannot have more than {_LARGEST_PART} characters")
    try:
        body = json.loads(parts["job"])
    except (ValueError, RecursionError) as error:
        raise bad_json(f"{error} at [line:1, column:1]") from None
    if not isinstance(body, dict):
        raise bad_json("The part job has to be a JSON object")
    return body, parts["content"]


def upload(api: Api, call: Call, job_id: str) -> Answer:
    job = _ingest(api, job_id)
    if call.raw is None or not call.headers.get("content-type", _CSV).startswith(_CSV):
        words = f"Content type {call.headers.get('content-type')} is not supported: send {_CSV}"
        raise Refusal(415, Fail("UNSUPPORTED_MEDIA_TYPE", words))
    if job.state != "Open":
        raise _bad_state(f"Job state is {job.state}: data can be uploaded to an Open job only")
    if job.content is not None:
        words = f"Found multiple contents for job: <{job.id}>, please 'Close' / 'Abort' / 'Delete' the current Job "
        raise Refusal(
            400,
            Fail(
                "CLIENTINPUTERROR",
                f"ClientInputError : {words}then create a new Job and make sure you only do 'PUT' once on a given Job.",
            ),
        )
    if len(call.raw) > _LARGEST:
        raise Refusal(413, Fail("REQUEST_ENTITY_TOO_LARGE", f"The content has more than {_LARGEST} bytes"))
    job.take(call.raw)
    return Answer(201)


def change_ingest(api: Api, call: Call, job_id: str) -> Answer:
    job = _ingest(api, job_id)
    state = _choice(_told(call.object_body(), _INGEST_KEYS), "state", ("UploadComplete", "Aborted"))
    if state == "Aborted":
        return _aborted(api, job)
    if job.state != "Open":
        raise _bad_state(f"Job state is {job.state}: only an Open job can be closed")
    _jobs(api).queue(job)
    return Answer(200, job.shown(whole=False))


def _aborted(api: Api, job: Job) -> Answer:
    if job.state in ENDED:
        raise _bad_state("Aborting already Completed Job not allowed")
    _jobs(api).abort(job)
    return Answer(200, job.shown(whole=False))


def read_ingest(api: Api, _: Call, job_id: str) -> Answer:
    return Answer(200, _ingest(api, job_id).shown(whole=True))


def delete_ingest(api: Api, _: Call, job_id: str) -> Answer:
    return _deleted(api, _ingest(api, job_id))


def _deleted(api: Api, job: Job) -> Answer:
    if job.state not in (*ENDED, "UploadComplete"):
        raise _bad_state(f"Job state is {job.state}: abort it before it is deleted")
    _jobs(api).drop(job)
    return Answer(204)


def list_ingest(api: Api, call: Call) -> Answer:
    return _listed(api, call, IngestJob)


def successful(api: Api, _: Call, job_id: str) -> Answer:
    return _result(_ingest(api, job_id), IngestJob.successful)


def failed(api: Api, _: Call, job_id: str) -> Answer:
    return _result(_ingest(api, job_id), IngestJob.refused)


def unprocessed(api: Api, _: Call, job_id: str) -> Answer:
    return _result(_ingest(api, job_id), IngestJob.unprocessed)


def _result(job: IngestJob, make: Callable[[IngestJob], bytes]) -> Answer:
    if job.state not in ENDED:
        raise _bad_state(f"Job state is {job.state}: results are there when it is {', '.join(ENDED)}")
    return Answer(200, make(job), {"Content-Type": _CSV})


# Query


def create_query(api: Api, call: Call) -> Answer:
    told = _told(call.object_body(), _QUERY_KEYS)
    operation, text = _choice(told, "operation", bulk_query.OPERATIONS), told.get("query")
    if text is None or not text.strip():
        raise _bad_job("Must specify query")
    form = _format(told)
    now, deleted = api.controls.clock.now(), operation == "queryAll"
    name, columns, found = bulk_query.asked(api.org, now, text, call.version, with_deleted=deleted)
    if not _jobs(api).queries.spend(api.controls.clock.epoch_ms()):
        most = _jobs(api).queries.limit
        words = f"Max bulk v2 query jobs ({most}) per 24 hrs has been reached ({most})"
        raise Refusal(400, Fail("LIMIT_EXCEEDED", words))
    job = QueryJob(
        operation=operation, query=text, object=name, columns=columns, found=found, **_base(api, call), **form
    )
    _jobs(api).add(job)
    return Answer(200, job.shown(whole=False))


def change_query(api: Api, call: Call, job_id: str) -> Answer:
    job = _query(api, job_id)
    _choice(_told(call.object_body(), _QUERY_KEYS), "state", ("Aborted",))
    return _aborted(api, job)


def read_query(api: Api, _: Call, job_id: str) -> Answer:
    return Answer(200, _query(api, job_id).shown(whole=True))


def delete_query(api: Api, _: Call, job_id: str) -> Answer:
    return _deleted(api, _query(api, job_id))


def list_query(api: Api, call: Call) -> Answer:
    return _listed(api, call, QueryJob)


def query_results(api: Api, call: Call, job_id: str) -> Answer:
    job = _query(api, job_id)
    if job.state != "JobComplete":
        raise _bad_state(f"Job state is {job.state}: results are there when it is JobComplete")
    given = call.query.get("maxRecords", str(_PAGE))
    if not given.isdecimal() or len(given) > 9 or int(given) < 1:
        raise Refusal(400, Fail("INVALID_ARGUMENT", f"maxRecords has to be a positive number: {given}"))
    start = _place(call.query.get("locator"))
    if start and start >= len(job):
        raise _bad_locator()
    stop = min(start + int(given), len(job))
    following = _locator(stop) if stop < len(job) else "null"
    headers = {"Sforce-Locator": following, "Sforce-NumberOfRecords": str(stop - start), "Content-Type": _CSV}
    return Answer(200, job.page(start, int(given)), headers)


def _locator(place: int) -> str:
    return base64.urlsafe_b64encode(str(place).encode()).decode().rstrip("=")


def _place(locator: str | None) -> int:
    if not locator:
        return 0
    try:
        text = base64.urlsafe_b64decode(locator + "=" * (-len(locator) % 4)).decode()
    except (binascii.Error, ValueError):
        raise _bad_locator() from None
    if not text.isdecimal() or len(text) > 12:
        raise _bad_locator()
    return int(text)


def _bad_locator() -> Refusal:
    return Refusal(400, Fail("INVALIDQUERYLOCATOR", "InvalidQueryLocator : The locator is not valid"))


# Lists


def _listed(api: Api, call: Call, kind: type[Job]) -> Answer:
    """Jobs of that kind, a thousand to a page, newest first."""
    if call.query.get("jobType", "All") not in ("All", "V2Ingest", "V2Query", "Classic", "BigObjectIngest"):
        raise Refusal(400, Fail("INVALID_ARGUMENT", f"jobType: {call.query['jobType']} is not a type of job"))
    jobs = _jobs(api).of_kind(kind)
    wanted = call.query.get("jobType", "All")
    own = "V2Ingest" if kind is IngestJob else "V2Query"
    jobs = jobs if wanted in ("All", own) else []
    start = _place(call.query.get("queryLocator"))
    stop = start + _JOBS_PAGE
    following = None
    if stop < len(jobs):
        following = f"/services/data/{call.version}/jobs/{call.segments[1]}?queryLocator={_locator(stop)}"
    shown = [_in_list(job) for job in jobs[start:stop]]
    return Answer(200, {"done": stop >= len(jobs), "nextRecordsUrl": following, "records": shown})


def _in_list(job: Job) -> dict[str, Any]:
    left_out = ("errorMessage", "numberRecordsProcessed", "numberRecordsFailed", "retries", "totalProcessingTime")
    more = ("apiActiveProcessingTime", "apexProcessingTime")
    return {key: value for key, value in job.shown(whole=True).items() if key not in left_out + more}


RESOURCES: Resources = (
    ("jobs/ingest", {"GET": list_ingest, "POST": create_ingest}),
    ("jobs/ingest/{job}", {"GET": read_ingest, "PATCH": change_ingest, "DELETE": delete_ingest}),
    ("jobs/ingest/{job}/batches", {"PUT": upload}),
    ("jobs/ingest/{job}/successfulResults", {"GET": successful}),
    ("jobs/ingest/{job}/failedResults", {"GET": failed}),
    ("jobs/ingest/{job}/unprocessedrecords", {"GET": unprocessed}),
    ("jobs/ingest/{job}/unprocessedRecords", {"GET": unprocessed}),
    ("jobs/query", {"GET": list_query, "POST": create_query}),
    ("jobs/query/{job}", {"GET": read_query, "PATCH": change_query, "DELETE": delete_query}),
    ("jobs/query/{job}/results", {"GET": query_results}),
)
