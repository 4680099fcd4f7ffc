"""What owners choose for the whole hub."""

from devices.hub_settings import choices


def test_a_choice_is_kept_and_replaced(db):
    assert choices.read("colour") is None
    choices.write("colour", ["red"])
    choices.write("colour", "blue")
    assert choices.read("colour") == "blue"
