from dataclasses import replace

import pytest

from devices.protocol.firmware.tickets import Ticket, encode_ticket, read_ticket

SECRET = b"of this hub"
TICKET = Ticket(target=7, sha256="ab" * 32, first=100, end=900, made_s=1_800_000_000)


def test_a_ticket_says_what_was_written():
    text = encode_ticket(TICKET, SECRET)
    assert text.startswith("7.100.900.1800000000.")
    assert read_ticket(text, TICKET.sha256, SECRET) == TICKET


@pytest.mark.parametrize(
    ("field", "value"), [("target", 8), ("first", 0), ("end", 901), ("made_s", 1_800_000_001)]
)
def test_no_part_of_it_can_be_changed(field, value):
    signature = encode_ticket(TICKET, SECRET).rpartition(".")[2]
    front = encode_ticket(replace(TICKET, **{field: value}), SECRET).rpartition(".")[0]
    assert read_ticket(f"{front}.{signature}", TICKET.sha256, SECRET) is None


def test_it_is_for_one_image_of_one_hub():
    text = encode_ticket(TICKET, SECRET)
    assert read_ticket(text, "cd" * 32, SECRET) is None
    assert read_ticket(text, TICKET.sha256, b"of another") is None


@pytest.mark.parametrize(
    "text", ["", ".", "1.2.3.4", "a.b.c.d.e", "-1.0.1.1." + "0" * 32, "1.0.1.1." + "é" * 32]
)
def test_what_is_no_ticket_is_none(text):
    assert read_ticket(text, TICKET.sha256, SECRET) is None
