from datetime import timedelta

import pytest
from django.utils import timezone
from django.utils.translation import override

from devices.panels.deliveries import queue as deliveries
from devices.panels.deliveries.models import Delivery
from devices.panels.deliveries.queue import Wish
from devices.panels.deliveries.wording import lines_of, reason_of, words_for, words_of
from devices.panels.sources.outbox import KEEP
from devices.registry.models import LinkState
from tests.builders import make_device, make_jpeg, make_user


@pytest.fixture
def delivery(db, settings, tmp_path) -> Delivery:
    settings.OUTBOX_DIR = tmp_path / "outbox"
    hall = make_device("hall", profile="panel", link_state=LinkState.CONNECTED)
    return deliveries.deliver(hall, Wish("upload", "a.jpg", picture=make_jpeg()))


def words(delivery: Delivery, **values) -> str:
    for name, value in values.items():
        setattr(delivery, name, value)
    return words_of(delivery)


def test_each_step_has_its_words(delivery):
    assert words(delivery) == "being prepared"
    assert words(delivery, prepared_at=timezone.now()) == "waiting its turn"
    delivery.device.link_state = LinkState.LOST
    assert "offline" in words(delivery) and "fetches it" in words(delivery, way="pull")
    assert words(delivery, state="sending", packets_acked=3, packets_total=9) == "packet 3 of 9"
    assert words(delivery, state="delivered") == "delivered"


def test_a_reason_without_figures_is_said_in_the_readers_language(delivery):
    delivery.reason_word, delivery.reason = "not_image", "This is not a readable picture."
    with override("zh-hans"):
        assert "字节" in reason_of(delivery)
    delivery.reason_word, delivery.reason = "no_ack_data", "packet 3 of 9"
    assert reason_of(delivery) == "packet 3 of 9"


def test_an_unknown_word_keeps_its_sentence(db):
    assert words_for("new_word", "As it was.") == "As it was." and words_for("new_word") == ""


def test_what_may_be_done_depends_on_state_and_person(delivery):
    bob, vera = make_user("bob", "operator"), make_user("vera", "viewer")
    line = lines_of([delivery], bob)[0]
    assert (line.can_cancel, line.can_repeat) == (True, False)
    assert not lines_of([delivery], vera)[0].can_cancel
    delivery.state = "failed"
    assert lines_of([delivery], bob)[0].can_repeat and not lines_of([delivery], vera)[0].can_repeat


def test_a_picture_that_is_kept_no_longer_is_not_shown(delivery):
    bob = make_user("bob", "operator")
    assert not lines_of([delivery], bob)[0].has_picture
    delivery.sha256, delivery.state, delivery.finished_at = "0" * 64, "delivered", timezone.now()
    assert lines_of([delivery], bob)[0].has_picture
    delivery.finished_at -= KEEP + timedelta(hours=1)
    assert not lines_of([delivery], bob)[0].has_picture
