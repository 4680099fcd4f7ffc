"""Whether the disk lasts: what the status page says of it before it is full."""

from django.utils.translation import gettext as _

from media_pipeline.storage import cameras, outlook
from photohub.lib.pages.sizes import size_in_words
from photohub.status.part import Part

_SOON_DAYS = 7


def look_at_storage() -> Part:
    """Say when the disk will be full, and warn while there is time."""
    found = outlook.look()
    sizes = cameras.sizes_of_days()
    figures = [(_("Pictures"), size_in_words(cameras.total_bytes()))]
    if sizes:
        figures.append((_("New in a day"), size_in_words(sum(sizes) // len(sizes))))
    sentence = outlook.say(found)
    if found.kind != "fills" or found.likely_days >= _SOON_DAYS:
        return Part("ok", sentence, figures=figures)
    help_ = _(
        "Let old pictures go by PHOTOHUB_KEEP_DAYS or PHOTOHUB_KEEP_BYTES, store fewer, or enlarge the disk."
        " When it is full new pictures are refused; what is stored is safe."
    )
    return Part("warning", sentence, figures=figures, help=help_)
