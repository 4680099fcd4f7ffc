import pytest

from devices.protocol.mqtt.fields import Fields, Malformed, pack_binary, pack_text


def test_fields_are_taken_in_order():
    fields = Fields(b"\x00\x02hi\x07\x01\x00\x00\x01\xff", "TEST")
    assert (fields.text(), fields.byte(), fields.number(), fields.binary()) == ("hi", 7, 256, b"\xff")
    assert fields.left == 0


def test_a_field_never_reaches_past_the_end():
    with pytest.raises(Malformed, match="ends in the middle"):
        Fields(b"\x00\x03hi", "TEST").text()


def test_a_string_must_be_utf8_without_nul():
    for body in (b"\x00\x01\xff", b"\x00\x03\xed\xa0\x80", b"\x00\x03a\0b"):
        with pytest.raises(Malformed):
            Fields(body, "TEST").text()


def test_a_packet_id_is_never_zero():
    with pytest.raises(Malformed, match="packet id 0"):
        Fields(b"\0\0", "TEST").packet_id()


def test_a_string_is_written_with_its_length_in_bytes():
    assert pack_text("é") == b"\x00\x02\xc3\xa9"


def test_a_field_above_65535_bytes_is_refused():
    assert len(pack_binary(bytes(65_535))) == 65_537
    with pytest.raises(Malformed):
        pack_binary(bytes(65_536))
