"""How what stands outside the hub fares: the mirror, Redis, the address under which people and devices come."""

import logging
import time
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from devices.events.models import ServiceBeat
from devices.firmware.rollouts import link_check
from media_pipeline.maintenance import figures as figures_of
from media_pipeline.mirror import copying, gate
from media_pipeline.mirror.models import OSSObject
from media_pipeline.mirror.probe import is_loopback
from media_pipeline.nodes import known
from photohub.lib.memory.later import later
from photohub.lib.network import site
from photohub.lib.pages.times.wording import ago
from photohub.status.part import Part, State

if TYPE_CHECKING:
    import redis
else:
    redis = later("redis")

log = logging.getLogger(__name__)

BACKLOG_PATIENCE_S = 60
_LOOKED_AT = 100
REDIS_TIMEOUT_S = 1


def mirror_name() -> str:
    names = {"oss": "OSS", "s3": "S3", "file": _("the mirror folder")}
    return names.get(settings.PHOTOHUB_MIRROR, "")


def look_at_mirror() -> Part:
    if settings.PHOTOHUB_MIRROR == "none":
        help_ = _("To keep copies elsewhere, set PHOTOHUB_MIRROR to oss, s3 or file.")
        return Part("off", _("No mirror is set up: pictures are kept on this hub only."), help=help_)
    backlog, count = OSSObject.objects.waiting(), figures_of.read("waiting").count
    failed = figures_of.read("failed").count
    figures = [(_("Waiting"), f"{count:,}"), (_("Failed"), f"{failed:,}")]
    blocked = OSSObject.objects.refused().order_by("next_try_at").first()
    if why := (blocked.error_text if blocked else gate.reason()):
        return _mirror_waits(count, why, "problem", figures)
    # Only those that were tried say why; they are among the oldest.
    oldest = list(backlog.order_by("created_at")[:_LOOKED_AT])
    if oldest and timezone.now() - oldest[0].created_at > timedelta(seconds=BACKLOG_PATIENCE_S):
        why = next((row.error_text for row in oldest if row.error), "")
        return _mirror_waits(count, why, "warning", figures, oldest[0].created_at)
    if failed:
        text = ngettext(
            "%(n)d picture could not be copied to %(where)s.",
            "%(n)d pictures could not be copied to %(where)s.",
            failed,
        )
        sentence = text % {"n": failed, "where": mirror_name()}
        help_ = _(
            "Their files are missing or changed here, or the name is taken. Each picture's page says which."
        )
        return Part("warning", sentence, figures=figures, help=help_)
    return Part("ok", _("All pictures are copied to %(where)s.") % {"where": mirror_name()}, figures=figures)


def _mirror_waits(
    count: int, error: str, state: State, figures: list[tuple[str, str]], oldest: datetime | None = None
) -> Part:
    text = ngettext(
        "%(n)d picture is waiting for %(where)s", "%(n)d pictures are waiting for %(where)s", count
    )
    sentence = text % {"n": count, "where": mirror_name()}
    failing = ServiceBeat.objects.filter(pk__in=known.names(copying.HEARTBEAT), ok=False)
    heartbeat = failing.order_by("changed_at").first()
    help_ = _("They are safe on this hub and will be copied as soon as possible.")
    if state == "problem":
        help_ = _(
            "Correct the setting, start PhotoHub again and press Test storage. The pictures are safe here."
        )
    return Part(
        state,
        f"{sentence}: {error}" if error else f"{sentence}.",
        since=heartbeat.changed_at if heartbeat else oldest,
        figures=figures,
        help=help_,
    )


def look_at_live() -> Part:
    if not settings.REDIS_URL:
        return Part("ok", _("Pages get updates directly: everything runs in one process."))
    started_s = time.perf_counter()
    client = redis.Redis.from_url(
        settings.REDIS_URL, socket_timeout=REDIS_TIMEOUT_S, socket_connect_timeout=REDIS_TIMEOUT_S
    )
    try:
        client.ping()
    except redis.RedisError as error:
        log.warning("Redis does not answer: %s", type(error).__name__)
        sentence = _("Redis is not responding: pages update late. Uploads are not affected.")
        return Part("problem", sentence, help=_("Start Redis, or correct REDIS_URL."))
    finally:
        client.close()
    took_ms = (time.perf_counter() - started_s) * 1000
    return Part("ok", _("Redis is responding."), figures=[(_("Response time"), f"{took_ms:.1f} ms")])


def look_at_address() -> Part:
    base = site.base_url()
    figures = [(_("Page"), base), ("MQTT", site.host_and_port(site.mqtt_host(), site.mqtt_port()))]
    link = ServiceBeat.objects.filter(pk=link_check.HEARTBEAT).first()
    # What was found long ago says nothing of now.
    if link and abs(timezone.now() - link.at) > timedelta(seconds=2 * link_check.LASTS_IDLE_S):
        link = None
    if link and not link.ok:
        help_ = _(
            "Correct PHOTOHUB_URL. If only the hub itself cannot reach it, set PHOTOHUB_LINK_CHECK to false."
        )
        return Part("warning", link.text, since=link.changed_at, figures=figures, help=help_)
    if settings.PHOTOHUB_URL:
        return _configured(link, figures)
    help_ = _("If cameras or people connect from another network, set PHOTOHUB_URL to the address they use.")
    if settings.HTTP_HOST not in site.EVERYWHERE and is_loopback(base):
        sentence = _(
            "PHOTOHUB_HTTP lets in only what runs on this machine: no camera or phone can reach PhotoHub."
        )
        return Part("ok", sentence, figures=figures, help=help_)
    if settings.BEST_ADDRESS.startswith("127."):
        sentence = _("This machine has no network address: only programs on it can reach PhotoHub.")
        return Part("warning", sentence, figures=figures, help=help_)
    return Part("ok", _("Found automatically from the local network."), figures=figures, help=help_)


def _configured(link: ServiceBeat | None, figures: list[tuple[str, str]]) -> Part:
    """Tell of the address that somebody set whether the hub reached itself there lately."""
    if link:
        figures = [*figures, (_("Reached there"), ago(link.at))]
        return Part(
            "ok", _("Links and devices use the configured address, and it leads here."), figures=figures
        )
    if settings.LINK_CHECK:
        help_ = _("The hub asks there every ten minutes.")
        sentence = _("Links and devices use the configured address. Whether it leads here is not known yet.")
        return Part("ok", sentence, figures=figures, help=help_)
    sentence = _("Links and devices use the configured address. Whether it leads here is not checked.")
    return Part("ok", sentence, figures=figures, help=_("PHOTOHUB_LINK_CHECK is set to false."))
