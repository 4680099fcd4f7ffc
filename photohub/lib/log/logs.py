"""The log: one line an event, as text for people or JSON for machines, without secrets and without forged lines.

Everything that any logger of this process says goes through one handler. There, whatever a stranger chose (a client id,
a name, a user agent, a path) can neither begin a line of its own nor move the cursor of a terminal, and secrets are
blotted out by four rules, of which one is enough: the hub's own secrets by their value, the paths of `secret_paths`,
what stands behind words such as `Bearer`, and any long random word wherever it stands, as in a mistyped path.
"""

import importlib
import logging
import re
import threading
import unicodedata
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from django.conf import settings

from photohub.lib.log.secret_paths import SECRET_PATHS
from photohub.lib.memory.later import later, without

if TYPE_CHECKING:
    import structlog
else:
    structlog = later("structlog")

OURS = ("photohub", "devices", "media_pipeline", "simulators")
BLOT = "…"

# Behind whatever came before, as in a whole address.
_PATHS = [
    (re.compile(f"({path.pattern}){path.secret}", re.IGNORECASE), rf"\1{BLOT}") for path in SECRET_PATHS
]
_SECRETS = [
    *_PATHS,
    (
        re.compile(
            r"((?:x-oss-signature|Signature|X-Amz-Signature|x-oss-security-token|X-Amz-Security-Token|X-Amz-Credential"
            r"|x-oss-credential|OSSAccessKeyId|token|key|password|secret)=)[^&\s\"']+",
            re.IGNORECASE,
        ),
        rf"\1{BLOT}",
    ),
    (
        re.compile(r"((?:Bearer|TargetToken|GatewayToken|Basic)\s+)[A-Za-z0-9._~+/=-]{8,}", re.IGNORECASE),
        rf"\1{BLOT}",
    ),
    (re.compile(r"(://[^/\s:@]*:)[^@\s/]+@"), rf"\1{BLOT}@"),
]
_LONG_WORD = re.compile(r"(?<![\w-])[\w-]{18,}(?![\w-])", re.ASCII)
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
_HASH = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}", re.IGNORECASE)
_RUN = re.compile(r"[A-Za-z0-9]{12,}")
_CHANGE = re.compile(r"(?<=[a-z])(?=[A-Z0-9])|(?<=[A-Z])(?=[a-z0-9])|(?<=[0-9])(?=[A-Za-z])")
_RANDOM_CHANGES, _RANDOM_CHANGES_OF_WORD = 3, 10
# Control and format characters (line feeds, escapes, the marks that turn the direction of writing), lone surrogates,
# and the separators of lines and paragraphs.
_UNSEEN = frozenset(("Cc", "Cf", "Cs", "Zl", "Zp"))
_OWN_SECRET_AT_LEAST = 8
_MANY_LINES = ("exception", "stack", "stack_info")
_NOT_TOLD = ("_record", "_from_structlog", "exc_info")

_own_secrets: re.Pattern | None = None


def mask(text: str) -> str:
    """Blot out keys, tokens, passwords and signatures."""
    if _own_secrets is not None:
        text = _own_secrets.sub(BLOT, text)
    for pattern, replacement in _SECRETS:
        text = pattern.sub(replacement, text)
    return _LONG_WORD.sub(_blot_random, text)


def _blot_random(match: re.Match) -> str:
    word = match[0]
    if _UUID.fullmatch(word) or _HASH.fullmatch(word):
        return word
    # Words that people make up go from letters to figures and back a few times at most.
    random = len(_CHANGE.findall(word)) >= _RANDOM_CHANGES_OF_WORD or any(
        len(_CHANGE.findall(run)) >= _RANDOM_CHANGES and not run.isalpha() for run in _RUN.findall(word)
    )
    return BLOT if random else word


def escape(text: str) -> str:
    """Write characters that nobody sees, but that could begin a line or turn it round, as `\\n` and `\\u202e`."""
    if text.isprintable():
        return text
    return "".join(ascii(char)[1:-1] if unicodedata.category(char) in _UNSEEN else char for char in text)


def know_secrets(values: Iterable[str]) -> None:
    """Blot out these words wherever they come. Short ones are left out: they would blot out half of the log."""
    global _own_secrets
    long_ones = {value for value in values if len(value) >= _OWN_SECRET_AT_LEAST and value not in OURS}
    known = sorted(long_ones, key=len, reverse=True)
    _own_secrets = re.compile("|".join(map(re.escape, known))) if known else None


def _without_usual_traces(_logger, _method, event: dict) -> dict:
    """Take the traceback from what only tells that somebody was refused (Django gives one to each 403 and bad Host)."""
    record = event.get("_record")
    if record is not None and 400 <= getattr(record, "status_code", 0) < 500:
        record.exc_info = None
        event.pop("exc_info", None)
    return event


def _clean(_logger, _method, event: dict) -> dict:
    """Mask and escape every text of a line. A traceback keeps its lines, each set in, so that none looks like a new one."""
    for field, value in event.items():
        if field in _MANY_LINES and isinstance(value, str):
            event[field] = "\n".join(f"    {escape(line)}" for line in mask(value).split("\n"))
        elif isinstance(value, str):
            event[field] = escape(mask(value))
        elif field not in _NOT_TOLD and not isinstance(value, bool | int | float | None):
            event[field] = escape(mask(repr(value)))
    return event


def set_up() -> None:
    """Send every logger of this process through one handler."""
    know_secrets(settings.OWN_SECRETS)
    with without("rich", "twisted", "better_exceptions"):
        importlib.import_module("structlog")
    shared: list[Any] = [
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _without_usual_traces,
        structlog.processors.format_exc_info,
        _clean,
    ]
    last: Any = structlog.processors.JSONRenderer(ensure_ascii=False)
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
    _set_levels(root)
    threading.excepthook = _tell_of_thread


def _set_levels(root: logging.Logger) -> None:
    """Let PhotoHub itself say what the setting wants; libraries only warn, because at DEBUG they write whole requests."""
    level = logging.getLevelNamesMapping()[settings.LOG_LEVEL]
    root.setLevel(max(level, logging.WARNING))
    for name in OURS:
        logging.getLogger(name).setLevel(level)
    for name in logging.root.manager.loggerDict:
        # What a library set for itself goes past the root's level.
        if name.partition(".")[0] not in OURS and 0 < logging.getLogger(name).level < logging.WARNING:
            logging.getLogger(name).setLevel(logging.WARNING)
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access", "django", "django.server", "celery", "kombu"):
        logging.getLogger(name).handlers[:] = []
        logging.getLogger(name).propagate = True


def _tell_of_thread(failed: threading.ExceptHookArgs) -> None:
    if failed.exc_type is not SystemExit:
        error = failed.exc_value or failed.exc_type()
        logging.getLogger("photohub.threads").error("A thread ended by an error.", exc_info=error)
