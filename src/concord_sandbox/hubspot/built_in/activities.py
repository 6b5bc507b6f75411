"""Properties of the engagements (API reference section 12). Data only: one property a line."""

from __future__ import annotations

_COMMON = """\
hs_createdate | Object create date/time | datetime | r
hs_lastmodifieddate | Last Modified Date | datetime | r
hs_timestamp | Activity date | datetime
hs_activity_type | Type | string | r
hs_attachment_ids | Attachment IDs | enumeration/checkbox | x
hs_unique_creation_key | Unique creation key | string
"""

_CHANNELS = "WHATS_APP=WhatsApp,LINKEDIN_MESSAGE=LinkedIn message,SMS=SMS,CUSTOM_CHANNEL_CONVERSATION=Custom channel"
_CALL_STATES = "BUSY,CALLING_CRM_USER,CANCELED,COMPLETED,CONNECTING,FAILED,IN_PROGRESS,MISSED,NO_ANSWER,QUEUED,RINGING"
_CALL_OUTCOMES = (
    "9d9162e7-6cf3-4944-bf63-4dff82258764=Busy,f240bbac-87c9-4f6e-bf70-924b57d47db7=Connected,"
    "a4c4c377-d246-4b32-a13b-75a56a4cd0ff=Left live message,b2cf5968-551e-4856-9783-52b3da59a7d0=Left voicemail,"
    "73a0d17f-1163-4015-bdd5-ec830791da20=No answer,17b47fee-58de-441e-a44c-c6300d46f273=Wrong number"
)

_ROWS = {
    "communications": f"""\
hs_communication_body | Body | string/html
hs_communication_channel_type | Channel | enumeration/select | | {_CHANNELS}
hs_communication_logged_from | Logged from | enumeration/select | | CRM
""",  # noqa: S608 - no SQL
    "tasks": """\
hs_task_subject | Task Title | string
hs_task_body | Notes | string/html
hs_task_status | Task Status | enumeration/select | | NOT_STARTED,IN_PROGRESS,WAITING,COMPLETED,DEFERRED
hs_task_priority | Priority | enumeration/select | | NONE,LOW,MEDIUM,HIGH
hs_task_type | Task Type | enumeration/select | | EMAIL,CALL,TODO
hs_task_reminders | Reminders | string
hs_task_completion_date | Completed at | datetime | c
hs_task_is_completed | Is completed | number | c
hs_queue_membership_ids | Queue | enumeration/checkbox | x
""",
    "notes": "hs_note_body | Note body | string/html\n",
    "meetings": """\
hs_meeting_title | Meeting name | string
hs_meeting_body | Meeting description | string/html
hs_meeting_start_time | Start | datetime
hs_meeting_end_time | End | datetime
hs_meeting_location | Location | string
hs_meeting_external_url | External URL | string
hs_meeting_outcome | Outcome | enumeration/select | | SCHEDULED,COMPLETED,RESCHEDULED,NO_SHOW,CANCELED
hs_internal_meeting_notes | Internal notes | string/html
""",
    "calls": f"""\
hs_call_title | Call Title | string
hs_call_body | Call notes | string/html
hs_call_direction | Direction | enumeration/select | | INBOUND,OUTBOUND
hs_call_duration | Duration | number
hs_call_status | Status | enumeration/select | | {_CALL_STATES}
hs_call_disposition | Outcome | enumeration/select | | {_CALL_OUTCOMES}
hs_call_from_number | From | string
hs_call_to_number | To | string
hs_call_recording_url | Recording | string
hs_call_callee_object_id | Callee | number
hs_call_callee_object_type_id | Callee object type | string
""",  # noqa: S608 - no SQL
    "emails": """\
hs_email_subject | Subject | string
hs_email_text | Text | string/textarea
hs_email_html | HTML | string/html
hs_email_direction | Direction | enumeration/select | | EMAIL,INCOMING_EMAIL,FORWARDED_EMAIL
hs_email_status | Status | enumeration/select | | BOUNCED,FAILED,SCHEDULED,SENDING,SENT
hs_email_headers | Headers | string/textarea
hs_email_from_email | From | string | r
hs_email_from_firstname | From first name | string | r
hs_email_from_lastname | From last name | string | r
hs_email_to_email | To | string | r
hs_email_cc_email | Cc | string | r
hs_email_bcc_email | Bcc | string | r
hs_email_thread_id | Thread | string | r
hs_email_message_id | Message ID | string | r
""",
}
ACTIVITIES = {plural: _COMMON + rows for plural, rows in _ROWS.items()}

#: What only a token with `sales-email-read` is shown (API reference section 2.4).
EMAIL_CONTENT = ("hs_email_subject", "hs_email_text", "hs_email_html", "hs_email_headers")
