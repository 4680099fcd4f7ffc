"""The log: one line an event, as text for people or JSON for machines, without secrets."""

import logging
import re

import structlog
from django.conf import settings

# Keys in upload paths, and the queries of signed URLs.
_SECRETS = [
    (re.compile(r"(/api/upload/)[^/\s\"'?]+"), r"\1…"),
    (re.compile(r"(/broker/)[^/\s\"'?]+"), r"\1…"),
    (re.compile(r"(/panel/)[^/\s\"'?]+(?=/next)"), r"\1…"),
    (re.compile(r"(/panel/i/)[^/\s\"'?]+"), r"\1…"),
    (re.compile(r"(/ota/(?:esp|f)/)[^/\s\"'?]+"), r"\1…"),
    (re.compile(r"((?:x-oss-signature|Signature|X-Amz-Signature|x-oss-security-token)=)[^&\s\"']+"), r"\1…"),
    (re.compile(r"((?:Bearer|TargetToken)\s+)[A-Za-z0-9._~+/=-]+"), r"\1…"),
    (re.compile(r"(://[^/\s:@]*:)[^@\s/]+@"), r"\1…@"),
]


def mask(text: str) -> str:
    """Blot out keys, tokens and signatures."""
    for pattern, replacement in _SECRETS:
        text = pattern.sub(replacement, text)
    return text


def _mask_event(_logger, _method, event: dict) -> dict:
    for field in ("event", "exception"):
        if isinstance(event.get(field), str):
            event[field] = mask(event[field])
    return event


def set_up() -> None:
    """Send every logger of this process through one handler."""
    shared = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _mask_event,
    ]
    last = structlog.processors.JSONRenderer(ensure_ascii=False)
    if settings.LOG_FORMAT == "text":
        last = structlog.dev.ConsoleRenderer(colors=False, pad_event_to=0)
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, last],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.LOG_LEVEL)
    for name in (
        "celery",
        "kombu",
        "asyncio",
        "PIL",
        "botocore",
        "oss2",
        "axes",
        "httpx",
    ):
        logging.getLogger(name).setLevel(logging.WARNING)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access", "django", "django.server"):
        logging.getLogger(name).handlers[:] = []
        logging.getLogger(name).propagate = True
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    logging.getLogger("uvicorn.access").setLevel(logging.WARNING)
