"""Fills a hub with one of everything, in the states in which people meet it: for the test that looks at every page.

    hub.console.run("shell", "--no-imports", "-c", "from tests.browser.full_hub import fill; fill()")

What it prints is JSON: what stands in the addresses of its pages.
"""

import json
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from django.utils import timezone

from devices.access.groups import DeviceGroup
from devices.audit.asking import by_command
from devices.commands.models import Command, CommandState
from devices.events.models import Trouble
from devices.firmware.rollouts import queue as rollouts
from devices.firmware.rollouts.models import RolloutTarget, TargetState
from devices.firmware.rollouts.planning import DEFAULT_STEPS, Plan
from devices.keys import identity, tokens
from devices.panels.deliveries.models import Delivery, DeliveryState, PictureOrigin
from devices.panels.playlists import turns
from devices.panels.rendering.models import RenderProfile
from devices.panels.sources import outbox
from devices.registry.models import Device, LinkState, Panel
from devices.schedules.ending import note_missed
from devices.schedules.models import Gap, RunDay, ScheduledRun
from devices.schedules.models import RunState as ScheduledState
from devices.schedules.rules import delete_schedule, save_schedule
from devices.telemetry.models import TelemetrySample
from media_pipeline.alerts import queue as alerts
from media_pipeline.alerts import rules as alert_rules
from media_pipeline.alerts.channels import rules as channels
from media_pipeline.alerts.channels.models import AlertChannel
from media_pipeline.alerts.models import AlertMessage, MessageState
from media_pipeline.captures import thumbnails
from media_pipeline.captures.labels import add_tag, set_kept
from media_pipeline.captures.models import Capture, Freshness
from media_pipeline.history.models import SavedFilter
from media_pipeline.keep_rules.models import KeepRule
from media_pipeline.links import sharing
from media_pipeline.links.models import ShareLink
from media_pipeline.maintenance import counting
from media_pipeline.show_rules import rules
from media_pipeline.show_rules.models import RunState, ShowRun
from media_pipeline.time_lapses import making
from media_pipeline.time_lapses import queue as time_lapses
from media_pipeline.time_lapses.models import LapseState, TimeLapse
from media_pipeline.trash.moving import move_to_trash
from photohub.accounts import first_owner, invitations
from photohub.lib.pages.sentences import columns, said
from tests.browser.new_user import OWNER, PASSWORD
from tests.builders import make_capture, make_device, make_jpeg, make_user
from tests.devices.firmware.builders import make_firmware, store

LATIN = "Hochwasserrückhaltebecken Nordwest, Kamera an der alten Grenzbefestigungsanlage"
CHINESE = "西北门停车场入口处朝向主马路的第二台高清全彩夜视网络摄像机"
FAR = timedelta(days=365)


def fill() -> None:
    """Make everything, and print what stands in the addresses."""
    with by_command("shell"):
        _fill()


def _fill() -> None:
    owner = first_owner.make_owner(OWNER, PASSWORD)
    group = DeviceGroup.objects.create(name=f"{LATIN[:60]}")
    other = DeviceGroup.objects.create(name="院子")
    yard, lake, pi, panel = make_devices(group, other)
    pictures = take_pictures(yard, lake)
    names = {"yard": yard.code, "lake": lake.code, "pi": pi.code, "panel": panel.code}
    names |= {"pi_key": identity.issue_key(pi)}
    names |= {"picture": str(pictures[0].pk), "broken": str(pictures[-1].pk), "link": pictures[0].code}
    names |= make_people(owner, group) | share(pictures, yard, owner)
    names |= show_pictures(panel, yard, pictures) | make_films(yard) | roll_out()
    names |= make_schedules(yard, group)
    names |= tell_of(owner, yard, lake, pictures)
    order_pictures(yard, lake, pictures)
    move_to_trash(owner, pictures[3:5])
    # They came long before they were stored here.
    counting.mark_changed(pictures)
    counting.keep_counts()
    print(json.dumps(names))


def make_devices(group: DeviceGroup, other: DeviceGroup) -> tuple[Device, Device, Device, Device]:
    """Return two cameras, one that streams, and a panel; a device of each other kind is made beside them."""
    heard = {"last_seen_at": timezone.now(), "battery_mv": 3550, "rssi_dbm": -71, "firmware_version": "1.9.0"}
    yard = make_device("yard", profile="esp32s3", name=CHINESE, groups=[other, group], pinned=True, **heard)
    # As long as a code may be, and of one word.
    lake = make_device("hochwasserrueckhaltebecken-nord", name=LATIN, group=group, note="On the dam.")
    pi = make_device("garage", profile="raspberry-pi", name="Garage", stream_policy="none")
    panel = make_device("hall", profile="panel", name="Hall", group=group, **heard)
    make_device("gate", profile="k230", name="Gate", enabled=False)
    shown = {"render_profile": RenderProfile.objects.get(name="epaper-800x480-bwr"), "poll_interval_s": 3600}
    Panel.objects.filter(device=panel).update(**shown)
    kitchen = make_device("kitchen", profile="panel", name=f"{LATIN[:30]} {CHINESE}")
    Panel.objects.filter(device=kitchen).update(hardware_address="94:A9:90:8C:6D:19")
    connected = {"link_state": LinkState.CONNECTED, "link_changed_at": timezone.now(), "listens": True}
    Device.objects.filter(pk=yard.pk).update(**connected)
    facts = {"limit": 4096, "size": 9000}
    Trouble.objects.create(device=yard, word="telemetry_unreadable", values=facts, count=3)
    minute = int(timezone.now().timestamp()) // 60
    told = {"battery_mv": 3900, "rssi_dbm": -61, "free_heap_bytes": 128_000}
    samples = [
        TelemetrySample(device=yard, minute=minute - 30 * n, **told) for n in range(200) if n % 50 < 40
    ]
    TelemetrySample.objects.bulk_create(samples)
    KeepRule.objects.create(device=lake, keep_days=365)
    KeepRule.objects.create(group=group, keep_days=0)
    return yard, lake, pi, panel


def take_pictures(yard: Device, lake: Device) -> list[Capture]:
    """Return pictures of several days, the newest first; the last one is cut short, the one before it is black."""
    now = timezone.now()
    whole = [
        make_capture(
            yard if number % 3 else lake,
            make_jpeg(320, 240, ("seagreen", "peru", "steelblue")[number % 3], text=str(number)),
            name=f"picture-{number}.jpg",
            received_at=now - timedelta(hours=7 * number, minutes=1),
        )
        for number in range(16)
    ]
    like = [picture_of_night(lake, now - timedelta(days=1, minutes=number), number) for number in range(4)]
    black = make_capture(yard, make_jpeg(320, 240, "black"), name="black.jpg", received_at=now - FAR / 10)
    data = make_jpeg(640, 480, "tan", text="half of it", quality=95)
    broken = make_capture(yard, data[: len(data) // 2], name="half.jpg", received_at=now - FAR / 9)
    pictures = [*whole, *like, black, broken]
    thumbnails.make_all([capture.pk for capture in pictures])
    add_tag(whole[:2], "Grenzbefestigungsanlage")
    add_tag(whole[1:3], "院子")
    set_kept(whole[:1], True)
    Capture.objects.filter(pk=whole[0].pk).update(note="Two foxes at the fence.", captured_at=now - FAR / 365)
    return pictures


def picture_of_night(camera: Device, at: datetime, number: int) -> Capture:
    # The same pixels and other bytes: the history folds such pictures.
    data = make_jpeg(320, 240, "midnightblue", quality=70 + number)
    return make_capture(camera, data, name=f"night-{number}.jpg", received_at=at)


def make_people(owner, group: DeviceGroup) -> dict[str, str]:
    """Make a viewer, an operator who is switched off, and somebody who was invited."""
    make_user("betty-with-a-remarkably-long-user-name", "viewer", group)
    carl = make_user("carl", "operator", group)
    carl.is_active = False
    carl.save()
    dora = make_user("dora", "viewer")
    dora.set_unusable_password()
    dora.save()
    tokens.new_token(owner, "Backup at home", ["read"])
    SavedFilter.objects.create(user=owner, name="Foxes", query="kept=yes")
    return {"invitation": urlsplit(invitations.make_link(dora)).path.removeprefix("/")}


def share(pictures: list[Capture], camera: Device, owner) -> dict[str, str]:
    """Make a link of each kind, one with a password, and one that was withdrawn."""
    day = {"device": camera, "since": pictures[2].received_at - timedelta(days=2)}
    wishes = {
        "one": sharing.Wish((pictures[0],)),
        "some": sharing.Wish(tuple(pictures[:3])),
        "day": sharing.Wish(**day, before=timezone.now()),
        "live": sharing.Wish(device=camera),
    }
    ends = timezone.now() + timedelta(days=7)
    links = {name: sharing.share(wish, owner, ends) for name, wish in wishes.items()}
    links["locked"] = sharing.share(wishes["some"], owner, None, "a password")
    links["ended"] = sharing.share(wishes["one"], owner, None)
    sharing.revoke_share(links["ended"], owner)
    ShareLink.objects.filter(pk=links["some"].pk).update(opened=3, opened_at=timezone.now())
    return {f"share_{name}": link.code for name, link in links.items()}


def show_pictures(panel: Device, camera: Device, pictures: list[Capture]) -> dict[str, str]:
    """Give the panel a playlist, deliveries in every state, and a rule with runs."""
    turns.add_camera(panel, camera, caption=camera.name)
    turns.add_picture(panel, make_jpeg(text="lasting"), "lasting-picture-of-the-garden.jpg")
    data = make_jpeg(400, 240, "peru", text="shown")
    shown = {"sha256": outbox.keep(data), "content_type": "image/jpeg", "size_bytes": len(data)}
    Panel.objects.filter(device=panel).update(
        shown_sha256=shown["sha256"], shown_content_type="image/jpeg", shown_label=str(pictures[0].pk)
    )
    for state in DeliveryState:
        make_delivery(panel, pictures[1], state, shown)
    rule = rules.save_rule({"name": f"{CHINESE[:20]} → Hall", "camera": camera}, [panel])
    reason = said("Its camera has sent no picture for a while.")
    ShowRun.objects.create(rule=rule, capture=pictures[1], state=RunState.SHOWN)
    skipped = {"state": RunState.SKIPPED, "reason": reason.text}
    ShowRun.objects.create(rule=rule, capture=pictures[2], **skipped)
    rules.save_rule({"name": "Off", "camera": camera, "enabled": False}, [panel])
    return {"rule": str(rule.pk)}


def make_schedules(camera: Device, group: DeviceGroup) -> dict[str, str]:
    """Make a schedule with runs of every kind, one of a group that is paused, and one that was deleted."""
    place = {"latitude": 52.5, "longitude": 13.4, "from_at": "sunrise", "until_at": "sunset-30"}
    row = save_schedule({"name": f"{CHINESE[:20]} by day", "device": camera, "every_min": 15} | place)
    why = columns(
        "reason", said("Camera heard nothing: offline since %(time)s.", time=timezone.now() - FAR / 400)
    )
    for number, state in enumerate(ScheduledState):
        at = timezone.now() - timedelta(minutes=15 * (number + 1))
        gap = {"gap": Gap.OFFLINE, **why} if state == ScheduledState.MISSED else {}
        run = ScheduledRun.objects.create(
            schedule=row, device=camera, due_at=at, expires_at=at, state=state, check_at=at + FAR, **gap
        )
        note_missed([run] if gap else [])
    for day in range(12):
        counts = {"expected": 40, "arrived": 40 - day % 4 * 10, "offline": day % 4 * 10}
        RunDay.objects.update_or_create(
            device=camera, day=run.due_at.date() - timedelta(days=day), defaults=counts
        )
    save_schedule({"name": LATIN, "group": group, "kind": "times", "times": ["12:00"], "enabled": False})
    delete_schedule(save_schedule({"name": "Former", "device": camera}))
    return {"schedule": str(row.pk)}


def make_delivery(panel: Device, capture: Capture, state: DeliveryState, shown: dict) -> None:
    way = {"packets_total": 12, "packets_acked": 5, "expires_at": timezone.now() + FAR, "lease_until": None}
    # None that a gateway would take up: it is as if each had just been tried.
    way |= {"prepared_at": timezone.now(), "next_try_at": timezone.now() + FAR}
    if state == DeliveryState.SENDING:
        way |= {"started_at": timezone.now(), "lease_until": timezone.now() + FAR}
    if state == DeliveryState.FAILED:
        way |= {"reason": "The panel did not answer.", "finished_at": timezone.now()}
    origin = {"origin": PictureOrigin.CAPTURE, "origin_ref": str(capture.pk), "caption": CHINESE}
    Delivery.objects.create(device=panel, state=state, **shown, **origin, **way)


def make_films(camera: Device) -> dict[str, str]:
    """Make one film, and the rows of one that failed and one that waits."""
    film = time_lapses.ask_for(time_lapses.Wish(camera, width=320))
    making.make_all([film.pk])
    failed = time_lapses.ask_for(time_lapses.Wish(camera))
    error = "The film could not be written: no space left on device."
    TimeLapse.objects.filter(pk=failed.pk).update(
        state=LapseState.FAILED, error=error, finished_at=timezone.now()
    )
    waiting = time_lapses.ask_for(time_lapses.Wish(camera, fps=5))
    TimeLapse.objects.filter(pk=waiting.pk).update(next_try_at=timezone.now() + FAR)
    return {"film": str(film.pk), "failed_film": str(failed.pk), "waiting_film": str(waiting.pk)}


def roll_out() -> dict[str, str]:
    """Let a rollout stand in its first step, with boards in several states, and keep another image unpublished."""
    boards = [make_device(f"board-{n}", profile="esp8266-stm32", name=f"Board {n}") for n in range(5)]
    firmware = make_firmware(product="photohub")
    draft = store(b"\xe9 a newer image " * 400, product="photohub", version="2.1.0", counter=3)
    rollout = rollouts.create(firmware, boards, plan=Plan(steps=DEFAULT_STEPS), start=True)[0]
    states = (TargetState.PROVED, TargetState.FAILED, TargetState.TIMED_OUT)
    for target, state in zip(RolloutTarget.objects.filter(rollout=rollout), states, strict=False):
        reason = "" if state == TargetState.PROVED else "The image did not start and the board went back."
        RolloutTarget.objects.filter(pk=target.pk).update(state=state, reason=reason)
    return {"image": str(firmware.pk), "draft": str(draft.pk), "rollout": str(rollout.pk), "board": "board-1"}


def tell_of(owner, yard: Device, lake: Device, pictures: list[Capture]) -> dict[str, str]:
    """Make channels that work and that do not, rules, and alerts whose messages are in every state."""
    address = "mailto://example.org:2525/?smtp=mail.example.org&from=hub@example.org&to=you@example.org"
    mail = channels.add_service(owner, LATIN[:60], address, "mail", "en", for_hub=False)
    hook = channels.add_webhook(owner, "", "https://example.org/hook", "en", for_hub=False)
    of_hub = channels.add_webhook(owner, "Hub", "https://example.org/hub", "en", for_hub=True)
    answers = {"answered_at": timezone.now(), "answer": "example.org answered 200: thanks"}
    AlertChannel.objects.filter(pk=hook.pk).update(**answers)
    why = {"error": "mail.example.org cannot be reached (Connection refused).", "failed_at": timezone.now()}
    AlertChannel.objects.filter(pk=mail.pk).update(**why)
    silent = {"kind": "silent", "threshold": 24 * 3600}
    quiet = {"quiet_from": 22 * 60, "quiet_until": 7 * 60, "device": yard}
    rule = alert_rules.save_rule(silent | quiet, [mail, hook], owner)
    # One that nobody looks at, so that what it told stays as it is made here.
    off = alert_rules.save_rule(silent | {"enabled": False}, [mail, hook], owner)
    alert_rules.save_rule(silent | {"enabled": False}, [of_hub], owner, for_hub=True)
    for number, (device, state) in enumerate(zip((yard, lake, yard, lake), MessageState, strict=True)):
        what = said("%(device)s has been silent since %(time)s.", device=device.name, time=timezone.now())
        capture = pictures[number] if number < 2 else None
        alert = alerts.begin(off, f"made:{number}", what, device=device, capture=capture)
        far = {"next_try_at": timezone.now() + FAR / 400, "give_up_at": timezone.now() + FAR}
        AlertMessage.objects.filter(alert=alert).update(state=state, error="It was not taken.", **far)
    return {"alert_rule": str(rule.pk), "webhook": str(hook.pk), "mail_channel": str(mail.pk)}


def order_pictures(yard: Device, lake: Device, pictures: list[Capture]) -> None:
    """Make an order that was answered with old bytes, one that failed, and one that waits."""
    now = timezone.now()
    ends = {"expires_at": now + timedelta(hours=1), "created_at": now}
    answered = Command.objects.create(
        device=yard, name="asked-1", state=CommandState.UPLOADED, finished_at=now, **ends
    )
    Capture.objects.filter(pk=pictures[1].pk).update(command=answered, freshness=Freshness.SAME)
    said_why = {"reason": "The camera reported an error: no memory left.", "reason_word": "camera_error"}
    Command.objects.create(
        device=lake, name="asked-2", state=CommandState.FAILED, finished_at=now, **said_why, **ends
    )
