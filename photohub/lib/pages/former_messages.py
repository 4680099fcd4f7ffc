"""Messages that rows of an older hub keep in other words than today, and how each reads now."""

NOW = {
    "%(address)s answers %(status)s, so it does not lead to this hub.": "%(address)s answered %(status)s, so it does not lead to this hub.",
    "%(count)s pictures already wait for %(device)s. Cancel some, or wait until they are through.": (
        "%(count)s pictures are already waiting for %(device)s. Cancel some, or wait until they have "
        "been delivered."
    ),
    "%(device)s is switched off in its settings.": "%(device)s is turned off in its settings.",
    "%(device)s stayed away for a day.": "%(device)s did not connect for a day.",
    (
        "%(device)s takes no pictures. Set its picture topics, or make it a panel that fetches, in its "
        "settings."
    ): (
        "%(device)s cannot show pictures. In its settings, set its picture topics or make it a panel "
        "that fetches."
    ),
    "%(host)s answered with other bytes than those stored.": "%(host)s returned different bytes than were stored.",
    "%(host)s gave the bytes, but forces a download; to show pictures, set a custom domain.": (
        "%(host)s served the file but forces a download. To show pictures in the browser, set a custom "
        "domain."
    ),
    "%(host)s gave the same bytes to a stranger with the link.": "%(host)s served the same bytes to someone with only the link.",
    "A copy is in the former mirror; it is deleted when that mirror is set up again.": "A copy remains in the previous mirror. It is deleted when that mirror is set up again.",
    "A fault of the hub kept it from being shown.": "An error in the hub kept it from being shown.",
    "A key was made.": "A key was created.",
    "A new device secret was made.": "A new device secret was created.",
    "A panel with the address %(address)s asks to be added. Enter it in a panel's settings.": (
        "A panel with the address %(address)s is asking to be added. Enter this address in a panel's "
        "settings."
    ),
    "A picture of a stream does not come again.": "A frame of a stream cannot be sent again.",
    "A picture was shown less than %(seconds)s s before.": "Another picture was shown less than %(seconds)s s earlier.",
    "A rollout of %(name)s was made, to which devices may go back; devices: %(n)d.": "A rollout of %(name)s was created (rollback allowed); devices: %(n)d.",
    "A rollout of %(name)s was made; devices: %(n)d.": "A rollout of %(name)s was created; devices: %(n)d.",
    "A time-lapse could not be made: %(why)s": "A time-lapse failed: %(why)s",
    "Camera heard nothing: it has never connected.": "The camera has never connected.",
    "Copying this picture failed by a fault of PhotoHub; its log says how. It is tried again.": (
        "Copying this picture failed because of an error in PhotoHub; see its log. It will be tried again."
    ),
    "End connections that nobody needs, or see who opens so many.": "Close connections that are not needed, or find out who opens so many.",
    (
        "Files of pictures that no row names: %(count)s. They were moved to %(folder)s and stay there "
        "for 30 days."
    ): (
        "Picture files that belong to no picture: %(count)s. They were moved to %(folder)s and stay "
        "there for 30 days."
    ),
    "It failed.": "Failed.",
    "It failed: %(why)s.": "Failed: %(why)s.",
    "It was begun %(times)s times and came no further. %(why)s": "It was started %(times)s times without getting anywhere. %(why)s",
    "Its files could not be written or read (%(why)s).": "Files could not be written or read (%(why)s).",
    "Its panel may set itself up again.": "Its panel can be set up again.",
    "Its panel was given its key.": "Its panel received its key.",
    "Nobody had asked for this picture.": "Nobody requested this picture.",
    "None of its pictures could be read.": "None of the pictures could be read.",
    "OSS computed another checksum than PhotoHub. The picture will be sent again.": "OSS computed a different checksum than PhotoHub. The picture will be sent again.",
    "OSS shows other bytes than those sent. It is tried again.": "OSS returned different bytes than were sent. It will be tried again.",
    "PhotoHub may not write to the mirror folder %(folder)s. Check owner and mount.": "PhotoHub has no permission to write to the mirror folder %(folder)s. Check its owner and mount.",
    "Pictures may not be fetched from this address. The owner allows hosts by PHOTOHUB_FETCH_FROM.": (
        "Fetching pictures from this address is not allowed. The owner can allow hosts with "
        "PHOTOHUB_FETCH_FROM."
    ),
    "Retention goes on: the clock is right.": "Retention continues: the clock is right.",
    "Switched off.": "Turned off.",
    "Switched on.": "Turned on.",
    "The broker does not let the hub listen to %(topics)s, so devices there are not heard.": (
        "The broker does not allow the hub to subscribe to %(topics)s, so devices using them are not heard."
    ),
    "The broker lets the hub listen to all topics again.": "The broker allows the hub to subscribe to all topics again.",
    "The bytes from OSS were damaged on the way. Try again.": "The data from OSS was damaged in transit. Try again.",
    "The bytes on the disk are not those that were uploaded.": "The file on disk is not the one that was uploaded.",
    "The bytes that came back are not those that were stored.": "The data read back is not what was stored.",
    "The camera itself was just shown a picture of one of these panels.": "The camera itself was just shown a picture from one of these panels.",
    "The camera says that it failed.": "The camera reported a failure.",
    "The clock jumped: devices with an update of this rollout have their whole time again.": "The clock jumped: devices updating in this rollout get their full time again.",
    "The disk took no picture.": "The picture could not be written to disk.",
    "The hub could not keep the picture (%(why)s); it is tried again.": "The hub could not store the picture (%(why)s); it will be tried again.",
    "The hub could not keep the picture. Look at its disk.": "The hub could not store the picture. Check its disk.",
    "The hub had to break it off %(count)s times.": "The hub had to abort it %(count)s times.",
    "The message broker at %(where)s is away: %(why)s.": "The message broker at %(where)s is unreachable: %(why)s.",
    (
        "The message broker had acknowledged it already, so it is lost unless the device sends it again "
        "by itself."
    ): "The message broker had already acknowledged it, so it is lost unless the device sends it again.",
    "The mirror holds other bytes under %(key)s; nothing was overwritten. Compare the two.": "The mirror has a different file at %(key)s; nothing was overwritten. Compare the two.",
    "The mirror took the bytes but does not find them again.": "The mirror accepted the file but cannot find it again.",
    "The panel fetched it %(count)s times and never said that it has it.": "The panel fetched it %(count)s times but never confirmed it.",
    "The picture could not be made; the log says more.": "The picture could not be prepared; see the log.",
    "The picture did not come within %(seconds)s s.": "The picture did not arrive within %(seconds)s s.",
    "The picture is larger than the hub takes.": "The picture is larger than the hub accepts.",
    "The picture is missing in the outbox.": "The picture is missing from the outbox.",
    "The picture was not kept; choose it again.": "The picture was not stored; choose it again.",
    "The rollout of %(name)s enters step %(step)d of %(all)d.": "The rollout of %(name)s is now in step %(step)d of %(all)d.",
    "The rollout of %(name)s goes on.": "The rollout of %(name)s continues.",
    "The store cannot be reached. Check S3_ENDPOINT_URL and the network; it is tried again.": "The store cannot be reached. Check S3_ENDPOINT_URL and the network; it will be tried again.",
    "The store did not answer in time. It is tried again.": "The store did not answer in time. It will be tried again.",
    "The store does not show the bytes that were sent. They will be compared again.": "The store did not return the data that was sent. It will be compared again.",
    "There is no such picture that you may see, or its file is missing.": "There is no such picture, you may not see it, or its file is missing.",
    "This link of the hub leads to no picture.": "This link does not lead to a picture.",
    "Write an address first.": "Enter an address first.",
    "Write an address that begins with http:// or https:// and names a host.": "Enter an address that begins with http:// or https:// and names a host.",
    "a message could not be kept, and was not sent again": "a message could not be stored and was not sent again",
    "a packet of type %(kind)s has no place here": "a packet of type %(kind)s is not allowed here",
    "it fell silent": "it went silent",
    "it is not there": "it is missing",
    "its bytes are no MQTT that the hub speaks (%(why)s)": "it does not speak MQTT in a form the hub knows (%(why)s)",
    "its bytes are pictures in no framing that the hub knows (%(why)s)": "its data is not in a format the hub knows (%(why)s)",
    "messages came and none was handled": "messages arrived and none was processed",
    "the device was switched off or removed": "the device was turned off or removed",
    "the hub does not know this key, or the device is switched off": "the hub does not know this key, or the device is turned off",
    "the hub stumbled": "the hub had an error",
}
