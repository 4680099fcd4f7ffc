"""Links for people without an account: what they open, and when they end."""

from datetime import timedelta

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from devices.access.groups import DeviceGroup
from devices.access.models import Membership
from devices.events.models import Event
from media_pipeline.captures.models import Capture
from media_pipeline.links import sharing
from media_pipeline.links.models import ShareKind, ShareLink
from media_pipeline.links.sharing import Wish
from media_pipeline.trash import moving
from tests.builders import make_capture, make_device, make_user

pytestmark = pytest.mark.django_db


def make_several(count: int = 3) -> list[Capture]:
    device = make_device("porch")
    now = timezone.now()
    return [make_capture(device, name=f"p{n}", received_at=now - timedelta(hours=n)) for n in range(count)]


def opened(link: ShareLink) -> list[str]:
    return sorted(sharing.pictures_of(sharing.find(link.code)).values_list("name", flat=True))


def test_each_kind_opens_what_it_says():
    bob, several = make_user("bob", "operator"), make_several()
    device, now = several[0].device, timezone.now()
    one = sharing.share(Wish((several[0],)), bob, None)
    two = sharing.share(Wish(tuple(several[:2])), bob, None)
    lately = sharing.share(Wish(device=device, since=now - timedelta(minutes=90), before=now), bob, None)
    live = sharing.share(Wish(device=device), bob, None)
    kinds = [link.kind for link in (one, two, lately, live)]
    assert kinds == [ShareKind.PICTURE, ShareKind.SELECTION, ShareKind.DAY, ShareKind.LIVE]
    assert [opened(link) for link in (one, two, lately)] == [["p0"], ["p0", "p1"], ["p0", "p1"]]
    assert [sharing.opens_live(link) for link in (one, two, lately, live)] == [False, False, False, True]
    assert {link.device for link in (one, two, lately, live)} == {device}


def test_what_is_in_the_trash_is_not_opened():
    bob, several = make_user("bob", "operator"), make_several()
    link = sharing.share(Wish(tuple(several)), bob, None)
    moving.move_to_trash(bob, several[:1])
    assert opened(link) == ["p1", "p2"]
    moving.restore(bob, several[:1])
    assert opened(link) == ["p0", "p1", "p2"]


def test_a_link_opens_no_more_than_its_maker_may_see():
    garden = DeviceGroup.objects.create(name="Garden")
    device, bob = make_device("shed", group=garden), make_user("bob", "operator", garden)
    picture = sharing.share(Wish((make_capture(device, name="a"),)), bob, None)
    live = sharing.share(Wish(device=device), bob, None)
    assert opened(picture) == ["a"] and sharing.opens_live(sharing.find(live.code))
    Membership.objects.all().delete()
    assert opened(picture) == [] and not sharing.opens_live(sharing.find(live.code))


def test_a_link_whose_maker_is_gone_has_ended():
    bob, several = make_user("bob", "operator"), make_several(1)
    link, live = (
        sharing.share(wish, bob, None) for wish in (Wish(tuple(several)), Wish(device=several[0].device))
    )
    bob.delete()
    assert opened(link) == [] and not sharing.find(link.code).live
    assert not sharing.opens_live(sharing.find(live.code))


def test_the_live_view_ends_with_the_link_and_with_the_camera():
    device, bob = make_device("porch"), make_user("bob", "operator")
    links = [sharing.share(Wish(device=device), bob, sharing.ends_after(word)) for word in ("1h", "never")]
    ShareLink.objects.filter(pk=links[0].pk).update(expires_at=timezone.now())
    assert [sharing.opens_live(sharing.find(link.code)) for link in links] == [False, True]
    assert sharing.revoke_share(links[1], bob) and not sharing.revoke_share(links[1], bob)
    assert not sharing.opens_live(sharing.find(links[1].code))


def test_a_camera_that_is_switched_off_is_not_watched():
    device = make_device("porch", enabled=False)
    assert not sharing.opens_live(sharing.share(Wish(device=device), make_user("bob", "operator"), None))


@pytest.mark.parametrize(
    "wrong",
    [
        {"expires_at": timezone.now() - timedelta(hours=1)},
        {"password": "x" * 201},
        {"since": timezone.now()},
        {"since": timezone.now() - timedelta(days=40), "before": timezone.now()},
        {"device": None},
    ],
)
def test_what_makes_no_sense_is_refused(wrong):
    wish = Wish(device=make_device("porch") if "device" not in wrong else None)
    wish = Wish(device=wish.device, since=wrong.get("since"), before=wrong.get("before"))
    with pytest.raises(ValidationError):
        sharing.share(wish, None, wrong.get("expires_at"), wrong.get("password", ""))
    assert not ShareLink.objects.exists()


def test_sharing_and_withdrawing_are_written_down():
    bob, several = make_user("bob", "operator"), make_several(1)
    link = sharing.share(Wish(tuple(several)), bob, None)
    sharing.revoke_share(link, bob)
    told = list(Event.objects.told().order_by("seq").values_list("sentence", "actor__username"))
    assert told[-2:] == [
        ("A link to its pictures was shared.", "bob"),
        ("A shared link was withdrawn.", "bob"),
    ]


def test_who_may_withdraw_it():
    garden = DeviceGroup.objects.create(name="Garden")
    bob, device = make_user("bob", "operator", garden), make_device("shed", group=garden)
    mixed = Wish((make_capture(device), make_capture(make_device("porch"))))
    own, both = sharing.share(Wish(device=device), bob, None), sharing.share(mixed, bob, None)
    rita, vera = make_user("rita", "operator", garden), make_user("vera", "viewer", garden)
    assert [sharing.may_revoke(user, own) for user in (bob, rita, vera)] == [True, True, False]
    assert [sharing.may_revoke(user, both) for user in (bob, rita)] == [True, False]
    assert sharing.may_revoke(make_user("alice", "owner"), both)
    assert both.device is None and list(ShareLink.objects.visible_to(rita)) == [own]
