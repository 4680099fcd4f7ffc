"""How the machines of a hub fare that has several: this one, for those who share out the uploads, and all of them."""

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from media_pipeline.mirror import uncopied
from media_pipeline.nodes import here, known
from media_pipeline.nodes.known import Known
from media_pipeline.nodes.models import NodeState
from photohub.lib.pages.sizes import size_in_words
from photohub.status.part import Part

_COUNTED_UP_TO = 1000


def look_at_this_machine() -> Part:
    """Tell whether this machine should be sent uploads."""
    if why := here.why_refused():
        return Part("problem", _("This machine may not use its data folder: %(why)s.") % {"why": why})
    if not here.is_ready():
        help_ = _("To have it take pictures again, run manage.py drain --cancel on it.")
        return Part("problem", _("This machine is being emptied: it takes no pictures."), help=help_)
    return Part("ok", _("It takes pictures."))


def look_at_machines() -> Part:
    """Tell of each machine whether it lives, how much space it has and what only it has."""
    nodes = sorted(known.every(), key=lambda node: node.number)
    only = {node.number: uncopied.count_only_on(node.mark, _COUNTED_UP_TO) for node in nodes}
    figures = [(node.name, _figures_of(node, only[node.number])) for node in nodes]
    silent = [node for node in nodes if node.is_silent and node.state != NodeState.EMPTY]
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


def _figures_of(node: Known, only: int) -> str:
    words = _("silent") if node.is_silent else str(NodeState(node.state).label)
    count = f"{only:,}+" if only >= _COUNTED_UP_TO else f"{only:,}"
    facts = {"state": words, "free": size_in_words(node.free_bytes), "count": count}
    return _("%(state)s, %(free)s free, pictures only there: %(count)s") % facts
