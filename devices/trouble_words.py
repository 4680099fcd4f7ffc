"""The sentence of each word that a device's trouble or event can have, in the reader's language."""

from collections.abc import Mapping

from django.utils.translation import gettext_lazy as _

from photohub.lib import fetch_errors

# The names in brackets are the `values` that `troubles.note` was given.
SENTENCES = {
    "message_failed": _(
        "A message on %(channel)s could not be handled, because of a fault of the hub: %(detail)s"
    ),
    "messages_stuck": _(
        "Messages of devices came and none was handled. The hub connects to the broker anew."
    ),
    "messages_handled_again": _("Messages of devices are handled again."),
    "broker_connected": _("The message broker is connected."),
    "broker_away": _("The message broker is away: %(detail)s"),
    "picture_not_copied": _("The picture %(name)s could not be copied: %(detail)s"),
    "preview_too_large": _(
        "The picture %(name)s is shown without a preview: drawing its %(megapixels)s million pixels takes more memory "
        "than the hub may use (PHOTOHUB_WORK_MEMORY). Send JPEG, or a smaller size."
    ),
    "preview_failed": _("The picture %(name)s is shown without a preview: %(detail)s"),
    "clock_ahead": _(
        "This machine's clock went ahead by %(days)s days, to %(date)s. Until an owner says that it is right, "
        "nothing is deleted by age."
    ),
    "clock_behind": _(
        "This machine's clock went back by %(days)s days, to %(date)s. Until an owner says that it is right, "
        "nothing is deleted by age."
    ),
    "clock_database": _(
        "The clocks of this machine and of the database differ by %(minutes)s minutes. Until they agree, "
        "nothing is deleted by age."
    ),
    "retention_silent": _(
        "No picture came for %(days)s days, or the clock is wrong (%(date)s). Until an owner says that it is right, "
        "nothing is deleted by age."
    ),
    "retention_disk": _(
        "The picture folder %(folder)s is missing or empty: nothing is deleted. Is its disk mounted?"
    ),
    "retention_mirror": _("No file is freed, because the mirror does not prove its copies: %(error)s"),
    "retention_backlog": _(
        "Pictures older than %(days)s days that are still to be deleted: %(count)s. At most a quarter of all goes in one run."
    ),
    "retention_bytes": _("The pictures on this hub exceed the limit of %(limit)s by %(over)s."),
    "retention_kept": _("Kept by people, so they stay: %(count)s pictures."),
    "retention_waiting": _("Waiting for the mirror, so they stay: %(count)s pictures."),
    "retention_failed": _("Could not be copied to the mirror, so they stay: %(count)s pictures."),
    "retention_never": _("From before there was a mirror, so they stay: %(count)s pictures."),
    "retention_well": _("Old pictures are deleted and freed again."),
    # A picture that was refused, whichever way it came; each word ends with the error word of docs/protocol.md.
    "picture_no_name": _("A picture was refused: it came without a name (Name-Pic) and without a key."),
    "picture_bad_name": _(
        "A picture was refused: its name (Name-Pic) is empty, too long, or was sent twice."
    ),
    "picture_empty_body": _("An upload was refused: it held no picture."),
    "picture_bad_request": _(
        "An upload was refused: its length or its framing is wrong, or it ended before the picture was whole."
    ),
    "picture_auth": _("An upload was refused: its key was revoked, or its name had been used already."),
    "picture_disabled": _("An upload was refused: this device is switched off here."),
    "picture_slow": _("An upload was given up: the picture did not arrive in time."),
    "picture_too_large": _(
        "A picture was refused: it has more bytes than the hub takes. Lower its quality or size."
    ),
    "picture_not_image": _("A picture was refused: its bytes are neither JPEG nor PNG nor WebP."),
    "picture_hash_mismatch": _("A picture was refused: its bytes do not match the hash that came with it."),
    "picture_too_many_pixels": _(
        "A picture was refused: it has more pixels than the hub takes. Lower its size."
    ),
    "picture_rate": _("Pictures were refused: the device sends more than it may in this time."),
    "picture_busy": _(
        "A picture was not stored: the hub was too busy. The device was asked to send it again."
    ),
    "picture_db": _(
        "A picture was not stored: the database was away. The device was asked to send it again."
    ),
    "picture_disk_full": _("Pictures are refused: the hub's disk is full."),
    "picture_clock": _(
        "The device's clock is wrong: it dated a picture %(said)s. The hub's own time counts."
    ),
    "picture_several": _("An upload held %(count)s pictures. The first was stored; send one in each."),
    # Frames of the live picture.
    "frame_no_picture": _(
        "A frame could not be taken: its %(size)s bytes are no picture, neither as they are nor as base64 or JSON."
    ),
    "frame_size": _("A frame could not be taken: its header says %(said)s bytes, and %(size)s came."),
    "frame_too_large": _("A frame could not be taken: it is larger than %(limit)s bytes."),
    "frame_several": _("A frame could not be taken: its JSON holds more than one picture."),
    "frame_parts": _(
        "A frame in parts could not be put together: a part is missing, late, or in the wrong order."
    ),
    "frames_waiting": _("A frame could not be taken: too many frames come in parts at once."),
    "stream_unreadable": _("The stream was closed: its bytes are pictures in no framing that the hub knows."),
    "stream_too_large": _("The stream was closed: a picture in it is larger than %(limit)s bytes."),
    "file_refused": _("A file in pieces could not be taken. The device was answered: %(detail)s"),
    "file_no_room": _("A file in pieces has to wait: the hub has no room for more just now."),
    # What the broker does not take, and who was not let in.
    "topic_refused": _(
        "It uses the topic %(topic)s, which is none of its own: what it sends there arrives nowhere, and it hears "
        "nothing from there. Compare the topics in its program with those in its settings."
    ),
    "mqtt_refused": _("The message broker ended its connection: %(detail)s"),
    "login_mqtt": _(
        "A login at the message broker under its name was refused, from %(address)s: the key is wrong or was revoked."
    ),
    "login_stream": _(
        "A stream under its name was refused, from %(address)s: the key is wrong or was revoked."
    ),
    # What the panel's playlist cannot show; the word is the one of the delivery's `reason`.
    "playlist_item": _(
        "Picture %(number)s of its playlist cannot be shown, and is passed over (%(reason)s)."
    ),
    "playlist_stopped": _("The playlist could not go on with its picture %(number)s (%(reason)s)."),
    # Why the hub cannot fetch its pictures.
    **fetch_errors.SENTENCES,
}


class _Known(dict):
    """Arguments of a sentence. One that an older hub did not write down shows as a question mark."""

    def __missing__(self, name: str) -> str:
        return "?"


def sentence_of(word: str, values: Mapping[str, object]) -> str:
    """Return the sentence in the language that is active; a word of a newer hub stands for itself."""
    sentence = SENTENCES.get(word)
    return word if sentence is None else str(sentence) % _Known(values)
