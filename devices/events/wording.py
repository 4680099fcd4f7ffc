"""The sentence of each word that a device's trouble or event can have, in the reader's language."""

from collections.abc import Mapping

from django.utils.translation import gettext_noop as _

from photohub.lib.network import errors as fetch_errors
from photohub.lib.pages.sentences import Said

# The names in brackets are the `values` that `troubles.note` was given.
SENTENCES = {
    "message_failed": _(
        "A message on %(channel)s could not be handled, because of a fault of the hub: %(detail)s"
    ),
    "telemetry_unreadable": _(
        "Its telemetry could not be read: the %(size)s bytes are no JSON object of at most %(limit)s bytes."
    ),
    "message_dropped": _(
        "It sends more on %(channel)s than the hub handles: messages of QoS 0 were dropped. Send fewer."
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
    "picture_auth": _(
        "An upload was refused: its key is unknown or was revoked, or its name was used already or came too late."
    ),
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
    "picture_busy": _("A picture was not stored, because the hub was too busy. %(again)s"),
    "picture_db": _("A picture was not stored, because the database was away. %(again)s"),
    "picture_fault": _("A picture could not be stored, because of a fault of the hub: %(detail)s"),
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
    "link_unfit": _(
        "The links of its pictures cannot be published, because %(topic)s is no topic for messages. Correct it in its "
        "settings."
    ),
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
    "login_firmware": _(
        "A request for firmware under its name was refused, from %(address)s: the key is wrong or was revoked."
    ),
    "firmware_refused": _("It asked for firmware and was refused: %(detail)s"),
    "topic_unheard": _(
        "The broker does not let the hub listen to its topic %(topic)s, so nothing that it sends there arrives. Give "
        "the hub's account at the broker the right to read it."
    ),
    "account_needs_key": _(
        "The message broker does not know its key, so it cannot log in there. Make a new key and give it to the device."
    ),
    "account_failed": _("The message broker did not take its account: %(detail)s"),
    "copy_differs": _(
        "The mirror's copy of the picture %(name)s has other bytes than were received; it is not shown."
    ),
    "picture_unreadable": _(
        "The picture %(name)s is missing here, and cannot be read from the mirror: %(detail)s"
    ),
    "delivery_disk": _("A picture for it could not be kept, and is tried again: %(detail)s"),
    "simulator_stopped": _(
        "The simulated camera stopped by a fault (%(why)s). It starts again with the hub."
    ),
    # What the panel's playlist cannot show.
    "playlist_item": _("Picture %(number)s of its playlist cannot be shown, and is passed over: %(reason)s"),
    "playlist_stopped": _("The playlist could not go on with its picture %(number)s: %(reason)s"),
    "playlist_failed": _("The playlist could not go on, because of a fault of the hub: %(detail)s"),
    # Why the hub cannot fetch its pictures.
    **fetch_errors.SENTENCES,
}


def sentence_of(word: str, values: Mapping[str, object]) -> str:
    """Return the sentence in the language that is active; a word of a newer hub stands for itself."""
    # An older hub did not write down what becomes of a picture that was not stored.
    return str(Said(SENTENCES[word], {"again": "", **values})) if word in SENTENCES else word
