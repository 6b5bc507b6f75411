"""What administrators' tools receive: a signed webhook, Slack's form, e-mail; and what becomes of a refusal."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from tests.wire.receivers import MailBox, certificates, mail_server

from concord.core.alerts import Condition, State, Telling
from concord.errors import RemoteBusy, RemoteError, RemoteRefused, RemoteUnknown
from concord.systems.alerting import Mail, MailServer, Slack, Webhook
from concord.systems.alerting.mail import message as mail_message

NOON = datetime(2026, 11, 2, 12, 0, 0, tzinfo=UTC)
SECRET = "a secret of twenty-four characters"
TELLING = Telling(
    "17.begun.1793620800",
    17,
    State.BEGUN,
    NOON,
    "00D1:42",
    Condition("down: salesforce", NOON - timedelta(minutes=3), "salesforce <does> not answer & waits", "Wait.", 2),
)
OVER = replace(TELLING, state=State.MENDED, id="17.mended.1793620900")


class FixedClock:
    def now(self) -> datetime:
        return NOON

    async def sleep(self, seconds: float) -> None:
        raise AssertionError("a target never waits")


class Receiver:
    """Takes calls, and answers them all alike."""

    def __init__(self, answer: httpx.Response | Exception | None = None) -> None:
        self.calls: list[httpx.Request] = []
        self._answer = answer or httpx.Response(200, text="ok")
        self.transport = httpx.MockTransport(self._take)

    def _take(self, request: httpx.Request) -> httpx.Response:
        self.calls.append(request)
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer

    def webhook(self, url: str = "https://alerts.example/hooks/concord") -> Webhook:
        return Webhook(url, SECRET, clock=FixedClock(), transport=self.transport)

    def slack(self) -> Slack:
        return Slack("https://hooks.slack.example/services/T0/B0/verysecret", transport=self.transport)


# --- webhook


async def test_a_webhook_says_everything_that_is_known_in_json() -> None:
    receiver = Receiver()
    assert await receiver.webhook().tell(TELLING) == ""
    (call,) = receiver.calls
    assert (call.method, str(call.url)) == ("POST", "https://alerts.example/hooks/concord")
    assert call.headers["content-type"] == "application/json"
    assert json.loads(call.content) == {
        "id": "00D1:42.17.begun.1793620800",
        "alert": 17,
        "condition": "down: salesforce",
        "state": "begun",
        "at": "2026-11-02T12:00:00+00:00",
        "since": "2026-11-02T11:57:00+00:00",
        "count": 2,
        "headline": "salesforce <does> not answer & waits",
        "words": "salesforce <does> not answer & waits",
        "advice": "Wait.",
        "pair": "00D1:42",
    }


async def test_its_signature_is_made_of_the_timestamp_and_the_body_with_the_secret() -> None:
    receiver = Receiver()
    await receiver.webhook().tell(TELLING)
    (call,) = receiver.calls
    timestamp = call.headers["concord-timestamp"]
    wanted = hmac.new(SECRET.encode(), timestamp.encode() + b"." + call.content, hashlib.sha256).hexdigest()
    assert timestamp == str(int(NOON.timestamp()))
    assert call.headers["concord-signature"] == f"v1={wanted}"


async def test_the_example_of_the_documentation_believes_it_and_nothing_else() -> None:
    text = (Path(__file__).parents[2] / "docs" / "alerts.md").read_text("utf-8")
    names: dict[str, Callable[..., bool]] = {}
    exec(text.split("```python\n")[1].split("```")[0], names)
    verify = names["verify"]
    receiver = Receiver()
    await receiver.webhook().tell(TELLING)
    (call,) = receiver.calls
    now = NOON.timestamp()
    assert verify(SECRET, call.headers, call.content, now)
    assert not verify(SECRET, call.headers, call.content + b" ", now)
    assert not verify("another", call.headers, call.content, now)
    assert not verify(SECRET, call.headers, call.content, now + 301)
    assert not verify(SECRET, {}, call.content, now)


# --- slack


async def test_slack_gets_text_and_blocks_in_which_nothing_is_taken_for_a_mention() -> None:
    receiver = Receiver()
    assert await receiver.slack().tell(TELLING) == ""
    (call,) = receiver.calls
    sent = json.loads(call.content)
    assert sent["text"] == "Concord: salesforce &lt;does&gt; not answer &amp; waits"
    section, context = sent["blocks"]
    assert section["text"]["type"] == "mrkdwn"
    assert "salesforce &lt;does&gt; not answer &amp; waits*\nWait." in section["text"]["text"]
    assert "down: salesforce · since 2026-11-02 11:57 UTC · 00D1:42" in context["elements"][0]["text"]


async def test_slack_takes_no_text_that_is_too_long_and_gets_none() -> None:
    receiver = Receiver()
    await receiver.slack().tell(replace(TELLING, condition=replace(TELLING.condition, words="x" * 9000)))
    (call,) = receiver.calls
    assert max(len(block["text"]["text"]) for block in json.loads(call.content)["blocks"][:1]) < 3000


async def test_what_is_over_is_told_without_advice() -> None:
    receiver = Receiver()
    await receiver.slack().tell(OVER)
    (call,) = receiver.calls
    text = json.loads(call.content)["blocks"][0]["text"]["text"]
    assert "over after 3 min" in text
    assert "Wait." not in text
    assert "What to do" not in mail_message(OVER, "a@b.example", ["c@d.example"]).get_content()


# --- refusals of both


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (httpx.Response(404, text="verysecret"), RemoteRefused),
        (httpx.Response(302, headers={"Location": "https://elsewhere.example"}), RemoteRefused),
        (httpx.Response(429, headers={"Retry-After": "30"}), RemoteBusy),
        (httpx.Response(429, headers={"Retry-After": "Mon, 02 Nov 2026 12:00:00 GMT"}), RemoteBusy),
        (httpx.Response(503), RemoteBusy),
        (httpx.ConnectError("no route to verysecret"), RemoteBusy),
        (httpx.ReadTimeout("verysecret"), RemoteUnknown),
        (httpx.UnsupportedProtocol("verysecret"), RemoteRefused),
    ],
)
async def test_a_refusal_says_the_host_and_nothing_that_is_secret(
    answer: httpx.Response | Exception, kind: type[RemoteError]
) -> None:
    with pytest.raises(kind) as caught:
        await Receiver(answer).slack().tell(TELLING)
    assert "hooks.slack.example" in str(caught.value)
    assert "verysecret" not in str(caught.value)
    assert "services" not in str(caught.value)
    if isinstance(answer, httpx.Response) and answer.status_code == 429:
        assert caught.value.after == (30.0 if answer.headers["Retry-After"] == "30" else None)


async def test_nothing_is_sent_where_a_redirection_leads() -> None:
    receiver = Receiver(httpx.Response(307, headers={"Location": "https://elsewhere.example"}))
    with pytest.raises(RemoteRefused):
        await receiver.webhook().tell(TELLING)
    assert len(receiver.calls) == 1


# --- mail


def mail(box: MailBox, **options: object) -> Mail:
    server = MailServer("localhost", box.port, **{"security": "none", **options})  # type: ignore[arg-type]
    return Mail(server, "concord@acme.example", ["it@acme.example", "ops@acme.example"], time_limit=5.0)


async def test_a_mail_says_everything_and_is_the_same_at_each_try() -> None:
    async with mail_server(MailBox()) as box:
        assert await mail(box).tell(TELLING) == ""
        assert await mail(box).tell(TELLING) == ""
    first, second = box.received
    assert first["Subject"] == "[Concord] salesforce <does> not answer & waits"
    assert (first["From"], first["To"]) == ("concord@acme.example", "it@acme.example, ops@acme.example")
    assert first["Message-ID"] == second["Message-ID"]
    assert box.recipients[0] == ["it@acme.example", "ops@acme.example"]
    for part in ("What to do: Wait.", "down: salesforce", "2026-11-02 11:57:00 UTC", "00D1:42", "count      2"):
        assert part in first.get_content()


async def test_the_messages_of_one_alert_belong_together() -> None:
    begun, over = (mail_message(one, "a@b.example", ["c@d.example"]) for one in (TELLING, OVER))
    assert begun["References"] == over["References"]
    assert begun["Message-ID"] != over["Message-ID"]


async def test_words_in_several_lines_cannot_write_headers() -> None:
    words = "trouble\r\nBcc: somebody@else.example"
    made = mail_message(
        replace(TELLING, condition=replace(TELLING.condition, words=words)), "a@b.example", ["c@d.example"]
    )
    assert made["Bcc"] is None
    assert made["Subject"] == "[Concord] trouble Bcc: somebody@else.example"


@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_the_password_goes_over_an_encrypted_connection_only(security: str, tmp_path: Path) -> None:
    server, trusting = certificates(tmp_path)
    box = MailBox(("STARTTLS", "AUTH PLAIN"), tls=server)
    async with mail_server(box, at_once=security == "tls"):
        target = mail(box, security=security, user="concord", password=box.password, context=trusting)
        assert await target.tell(TELLING) == ""
    assert (box.signed_in, box.encrypted, len(box.received)) == ([True], [True, True], 1)


async def test_a_server_that_cannot_be_trusted_gets_neither_password_nor_mail(tmp_path: Path) -> None:
    server, _ = certificates(tmp_path)
    box = MailBox(("STARTTLS", "AUTH PLAIN"), tls=server)
    async with mail_server(box):
        with pytest.raises(RemoteRefused, match="no encrypted connection to localhost"):
            await mail(box, security="starttls", user="concord", password=box.password).tell(TELLING)
    assert (box.signed_in, box.received) == ([], [])


async def test_a_server_that_offers_no_encryption_is_not_used_without_it() -> None:
    async with mail_server(MailBox()) as box:
        with pytest.raises(RemoteRefused, match="does not offer"):
            await mail(box, security="starttls").tell(TELLING)
    assert box.received == []


async def test_a_wrong_password_is_refused_for_good_and_never_shown(tmp_path: Path) -> None:
    server, trusting = certificates(tmp_path)
    box = MailBox(("STARTTLS", "AUTH PLAIN"), tls=server)
    async with mail_server(box):
        target = mail(box, security="starttls", user="concord", password="hunter2", context=trusting)
        with pytest.raises(RemoteRefused, match="did not let us sign in") as caught:
            await target.tell(TELLING)
    assert "hunter2" not in str(caught.value)
    assert "hunter2" not in repr(MailServer("h", 25, password="hunter2"))


@pytest.mark.parametrize(
    ("answers", "kind"),
    [
        ({"MAIL": "451 later"}, RemoteBusy),
        ({"MAIL": "550 never"}, RemoteRefused),
        ({"RCPT": "550 unknown"}, RemoteRefused),
        ({"RCPT": "450 later"}, RemoteBusy),
        ({"DATA": "drop"}, RemoteUnknown),
        ({"EHLO": "drop", "HELO": "drop"}, RemoteUnknown),
    ],
)
async def test_a_mail_that_is_refused_is_tried_again_or_not_as_the_server_says(
    answers: dict[str, str], kind: type[RemoteError]
) -> None:
    async with mail_server(MailBox(answers=answers)) as box:
        with pytest.raises(kind):
            await mail(box).tell(TELLING)


async def test_a_server_that_does_not_answer_is_tried_again() -> None:
    with pytest.raises(RemoteBusy, match="no connection to localhost:1 "):
        await mail(MailBox(port=1)).tell(TELLING)


async def test_where_some_recipients_are_refused_the_others_have_it_and_it_is_said() -> None:
    box = MailBox(answers={"RCPT TO:<it@acme.example>": "550 unknown"})
    async with mail_server(box):
        remark = await mail(box).tell(TELLING)
    assert remark.startswith("1 of 2 recipients were refused by localhost")
    assert "it@acme.example" not in remark
    assert box.recipients == [["ops@acme.example"]]


async def test_a_mail_that_was_taken_is_told_even_when_the_parting_is_rude() -> None:
    async with mail_server(MailBox(answers={"QUIT": "500 what?"})) as box:
        assert await mail(box).tell(TELLING) == ""
