import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.protocol.aliyun.updates import (
    FirmwareGet,
    Inform,
    Offer,
    Progress,
    by_mqtt,
    decode_get,
    decode_inform,
    decode_progress,
    encode_get_error,
    encode_get_reply,
    encode_upgrade,
)
from devices.protocol.json_fields import Unreadable

MD5, SHA256 = "900150983cd24fb0d6963f7d28e17f72", "ba7816bf" * 8
URL = "http://192.168.1.20:8000/ota/f/Qm3x"
OFFER = Offer("2.0.0", 432945, MD5, SHA256, "SHA256", "MCU", URL)
# What the published sample sends every 5 s, to a topic that it has the wrong way round.
TELEMETRY = b'{"error":0,"wendu1":21.5,"zhuodu1":3,"yulv1":0.4,"shui":[1,0,1]}'


def test_a_version_is_read_as_the_vendor_documents_it():
    assert decode_inform(b'{"id":"123","params":{"version":"1.0.1","module":"MCU"}}') == Inform(
        "123", "1.0.1", "MCU"
    )


def test_id_may_be_a_number_and_the_module_is_optional():
    assert decode_inform(b'{"id":7,"params":{"version":" 1.0 "}}') == Inform(7, "1.0", "default")
    assert decode_inform(b'{"params":{"version":"1","module":""}}') == Inform("", "1", "default")


@pytest.mark.parametrize(
    "params", ['"version":""', '"version":7', '"version":"1","module":7', '"version":"' + "1" * 65 + '"']
)
def test_a_version_that_cannot_be_used_is_told(params: str):
    read = decode_inform(b'{"id":"9","params":{' + params.encode() + b"}}")
    assert isinstance(read, Unreadable) and read.id == "9" and "must be a text" in read.reason


@pytest.mark.parametrize(
    ("step", "value"), [('"-1"', -1), ('"0"', 0), ("100", 100), ('"47"', 47), ("-4", -4)]
)
def test_a_step_is_a_text_or_a_number(step: str, value: int):
    read = decode_progress(b'{"id":"1","params":{"step":%s,"desc":"going","module":"MCU"}}' % step.encode())
    assert read == Progress("1", value, "going", "MCU")


def test_negative_steps_name_what_failed():
    failed = [Progress("1", step).failed for step in (-1, -2, -3, -4, 0, 100)]
    assert failed == ["upgrade", "download", "verify", "flash", "", ""]


@pytest.mark.parametrize("step", ['"101"', "-5", '"half"', "null", "true", "50.5", "1e99", '""'])
def test_a_step_out_of_range_is_told(step: str):
    read = decode_progress(b'{"id":3,"params":{"step":' + step.encode() + b"}}")
    assert read == Unreadable("The step must be 0 to 100, or -1 to -4 for a failure.", 3)


def test_a_question_is_read_with_and_without_module():
    question = b'{"id":"123","version":"1.0","params":{"module":"MCU"},"method":"thing.ota.firmware.get"}'
    assert decode_get(question) == FirmwareGet("123", "MCU")
    assert decode_get(b'{"id":"2","params":{}}') == FirmwareGet("2")
    assert isinstance(decode_get(b'{"id":"2","params":{"module":[]}}'), Unreadable)


@pytest.mark.parametrize(
    "payload", [b"", b"online", b"[]", b'{"params":7}', TELEMETRY, b'{"params":{}}' * 400]
)
def test_junk_is_none(payload: bytes):
    assert (decode_inform(payload), decode_progress(payload)) == (None, None)


def test_junk_is_no_question_either():
    assert decode_get(TELEMETRY) is None and decode_get(b"?") is None


def test_an_offer_is_written_byte_for_byte():
    assert encode_upgrade(OFFER, 1626969597470) == (
        b'{"code":"1000","data":{"size":432945,"version":"2.0.0","isDiff":0,"url":"%s","md5":"%s","sign":"%s",'
        b'"signMethod":"SHA256","module":"MCU"},"id":1626969597470,"message":"success"}'
        % (URL.encode(), MD5.encode(), SHA256.encode())
    )


def test_an_offer_over_mqtt_and_signed_with_md5():
    offer = by_mqtt(Offer("2", 9, MD5, "", "Md5", url=URL), 1397345)
    assert encode_get_reply(offer, "123") == (
        b'{"id":"123","code":200,"data":{"size":9,"version":"2","isDiff":0,"dProtocol":"mqtt",'
        b'"streamId":1397345,"streamFileId":1,"md5":"%s","sign":"%s","signMethod":"Md5"}}'
        % (MD5.encode(), MD5.encode())
    )


def test_nothing_to_do_and_errors():
    assert encode_get_reply(None, 5) == b'{"id":5,"code":200,"data":{}}'
    refused = encode_get_error("5", 404, "Unknown module.")
    assert refused == b'{"id":"5","code":404,"message":"Unknown module.","data":{}}'


@pytest.mark.parametrize(
    "offer",
    [
        Offer("2", 9, MD5, "", "SHA256", url=URL),
        Offer("2", 9, "", SHA256, "Md5", url=URL),
        Offer("2", 0, MD5, SHA256, url=URL),
        Offer("", 9, MD5, SHA256, url=URL),
        Offer("2", 9, MD5, SHA256),
        Offer("2", 9, MD5, SHA256, url="ftp://hub/x"),
        Offer("2", 9, MD5, SHA256, url="http://hub/" + "x" * 255),
        Offer("2", 9, MD5, SHA256, url="http://" + "h" * 256 + "/x"),
    ],
)
def test_an_offer_that_devices_would_choke_on_is_a_mistake_of_ours(offer: Offer):
    with pytest.raises(ValueError):
        encode_upgrade(offer, 1)


@given(st.binary(max_size=60) | st.text('{}":,1-stepvrionamdul ', max_size=60).map(str.encode))
def test_reading_never_raises(payload: bytes):
    for decode in (decode_inform, decode_progress, decode_get):
        decode(payload)
        decode(b'{"id":1,"params":' + payload + b"}")
