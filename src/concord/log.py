"""How Concord logs: JSON lines, or plain words on a terminal. Ids, never a person's data (SPEC 11.4).

Imports nothing of Concord. What may be logged is decided where it is logged: refs, counts, codes, fixed words.
"""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from typing import TextIO


class JsonLines(logging.Formatter):
    """One JSON object a line: at, level, logger, message, and the traceback where there is one."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def start(level: str = "warning", *, stream: TextIO | None = None, plain: bool | None = None) -> None:
    """Log from `level` on to a stream (standard error); in plain words where a person watches, or as told."""
    target = stream if stream is not None else sys.stderr
    as_words = target.isatty() if plain is None else plain
    handler = logging.StreamHandler(target)
    handler.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s") if as_words else JsonLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # These say at every call what they call, with query strings that hold addresses of people.
    for name in ("httpx", "httpcore", "procrastinate", "psycopg", "uvicorn.access"):
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLevelName(level.upper())))
