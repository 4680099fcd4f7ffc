import pytest

from devices.events import troubles
from tests.builders import make_device, make_program, make_user

pytestmark = pytest.mark.django_db


def test_a_trouble_stands_in_the_api_with_its_word_and_sentence():
    troubles.note(make_device(), "file_refused", detail="no picture")
    told = make_program(make_user("ada", "owner")).get("/api/v1/devices/porch").json()["troubles"]
    assert [(t["word"], t["count"]) for t in told] == [("file_refused", 1)]
    assert told[0]["sentence"] == "A file sent in pieces was refused. The device was told: no picture"
