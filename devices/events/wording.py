"""The sentence of each word that a device's trouble or event can have, in the reader's language."""

from collections.abc import Mapping

from django.utils.translation import gettext_noop as _

from photohub.lib.network import errors as fetch_errors
from photohub.lib.pages.sentences import Said

# The names in brackets are the `values` that `troubles.note` was given.
SENTENCES = {
    "message_failed": _(
        "A message on %(channel)s could not be processed because of an error in the hub: %(detail)s"
    ),
    "telemetry_unreadable": _(
        "Its telemetry could not be read: the %(size)s bytes are not a JSON object of at most "
        "%(limit)s bytes."
    ),
    "settings_unreadable": _(
        "What it says of its settings could not be read: the %(size)s bytes are not a JSON object of at most "
        "%(limit)s bytes."
    ),
    "message_dropped": _(
        "It sends more on %(channel)s than the hub can process: QoS 0 messages were dropped. Send fewer."
    ),
    "messages_stuck": _(
        "Device messages arrived but none was processed. The hub is reconnecting to the broker."
    ),
    "messages_handled_again": _("Device messages are processed again."),
    "broker_connected": _("The message broker is connected."),
    "broker_away": _("The message broker is unreachable: %(detail)s"),
    "picture_not_copied": _("The picture %(name)s could not be copied: %(detail)s"),
    "preview_too_large": _(
        "The picture %(name)s is shown without a preview: drawing its %(megapixels)s million pixels takes more memory "
        "than the hub may use (PHOTOHUB_WORK_MEMORY). Send JPEG, or a smaller size."
    ),
    "preview_failed": _("The picture %(name)s is shown without a preview: %(detail)s"),
    "clock_ahead": _(
        "This machine's clock jumped ahead by %(days)s days, to %(date)s. Until an owner "
        "confirms it, nothing is deleted by age."
    ),
    "clock_behind": _(
        "This machine's clock jumped back by %(days)s days, to %(date)s. Until an owner confirms "
        "it, nothing is deleted by age."
    ),
    "clock_database": _(
        "The clocks of this machine and of the database differ by %(minutes)s minutes. Until they agree, "
        "nothing is deleted by age."
    ),
    "retention_silent": _(
        "No picture has arrived for %(days)s days, or the clock is wrong (%(date)s). Until an "
        "owner confirms the clock, nothing is deleted by age."
    ),
    "retention_disk": _(
        "The picture folder %(folder)s is missing or empty: nothing is deleted. Is its disk mounted?"
    ),
    "retention_mirror": _("No files are freed, because the mirror cannot confirm its copies: %(error)s"),
    "retention_backlog": _(
        "Pictures older than %(days)s days still to be deleted: %(count)s. At most a quarter of "
        "all pictures goes in one run."
    ),
    "retention_bytes": _("The pictures on this hub exceed the limit of %(limit)s by %(over)s."),
    "retention_kept": _("Marked as kept, so they stay: %(count)s pictures."),
    "retention_waiting": _("Waiting for the mirror, so they stay: %(count)s pictures."),
    "retention_failed": _("Could not be copied to the mirror, so they stay: %(count)s pictures."),
    "retention_never": _("Taken before the mirror was set up, so they stay: %(count)s pictures."),
    "retention_well": _("Old pictures are being deleted and freed again."),
    # A picture that was refused, whichever way it came; each word ends with the error word of docs/protocol.md.
    "picture_no_name": _("A picture was refused: it came without a name (Name-Pic) and without a key."),
    "picture_bad_name": _(
        "A picture was refused: its name (Name-Pic) is empty, too long, or was sent twice."
    ),
    "picture_empty_body": _("An upload was refused: it contained no picture."),
    "picture_bad_request": _(
        "An upload was refused: its length or framing is wrong, or it ended before the picture was complete."
    ),
    "picture_auth": _(
        "An upload was refused: its key is unknown or revoked, or its name was already used or came too late."
    ),
    "picture_disabled": _("An upload was refused: this device is turned off in PhotoHub."),
    "picture_slow": _("An upload was abandoned: the picture did not arrive in time."),
    "picture_too_large": _(
        "A picture was refused: it is larger than the hub accepts. Lower its quality or size."
    ),
    "picture_not_image": _("A picture was refused: it is not a JPEG, PNG or WebP file."),
    "picture_hash_mismatch": _("A picture was refused: its bytes do not match the hash that came with it."),
    "picture_too_many_pixels": _(
        "A picture was refused: it has more pixels than the hub accepts. Reduce its size."
    ),
    "picture_rate": _("Pictures were refused: the device is sending too many."),
    "picture_busy": _("A picture was not stored, because the hub was too busy. %(again)s"),
    "picture_db": _("A picture was not stored, because the database was away. %(again)s"),
    "picture_fault": _("A picture could not be stored because of an error in the hub: %(detail)s"),
    "picture_disk_full": _("Pictures are refused: the hub's disk is full."),
    "picture_clock": _(
        "The device's clock is wrong: it dated a picture %(said)s. The hub's own time is used instead."
    ),
    "picture_several": _(
        "An upload contained %(count)s pictures. Only the first was stored; send one per upload."
    ),
    # Frames of the live picture.
    "frame_no_picture": _(
        "A frame was refused: its %(size)s bytes are not a picture, neither raw nor as base64 or JSON."
    ),
    "frame_size": _("A frame was refused: its header says %(said)s bytes, but %(size)s arrived."),
    "frame_too_large": _("A frame was refused: it is larger than %(limit)s bytes."),
    "frame_several": _("A frame was refused: its JSON holds more than one picture."),
    "frame_parts": _(
        "A frame in parts could not be put together: a part is missing, late, or in the wrong order."
    ),
    "frames_waiting": _("A frame was refused: too many frames are arriving in parts at once."),
    "stream_unreadable": _("The stream was closed: its data is not in a format the hub knows."),
    "stream_too_large": _("The stream was closed: a picture in it is larger than %(limit)s bytes."),
    "file_refused": _("A file sent in pieces was refused. The device was told: %(detail)s"),
    "file_no_room": _("A file sent in pieces has to wait: the hub has no room for more right now."),
    "link_unfit": _(
        "The links to its pictures cannot be published because %(topic)s is not a valid topic. "
        "Correct it in its settings."
    ),
    # What the broker does not take, and who was not let in.
    "topic_refused": _(
        "It uses the topic %(topic)s, which is not one of its own: nothing it sends there arrives, and it "
        "receives nothing from there. Compare the topics in its program with those in its settings."
    ),
    "mqtt_refused": _("The message broker closed its connection: %(detail)s"),
    "login_mqtt": _(
        "A login to the message broker as this device from %(address)s was refused: the key is wrong or revoked."
    ),
    "login_stream": _(
        "A stream sent as this device from %(address)s was refused: the key is wrong or revoked."
    ),
    "login_firmware": _(
        "A firmware request made as this device from %(address)s was refused: the key is wrong or revoked."
    ),
    "firmware_refused": _("It requested firmware and was refused: %(detail)s"),
    "topic_unheard": _(
        "The broker does not allow the hub to subscribe to its topic %(topic)s, so nothing it "
        "sends there arrives. Give the hub's account at the broker permission to read it."
    ),
    "account_needs_key": _(
        "The message broker does not know its key, so it cannot log in there. Create a new key "
        "and put it on the device."
    ),
    "account_failed": _("The message broker rejected its account: %(detail)s"),
    "copy_differs": _(
        "The mirror's copy of the picture %(name)s differs from what was received; it is not shown."
    ),
    "picture_unreadable": _(
        "The picture %(name)s is missing here, and cannot be read from the mirror: %(detail)s"
    ),
    "delivery_disk": _("A picture for it could not be stored and will be tried again: %(detail)s"),
    "simulator_stopped": _(
        "The simulated device stopped because of an error (%(why)s). It starts again with the hub."
    ),
    # What the panel's playlist cannot show.
    "playlist_item": _("Picture %(number)s of its playlist cannot be shown and is skipped: %(reason)s"),
    "playlist_stopped": _("The playlist could not continue with picture %(number)s: %(reason)s"),
    "playlist_failed": _("The playlist could not continue because of an error in the hub: %(detail)s"),
    # Why the hub cannot fetch its pictures.
    **fetch_errors.SENTENCES,
}


def sentence_of(word: str, values: Mapping[str, object]) -> str:
    """Return the sentence in the language that is active; a word of a newer hub stands for itself."""
    # An older hub did not write down what becomes of a picture that was not stored.
    return str(Said(SENTENCES[word], {"again": "", **values})) if word in SENTENCES else word
