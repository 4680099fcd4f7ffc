"""What a data folder says of itself before anything is served from it: who it is, and that nobody else is."""

import logging

from django.conf import settings
from django.db import DatabaseError, InterfaceError

from media_pipeline.nodes import here, identity
from photohub.start.preparing import CannotStart

log = logging.getLogger(__name__)


def join_hub() -> None:
    """Join the hub's other machines, where there may be any. Raises CannotStart when this folder may not be used."""
    try:
        identity.read_or_make(settings.PHOTOHUB_DATA, settings.NODE_NAME)
        if here.is_one_of_several():
            here.join()
        else:
            here.check_alone()
    except (here.NodeRefused, identity.IdentityDamaged) as error:
        raise CannotStart(str(error)) from error
    except (DatabaseError, InterfaceError) as error:
        # It joins when the database is there again, and is not ready before.
        log.warning("The database is away; this machine joins the hub when it is back: %s", error)
