"""Tasks, events and e-mails with their relations.

Data only, after the Object Reference and api/salesforce.md section 15; `activity_rules` says how they behave.
"""

from __future__ import annotations

from concord_sandbox.salesforce.objects.columns import (
    Given,
    audit_fields,
    field,
    master,
    picklist,
    setting_fields,
    system,
    to,
)

#: status, whether a task with it is closed
TASK_STATUSES = (
    ("Not Started", False),
    ("In Progress", False),
    ("Completed", True),
    ("Waiting on someone else", False),
    ("Deferred", False),
)
TASK_PRIORITIES = (("High", True), ("Normal", False), ("Low", False))
WHO = ("Contact", "Lead")
#: Standard objects that a task, an event or an e-mail may be about; custom ones come on top (`loading`).
WHAT = ("Account", "Campaign", "Case", "Opportunity", "Product2")
_TASK_SUBTYPES = ("Task", "Email", "ListEmail", "Cadence", "Call", "LinkedIn")
#: Value -> label of EmailMessage.Status.
EMAIL_STATUSES = {"0": "New", "1": "Read", "2": "Replied", "3": "Sent", "4": "Forwarded", "5": "Draft"}
RELATION_TYPES = ("ToAddress", "CcAddress", "BccAddress", "FromAddress", "OtherAddress")


def _options(names: tuple[str, ...], default: str) -> list[Given]:
    return [{"value": name, "defaultValue": name == default} for name in names]


def _activity(child_name: str) -> list[Given]:
    """What tasks and events have in common."""
    return [
        *audit_fields(queues=True),
        to("WhoId", *WHO, childRelationshipName=child_name, cascadeDelete=True, label="Name ID"),
        to("WhatId", *WHAT, childRelationshipName=child_name, cascadeDelete=True, label="Related To ID"),
        field("Subject", "combobox", 255, picklistValues=["Call", "Email", "Meeting", "Send Letter", "Other"]),
        field("Description", "textarea", 32000),
        system("AccountId", "reference", referenceTo=["Account"], relationshipName="Account", label="Account ID"),
        field("IsReminderSet", "boolean", label="Reminder Set"),
        field("ReminderDateTime", "datetime", label="Reminder Date/Time"),
        system("IsArchived", "boolean", label="Archived"),
        field("IsRecurrence", "boolean", updateable=False, label="Create Recurring Series"),
    ]


def _task() -> list[Given]:
    status = _options(tuple(one[0] for one in TASK_STATUSES), "Not Started")
    priority = _options(tuple(one[0] for one in TASK_PRIORITIES), "Normal")
    must: Given = {"nillable": False, "defaultedOnCreate": True, "permissionable": False}
    return [
        *_activity("Tasks"),
        field("ActivityDate", "date", label="Due Date Only"),
        field("Status", "picklist", 255, picklistValues=status, **must),
        field("Priority", "picklist", 255, picklistValues=priority, **must),
        system("IsHighPriority", "boolean", label="High Priority"),
        picklist("Type", ("Call", "Email", "Meeting", "Other")),
        system("IsClosed", "boolean", label="Closed"),
        field("CallDurationInSeconds", "int", label="Call Duration"),
        picklist("CallType", ("Internal", "Inbound", "Outbound"), length=40, restrictedPicklist=True),
        field("CallDisposition", "string", 255, label="Call Result"),
        field("CallObject", "string", 255, label="Call Object Identifier"),
        picklist("TaskSubtype", _TASK_SUBTYPES, length=40, restrictedPicklist=True, updateable=False,
                 defaultedOnCreate=True),
        system("CompletedDateTime", "datetime", label="Completed Date"),
    ]  # fmt: skip


def _event() -> list[Given]:
    show_as = _options(("Busy", "OutOfOffice", "Free"), "Busy")
    return [
        *_activity("Events"),
        field("Location", "string", 255),
        field("IsAllDayEvent", "boolean", label="All-Day Event"),
        field("ActivityDateTime", "datetime", label="Due Date Time"),
        field("ActivityDate", "date", label="Due Date Only"),
        field("DurationInMinutes", "int", label="Duration"),
        field("StartDateTime", "datetime", label="Start Date Time"),
        field("EndDateTime", "datetime", label="End Date Time"),
        system("EndDate", "date"),
        picklist("Type", ("Email", "Meeting", "Other", "Call")),
        field("IsPrivate", "boolean", label="Private"),
        field("ShowAs", "picklist", 40, picklistValues=show_as, restrictedPicklist=True, label="Show Time As"),
        system("IsChild", "boolean", label="Is Child"),
        system("IsGroupEvent", "boolean", label="Is Group Event"),
        picklist("EventSubtype", ("Event",), length=40, restrictedPicklist=True, updateable=False,
                 defaultedOnCreate=True),
    ]  # fmt: skip


def _email() -> list[Given]:
    statuses = [{"value": value, "label": label} for value, label in EMAIL_STATUSES.items()]
    return [
        *audit_fields(owner=False),
        to("ParentId", "Case", childRelationshipName="EmailMessages", cascadeDelete=True, label="Case ID",
           updateable=False),
        to("ActivityId", "Task", updateable=False, childRelationshipName="EmailMessages"),
        field("TextBody", "textarea", 32000),
        field("HtmlBody", "textarea", 131072, label="HTML Body"),
        field("Headers", "textarea", 32000),
        field("Subject", "string", 3000, nameField=True),
        field("FromName", "string", 120),
        field("FromAddress", "email", 1333),
        picklist("ValidatedFromAddress", (), length=1333, label="From"),
        field("ToAddress", "string", 4000),
        field("CcAddress", "string", 4000, label="CC Address"),
        field("BccAddress", "string", 4000, label="BCC Address"),
        field("Incoming", "boolean", label="Is Incoming"),
        system("HasAttachment", "boolean"),
        field("Status", "picklist", 40, picklistValues=statuses, restrictedPicklist=True, nillable=False,
              defaultedOnCreate=True),
        field("MessageDate", "datetime"),
        to("ReplyToEmailMessageId", "EmailMessage", updateable=False, childRelationshipName="EmailMessageReplies"),
        field("IsExternallyVisible", "boolean"),
        field("MessageIdentifier", "string", 765),
        field("ThreadIdentifier", "string", 765),
        field("IsClientManaged", "boolean", updateable=False),
        to("RelatedToId", *WHAT, childRelationshipName="Emails", cascadeDelete=True),
        field("IsTracked", "boolean"),
        system("IsOpened", "boolean"),
        field("FirstOpenedDate", "datetime"),
        field("LastOpenedDate", "datetime"),
        system("IsBounced", "boolean"),
    ]  # fmt: skip


def _email_relation() -> list[Given]:
    return [
        *audit_fields(owner=False),
        master("EmailMessageId", "EmailMessage", "EmailMessageRelations"),
        to("RelationId", "Contact", "Lead", "User", updateable=False, cascadeDelete=True,
           childRelationshipName="EmailMessageRelations"),
        field("RelationType", "picklist", 40, picklistValues=list(RELATION_TYPES), restrictedPicklist=True,
              nillable=False, updateable=False),
        field("RelationAddress", "string", 255, updateable=False),
        system("RelationObjectType", "picklist", length=40, picklistValues=["Contact", "Lead", "User"]),
    ]  # fmt: skip


def activity_objects() -> list[tuple[Given, list[Given]]]:
    plain: Given = {"flags": {"searchable": False, "layoutable": False}}
    closed, high = field("IsClosed", "boolean", label="Closed"), field("IsHighPriority", "boolean")
    default = field("IsDefault", "boolean", label="Default")
    return [
        ({"name": "Task", "keyPrefix": "00T"}, _task()),
        ({"name": "Event", "keyPrefix": "00U"}, _event()),
        ({"name": "EmailMessage", "keyPrefix": "02s", "label": "Email Message"}, _email()),
        (
            {"name": "EmailMessageRelation", "keyPrefix": "0l5", "label": "Email Message Relation", **plain},
            _email_relation(),
        ),
        (
            {"name": "TaskStatus", "keyPrefix": "01J", "label": "Task Status Value", "writable": False},
            setting_fields(default, closed),
        ),
        (
            {"name": "TaskPriority", "keyPrefix": "01J", "label": "Task Priority Value", "writable": False},
            setting_fields(default, high),
        ),
    ]


def activity_fields_may_lead_to(objects: list[tuple[Given, list[Given]]], custom: list[str]) -> None:
    """Let tasks, events and e-mails be about records of those custom objects too."""
    for given, own in objects:
        if given["name"] in ("Task", "Event", "EmailMessage"):
            for one in own:
                if one["name"] in ("WhatId", "RelatedToId"):
                    one["referenceTo"] = [*one["referenceTo"], *custom]
