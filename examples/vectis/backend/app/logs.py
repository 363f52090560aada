"""One JSON object a line on stderr, from this application and from its libraries alike."""

import json
import logging
import sys
import time
import traceback


class JsonLines(logging.Formatter):
    """A log record as one line; a traceback goes into the `error` field, escaped."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record as a JSON object on one line."""
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        entry: dict[str, object] = {
            "time": f"{stamp}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info and record.exc_info[1]:
            # Without the chain of causes and outer frames: one failed statement fills 10 KB.
            lines = traceback.format_exception(record.exc_info[1], limit=-8, chain=False)
            entry["error"] = "".join(lines)
        return json.dumps(entry, ensure_ascii=False)


class _ThinOut(logging.Filter):
    """Lets each kind of message of a library through once in a while only."""

    def __init__(self, name: str, seconds: float) -> None:
        super().__init__(name)
        self._seconds = seconds
        self._last: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether to log the record."""
        if not super().filter(record):
            return True
        kind = str(record.msg)
        if record.created - self._last.get(kind, 0.0) < self._seconds:
            return False
        self._last[kind] = record.created
        return True


def thin_out(name: str, seconds: float) -> None:
    """Log what a library repeats at most once in so many seconds, and only what is wrong."""
    logging.getLogger(name).setLevel(logging.WARNING)
    for handler in logging.getLogger().handlers:
        handler.addFilter(_ThinOut(name, seconds))


def configure() -> None:
    """Send every logger of this process through one handler."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    # uvicorn installs its own handlers before it imports the application.
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
