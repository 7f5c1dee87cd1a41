"""The log on standard error: one line of JSON a record, with the request's id, and never a trace or a value."""

import json
import logging
import sys
from datetime import UTC, datetime

from lofi.ui.caller import caller


class Line(logging.Formatter):
    """A record as one line. Of an exception only its type is written: its text may hold a file's name."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "from": record.name,
            "message": record.getMessage(),
        }
        if caller().request:
            line["request"] = caller().request
        if record.exc_info and record.exc_info[0] is not None:
            line["error"] = record.exc_info[0].__name__
        return json.dumps(line, ensure_ascii=False)


def log_to_stderr() -> None:
    """Warnings and worse."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Line())
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
