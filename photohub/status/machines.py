"""How the machines of a hub fare that has several: this one, for those who share out the uploads, and all of them."""

from dataclasses import replace
from datetime import datetime

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from devices.events import heartbeats
from devices.events.models import ServiceBeat
from media_pipeline.mirror import uncopied
from media_pipeline.nodes import here, known
from media_pipeline.nodes.known import Known
from media_pipeline.nodes.models import NodeState
from photohub.lib.pages.sizes import size_in_words
from photohub.lib.pages.times.wording import moment
from photohub.status.part import Part

_COUNTED_UP_TO = 1000
WORKER_SILENT_AFTER_S = 60


def look_at_this_machine() -> Part:
    """Tell whether this machine should be sent uploads."""
    if why := here.why_refused():
        return Part("problem", _("This machine may not use its data folder: %(why)s.") % {"why": why})
    if not here.is_ready():
        help_ = _("To have it take pictures again, run manage.py drain --cancel on it.")
        return Part("problem", _("This machine is being emptied: it takes no pictures."), help=help_)
    return Part("ok", _("It takes pictures."))


def with_workers(found: Part) -> Part:
    """Add to what is said of the workers together that one machine's alone is silent: nobody else does its tasks.

    Of a machine that is silent as a whole, or empty, nothing is said here.
    """
    if found.state != "ok" or not here.is_one_of_several():
        return found
    nodes = [node for node in known.every() if not node.is_silent and node.state != NodeState.EMPTY]
    rows = ServiceBeat.objects.in_bulk([here.worker_heartbeat(node.number) for node in nodes])
    heard = {node.number: rows.get(here.worker_heartbeat(node.number)) for node in nodes}
    silent = [
        node
        for node in sorted(nodes, key=lambda node: node.number)
        if (row := heard[node.number]) is None or heartbeats.is_stale(row, WORKER_SILENT_AFTER_S)
    ]
    if not silent:
        return found
    last = {node.number: row.at if (row := heard[node.number]) else None for node in silent}
    figures = [(_("Worker of %(name)s") % {"name": n.name}, _last_heard(last[n.number])) for n in silent]
    first = min(silent, key=lambda node: (last[node.number] is None, node.number))
    text = _(
        "The worker of the machine %(name)s is silent: pictures there are not mirrored and get no thumbnails."
    )
    # One that was never heard may be of an older version, whose worker is not told apart, as during an upgrade.
    return replace(
        found,
        state="problem" if last[first.number] else "warning",
        sentence=text % {"name": first.name},
        since=last[first.number],
        figures=[*found.figures, *figures],
        help=_("Start the worker on that machine, or check its log."),
    )


def _last_heard(at: datetime | None) -> str:
    return _("silent since %(time)s") % {"time": moment(at)} if at else _("not heard yet")


def look_at_machines() -> Part:
    """Tell of each machine whether it lives, how much space it has and what only it has."""
    nodes = sorted(known.every(), key=lambda node: node.number)
    only = {node.number: uncopied.count_only_on(node.mark, _COUNTED_UP_TO) for node in nodes}
    figures = [(node.name, _figures_of(node, only[node.number])) for node in nodes]
    silent = [node for node in nodes if node.is_silent and node.state != NodeState.EMPTY]
    if not silent and (full := _full(nodes)):
        sentence = _("The disk of the machine %(name)s is full: it refuses new pictures.") % {
            "name": full.name
        }
        help_ = _(
            "Free up space there. Other machines take pictures meanwhile; everything already stored is safe."
        )
        return Part("warning", sentence, figures=figures, help=help_)
    if not silent:
        return Part("ok", _("All machines are responding."), figures=figures)
    first = min(silent, key=lambda node: node.seen_at)
    text = ngettext(
        "The machine %(name)s is silent. Only it has %(n)d picture.",
        "The machine %(name)s is silent. Only it has %(n)d pictures.",
        only[first.number],
    )
    help_ = _(
        "Start it again; its pictures are then copied and shown. If it is lost for good, run manage.py forget_node with its "
        "name on another machine."
    )
    sentence = text % {"name": first.name, "n": only[first.number]}
    return Part("warning", sentence, since=first.seen_at, figures=figures, help=help_)


def _full(nodes: list[Known]) -> Known | None:
    """Return the first machine without room; each says so itself, by this one's limit."""
    taking = (node for node in nodes if node.state == NodeState.ACTIVE)
    return next((node for node in taking if node.free_bytes < settings.DISK_FLOOR_BYTES), None)


def _figures_of(node: Known, only: int) -> str:
    words = _("silent") if node.is_silent else str(NodeState(node.state).label)
    count = f"{only:,}+" if only >= _COUNTED_UP_TO else f"{only:,}"
    facts = {"state": words, "free": size_in_words(node.free_bytes), "count": count}
    return _("%(state)s, %(free)s free, pictures only there: %(count)s") % facts
