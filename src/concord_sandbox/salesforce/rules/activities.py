"""How tasks, events and e-mails behave (api/salesforce.md section 15)."""

from __future__ import annotations

from datetime import timedelta

from concord_sandbox.salesforce.ids import full_id
from concord_sandbox.salesforce.rules.rule import Rule, Write, amend, live_rows, missing, refusal
from concord_sandbox.salesforce.tables import Row
from concord_sandbox.salesforce.values import read_time, wire_date, wire_time

_LONGEST_EVENT = timedelta(days=14)
_DRAFT = "5"
#: What may change in an e-mail that is no draft, custom fields apart.
_CHANGEABLE = frozenset(("IsExternallyVisible", "ActivityId"))


class Activities(Rule):
    """What tasks and events have in common: whom they are with, what they are about, and when that one was active."""

    def before(self, write: Write) -> None:
        if not (write.creating or write.changed("WhoId", "WhatId")):
            return
        who, what = write.row.get("WhoId"), write.row.get("WhatId")
        if who and what and who.startswith("00Q"):
            raise refusal("FIELD_INTEGRITY_EXCEPTION", "WhatId is not allowed when WhoId is a lead", "WhatId")
        write.set("AccountId", _account_of(write))

    def after(self, write: Write) -> None:
        if write.creating:
            if (day := _counting_day(write.row)) is not None:
                for record_id in _subjects(write.row):
                    self._note(write, record_id, day)
        elif write.changed("WhoId", "WhatId", "ActivityDate", "IsClosed"):
            for record_id in {*_subjects(write.row), *_subjects(write.old or {})}:
                self._recount(write, record_id, None)

    def on_delete(self, write: Write) -> None:
        for record_id in _subjects(write.row):
            self._recount(write, record_id, write.row["Id"])

    def resettled(self, write: Write) -> None:
        for record_id in _subjects(write.row):
            self._recount(write, record_id, None)

    @staticmethod
    def _note(write: Write, record_id: str, day: str | None, *, later_only: bool = True) -> None:
        """The date shows on the record, but does not count as a change of it."""
        table = write.org.table_of(record_id)
        row = table.live(record_id) if table else None
        if table is None or row is None or table.kind.field("LastActivityDate") is None:
            return
        known = row.get("LastActivityDate")
        if known != day and not (later_only and known is not None and day is not None and known > day):
            amend(write, table, record_id, {"LastActivityDate": day}, stamp=False)

    def _recount(self, write: Write, record_id: str, without: str | None) -> None:
        days = [
            day
            for name in ("Task", "Event")
            for key in ("WhoId", "WhatId", "AccountId")
            for row in live_rows(write.org, name, key, record_id)
            if row["Id"] != without and (day := _counting_day(row)) is not None
        ]
        self._note(write, record_id, max(days, default=None), later_only=False)


def _subjects(row: Row) -> set[str]:
    return {row[name] for name in ("WhoId", "WhatId", "AccountId") if row.get(name)}


def _counting_day(row: Row) -> str | None:
    """The day that an activity counts for: every event's, a task's when it is closed."""
    if row["Id"].startswith("00T") and not row.get("IsClosed"):
        return None
    return row.get("ActivityDate")


def _account_of(write: Write) -> str | None:
    """The account of what it is about, or else of whom it is with."""
    what, who = write.row_of("WhatId"), write.row_of("WhoId")
    if what is not None and what["Id"].startswith("001"):
        return str(what["Id"])
    found = (what or {}).get("AccountId") or (who or {}).get("AccountId")
    return str(found) if found else None


class Tasks(Activities):
    """Closed as TaskStatus says."""

    def complete(self, write: Write) -> None:
        self.before(write)

    def before(self, write: Write) -> None:
        super().before(write)
        if write.creating:
            write.row.setdefault("TaskSubtype", "Task")
        if write.changed("Status"):
            closed = _mark(write, "TaskStatus", "Status", "IsClosed")
            write.set("IsClosed", closed)
            was = (write.old or {}).get("CompletedDateTime")
            write.set("CompletedDateTime", (was or write.writer.now()) if closed else None)
        if write.changed("Priority"):
            write.set("IsHighPriority", _mark(write, "TaskPriority", "Priority", "IsHighPriority"))


def _mark(write: Write, rows: str, name: str, mark: str) -> bool:
    row = next(live_rows(write.org, rows, "ApiName", write.row.get(name)), None)
    return bool(row and row.get(mark))


class Events(Activities):
    """Start, end and duration agree; all-day events last whole days."""

    def complete(self, write: Write) -> None:
        self.before(write)

    def before(self, write: Write) -> None:
        super().before(write)
        if write.creating:
            write.row.setdefault("EventSubtype", "Event")
        if write.row.get("IsAllDayEvent"):
            self._whole_days(write)
        else:
            self._timed(write)

    @staticmethod
    def _whole_days(write: Write) -> None:
        row = write.row
        started = row.get("StartDateTime") if write.changed("StartDateTime") else None
        day = (row.get("ActivityDate") if write.changed("ActivityDate") else None) or (started or "")[:10]
        day = day or row.get("ActivityDate")
        if not day:
            raise missing("ActivityDate")
        minutes = row.get("DurationInMinutes", 0) if write.changed("DurationInMinutes") else 0
        last = wire_date(row["EndDateTime"]) if write.changed("EndDateTime") and row.get("EndDateTime") else day
        start, end = read_time(f"{day}T00:00:00Z"), read_time(f"{last}T00:00:00Z")
        end = max(end, start + timedelta(days=max(0, -(-minutes // 1440) - 1)))
        _check_span(end - start)
        write.row.update(
            ActivityDate=day,
            StartDateTime=wire_time(start),
            EndDateTime=wire_time(end),
            EndDate=end.date().isoformat(),
            DurationInMinutes=1440 * ((end - start).days + 1),
        )
        row.pop("ActivityDateTime", None)

    @staticmethod
    def _timed(write: Write) -> None:
        row = write.row
        moved = [name for name in ("StartDateTime", "ActivityDateTime") if write.changed(name) and row.get(name)]
        if len({row[name] for name in moved}) > 1:
            words = "StartDateTime and ActivityDateTime must be the same"
            raise refusal("FIELD_INTEGRITY_EXCEPTION", words, "ActivityDateTime")
        begin = row[moved[0]] if moved else row.get("StartDateTime")
        if begin is None:
            raise missing("ActivityDateTime")
        start, minutes = read_time(begin), row.get("DurationInMinutes")
        ended, lasting = row.get("EndDateTime"), write.changed("DurationInMinutes")
        if ended is not None and write.changed("EndDateTime"):
            end = read_time(ended)
            if lasting and minutes is not None and end != start + timedelta(minutes=minutes):
                words = "DurationInMinutes does not agree with StartDateTime and EndDateTime"
                raise refusal("FIELD_INTEGRITY_EXCEPTION", words, "DurationInMinutes")
        elif minutes is not None:
            end = start + timedelta(minutes=minutes)
        else:
            raise missing("DurationInMinutes")
        _check_span(end - start)
        begin, day = wire_time(start), start.date().isoformat()
        row.update(StartDateTime=begin, ActivityDateTime=begin, ActivityDate=day, EndDateTime=wire_time(end))
        row.update(EndDate=end.date().isoformat(), DurationInMinutes=int((end - start).total_seconds() // 60))


def _check_span(span: timedelta) -> None:
    if span < timedelta():
        raise refusal("FIELD_INTEGRITY_EXCEPTION", "An event cannot end before it starts", "EndDateTime")
    if span > _LONGEST_EVENT:
        raise refusal("FIELD_INTEGRITY_EXCEPTION", "An event can't last longer than 14 days.", "EndDateTime")


class EmailMessages(Rule):
    """Nearly nothing of an e-mail changes once it is no draft; each has a task that logs it."""

    def before(self, write: Write) -> None:
        if write.creating:
            write.row.setdefault("Status", "0")
            write.row.setdefault("MessageDate", write.writer.now())
            return
        if write.old is None or write.old.get("Status") == _DRAFT:
            return
        for field in write.table.kind.fields.values():
            free = field.attributes["custom"] or field.name in _CHANGEABLE
            if not free and write.changed(field.name):
                words = "Only drafts can be edited: of other emails only IsExternallyVisible and custom fields"
                raise refusal("INSUFFICIENT_ACCESS_OR_READONLY", words, field.name)

    def after(self, write: Write) -> None:
        row = write.row
        if row.get("Status") == _DRAFT or row.get("ActivityId"):
            return
        if write.old is not None and write.old.get("Status") != _DRAFT:
            return
        statuses = write.org.tables["taskstatus"].rows.values()
        closed = next((one["ApiName"] for one in statuses if one.get("IsClosed")), "Completed")
        about = row.get("RelatedToId") or row.get("ParentId")
        task = {
            "Subject": f"Email: {row.get('Subject', '')}".strip()[:255],
            "Status": closed,
            "TaskSubtype": "Email",
            "ActivityDate": row["MessageDate"][:10],
            "Description": row.get("TextBody"),
            "OwnerId": write.actor.user_id,
            **({"WhatId": about} if about else {}),
        }
        task_id = write.writer.insert(write.org.tables["task"], task, write.system())
        amend(write, write.table, row["Id"], {"ActivityId": task_id}, stamp=False)


class EmailRelations(Rule):
    """Who an e-mail is from and to; the first person it was sent to (or came from) shows on its task."""

    def before(self, write: Write) -> None:
        if not write.creating:
            return
        person = write.row_of("RelationId")
        if person is None:
            if "RelationAddress" not in write.row:
                raise missing("RelationAddress")
            return
        table = write.org.table_of(person["Id"])
        write.set("RelationObjectType", table.kind.name if table else None)
        if "RelationAddress" not in write.row:
            write.set("RelationAddress", person.get("Email"))

    def after(self, write: Write) -> None:
        email, person_id = write.row_of("EmailMessageId"), full_id(write.row.get("RelationId"))
        tasks = write.org.tables["task"]
        task = tasks.live(email.get("ActivityId", "")) if email else None
        if email is None or task is None or person_id is None or task.get("WhoId"):
            return
        lead = person_id.startswith("00Q")
        told = "FromAddress" if email.get("Incoming") else "ToAddress"
        if write.row.get("RelationType") == told and (person_id.startswith("003") or (lead and not task.get("WhatId"))):
            write.writer.update(tasks, task["Id"], {"WhoId": person_id}, write.system())
