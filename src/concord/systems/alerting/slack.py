"""Alerts to Slack, or to whatever takes messages in the form of Slack's incoming webhooks (Mattermost, Rocket.Chat).

The whole address is a secret: whoever has it can write into the channel.
"""

from __future__ import annotations

import json
from typing import Any, Final

from concord.core.alerts import State, Telling
from concord.systems.http import Post, Transport

#: Slack takes no longer text in a block.
LONGEST: Final = 2900
_MARKS: Final = {
    State.BEGUN: ":red_circle:",
    State.STANDING: ":large_orange_circle:",
    State.MENDED: ":large_green_circle:",
    State.TEST: ":white_circle:",
}


def message(telling: Telling) -> dict[str, Any]:
    """The message in Slack's form. text: what notifications show, and receivers that know no blocks."""
    one = telling.condition
    headline = f"{_MARKS[telling.state]} *Concord: {_escaped(telling.headline)}*"
    lines = [headline]
    if telling.state in (State.BEGUN, State.STANDING) and one.advice:
        lines.append(_escaped(one.advice))
    foot = f"{_escaped(one.name)} · since {one.since:%Y-%m-%d %H:%M} UTC · {_escaped(telling.pair)}"
    return {
        "text": f"Concord: {_escaped(telling.headline)}"[:LONGEST],
        "blocks": [
            {"type": "section", "text": {"type": "mrkdwn", "text": "\n".join(lines)[:LONGEST]}},
            {"type": "context", "elements": [{"type": "mrkdwn", "text": foot[:LONGEST]}]},
        ],
    }


def _escaped(text: str) -> str:
    """As Slack wants it: else a "<" would begin a link or a mention."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


class Slack:
    """A channel."""

    def __init__(self, url: str, *, transport: Transport | None = None) -> None:
        self._url = url
        self._post = Post("slack", transport=transport)

    async def tell(self, telling: Telling) -> str:
        """See `Target.tell`."""
        content = json.dumps(message(telling), ensure_ascii=False).encode()
        await self._post.send(self._url, content, {"Content-Type": "application/json"})
        return ""

    async def close(self) -> None:
        await self._post.close()
