"""Why retention does not keep a limit: found out, written down, and said in the reader's language."""

import json
from dataclasses import dataclass, field
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Count, Q
from django.utils import timezone

from devices.audit import record as audit
from devices.audit.models import Kind, Word
from devices.events import clock_watch, heartbeats
from devices.events import record as events
from devices.events.models import EventType, ServiceBeat
from devices.events.wording import sentence_of
from devices.hub_settings import values
from media_pipeline.captures.models import Capture
from media_pipeline.keep_rules import rules
from media_pipeline.mirror.models import MirrorState
from media_pipeline.nodes import here, known
from photohub.lib.pages.sentences import plain, said
from photohub.lib.pages.sizes import size_in_words

HEARTBEAT = "retention"
GO_ON = "retention.go_on"
# So long without a picture is rather a wrong clock than a quiet yard.
SILENT = timedelta(days=7)
_SENTENCE_CHARS = 300


@dataclass(frozen=True)
class Problem:
    """One reason, as a word of `trouble_words` with its values."""

    word: str
    values: dict = field(default_factory=dict)

    @property
    def sentence(self) -> str:
        """The reason in the language that is active."""
        return sentence_of(self.word, self.values)


def doubt_of_the_clock() -> Problem | None:
    """Return why nothing may go by its age now; None when the clock can be believed."""
    if doubt := clock_watch.look():
        return Problem(f"clock_{doubt.word}", doubt.values)
    newest = Capture.objects.order_by("-received_at", "-id").values_list("received_at", flat=True).first()
    now = timezone.now()
    if newest is None or now - newest <= SILENT:
        return None
    if ServiceBeat.objects.filter(pk=GO_ON, at__gte=newest).exists():
        return None
    return Problem("retention_silent", {"days": (now - newest).days, "date": plain(now)})


def left_by_age() -> list[Problem]:
    """Say how many pictures are older than they should be, when a run has not done them all."""
    left, shortest = 0, 0
    for days, camera in rules.limits():
        before = timezone.now() - timedelta(days=days)
        old = here.own() & Q(received_at__lt=before, kept=False) & (Q(device=camera) if camera else Q())
        if count := Capture.objects.filter(old).count() + Capture.everything.in_trash().filter(old).count():
            left, shortest = left + count, min(shortest or days, days)
    return [Problem("retention_backlog", {"count": left, "days": shortest})] if left else []


def left_over_bytes(over: int) -> list[Problem]:
    """Say by how much the pictures on this hub exceed their limit, and what of them may not go."""
    if over <= 0:
        return []
    local = Capture.everything.filter(here.own(), Q(mirror=None) | Q(mirror__local_freed_at=None))
    mirrored = settings.PHOTOHUB_MIRROR != "none"
    waiting = (MirrorState.PENDING, MirrorState.UPLOADING, MirrorState.BLOCKED)
    found = local.aggregate(
        n_kept=Count("pk", filter=Q(kept=True)),
        n_waiting=Count("pk", filter=Q(kept=False, mirror__state__in=waiting)),
        n_failed=Count("pk", filter=Q(kept=False, mirror__state=MirrorState.FAILED)),
        n_never=Count("pk", filter=Q(kept=False, mirror__state=MirrorState.OFF)),
    )
    # Without a mirror, whether it is copied keeps no picture.
    names = ("kept", "waiting", "failed", "never") if mirrored else ("kept",)
    problems = [
        Problem("retention_bytes", {"limit": size_in_words(values.keep_bytes()), "over": size_in_words(over)})
    ]
    return problems + [
        Problem(f"retention_{n}", {"count": found[f"n_{n}"]}) for n in names if found[f"n_{n}"]
    ]


def say(problems: list[Problem]) -> None:
    """Write the heartbeat, and tell owners when a problem begins, is another, or ends."""
    name = here.named(HEARTBEAT)
    last = ServiceBeat.objects.filter(pk=name).first()
    before = [problem.word for problem in _read(last.sentence)] if last and not last.ok else []
    said = json.dumps([[p.word, p.values] for p in problems], ensure_ascii=False)
    while problems and len(said) > _SENTENCE_CHARS:
        problems = problems[:-1] or [
            Problem(problems[0].word, {n: str(v)[:100] for n, v in problems[0].values.items()})
        ]
        said = json.dumps([[p.word, p.values] for p in problems], ensure_ascii=False)
    heartbeats.note(name, not problems, said if problems else "")
    news = [p for p in problems if p.word not in before]
    if news:
        events.record_word(EventType.NOTICE, problems[0].word, problem=True, **problems[0].values)
    elif before and not problems:
        events.record_word(EventType.NOTICE, "retention_well")


def _read(sentence: str) -> list[Problem]:
    try:
        return [Problem(word, values) for word, values in json.loads(sentence)]
    except (ValueError, TypeError):
        # An older hub wrote its sentence itself.
        return [Problem(sentence)] if sentence else []


def unwell() -> list[ServiceBeat]:
    """Return what each machine whose limits are not kept last said."""
    return list(ServiceBeat.objects.filter(pk__in=known.names(HEARTBEAT), ok=False).order_by("changed_at"))


def problems_now() -> list[Problem]:
    """Return why retention does not do what the settings ask for: the clock as it is, all else as it last found."""
    found = [p for row in unwell() for p in _read(row.sentence) if not p.word.startswith("clock_")]
    doubt = clock_watch.doubt()
    return [Problem(f"clock_{doubt.word}", doubt.values), *found] if doubt else found


def waits_for_an_owner(problems: list[Problem]) -> bool:
    """Tell whether an owner's word is all that is missing."""
    return any(p.word in ("clock_ahead", "clock_behind", "retention_silent") for p in problems)


def note_go_on(user) -> None:
    """Write down that an owner wants retention to go on by this clock."""
    now = timezone.now()
    sentence = said("Retention continues: the clock is right.")
    with transaction.atomic():
        ServiceBeat.objects.update_or_create(pk=GO_ON, defaults={"at": now, "ok": True, "sentence": ""})
        events.record(EventType.NOTICE, actor=user, sentence=sentence)
        audit.note(Word.CHANGED, Kind.HUB, details=sentence)
    for name in known.names(HEARTBEAT):
        heartbeats.note(name, True, "")
