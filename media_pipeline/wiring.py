"""What `devices` asks of this room: each function is handed down here, and nowhere else.

`MediaPipelineConfig.ready` calls `connect`, so every process that has started Django is wired alike, whatever it has
imported. Importing a module connects nothing.
"""

from devices.access import arrivals
from devices.commands import results
from devices.panels.playlists import turns as playlists
from devices.panels.sources import fetching, sources
from devices.registry import removing
from photohub.lib.files import shared
from photohub.lib.messaging import enqueue

from .alerts.kinds import logins
from .captures import for_panels as showing
from .captures import labels
from .captures.models import Capture
from .links import publish
from .maintenance import deleting
from .nodes import here, queues
from .search import index
from .shared_files import sharing


def connect() -> None:
    """Hand the functions to the room below. Connecting again changes nothing."""
    removing.on_remove(deleting.clear_pictures_of, deleting.count_pictures_of)
    results.on_result(publish.hear_result)
    sources.on_read(showing.read_by_id, showing.read_newest)
    sources.on_trash(showing.trashed_among)
    deleting.on_delete(playlists.forget)
    labels.on_note(index.note_change)
    fetching.on_own_link(showing.read_link)
    arrivals.on_login(logins.note_login)
    here.on_first(Capture.everything.exists)
    shared.share_with(sharing.BetweenMachines())
    enqueue.route_with(queues.route, queues.own_queue)
