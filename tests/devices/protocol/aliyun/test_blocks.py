import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.protocol.aliyun.blocks import (
    Block,
    BlockRequest,
    crc16,
    decode_reply,
    decode_request,
    encode_block,
    encode_refusal,
    find_block,
)
from devices.protocol.json_fields import Unreadable

# As the vendor's C SDK prints it, comma included.
FROM_SDK = (
    b'{"id":"1","version":"1.0","params":{"fileToken":"default","fileInfo":{"streamId":1397345,"fileId":1,},'
    b'"fileBlock":{"size":5120,"offset":10240}}}'
)
REQUEST = BlockRequest("1", 1397345, 1, 10240, 5120)
SAID = (
    b'{"id":"1","code":200,"message":"success",'
    b'"data":{"fileToken":"default","fileLength":10249,"bOffset":10240,"bSize":9}}'
)
REPLY = b"\x00\x75" + SAID + b"123456789" + b"\x3d\xbb"


def request(**changes: object) -> bytes:
    block = {"size": 256, "offset": 0, **changes}
    info = {"streamId": block.pop("streamId", 7), "fileId": block.pop("fileId", 1)}
    return json.dumps({"id": 5, "params": {"fileInfo": info, "fileBlock": block}}).encode()


def test_the_checksum_is_crc_16_arc():
    assert crc16(b"123456789") == 0xBB3D
    # Made with a bit-by-bit computation that reflects its input and output.
    assert [crc16(b"photohub"), crc16(b""), crc16(bytes(range(16)))] == [0x076C, 0, 0x170A]


def test_the_sdk_s_request_is_read_in_spite_of_its_comma():
    assert decode_request(FROM_SDK) == REQUEST
    assert decode_request(FROM_SDK.replace(b"1,}", b"1}")) == REQUEST


def test_numbers_may_be_texts_and_a_token_is_optional():
    read = decode_request(request(size="256", offset="0", streamId="7"))
    assert read == BlockRequest(5, 7, 1, 0, 256, "")


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"size": 0}, "A block has 1 to 65536 bytes."),
        ({"size": 65537}, "A block has 1 to 65536 bytes."),
        ({"size": None}, "A block has 1 to 65536 bytes."),
        ({"offset": -1}, "The offset must be 0 to 16777215."),
        ({"offset": 2**24}, "The offset must be 0 to 16777215."),
        ({"offset": "x"}, "The offset must be 0 to 16777215."),
        ({"streamId": None}, "fileInfo needs streamId and fileId."),
        ({"fileId": {}}, "fileInfo needs streamId and fileId."),
    ],
)
def test_a_request_that_cannot_be_served_is_told(changes: dict, sentence: str):
    assert decode_request(request(**changes)) == Unreadable(sentence, 5)


@pytest.mark.parametrize("payload", [b"", b"{}", b'{"params":{}}', b'{"a":1}', FROM_SDK + b" " * 1024])
def test_junk_is_none(payload: bytes):
    assert decode_request(payload) is None


def test_a_block_is_cut_at_the_end_of_the_file():
    assert find_block(REQUEST, 20_000) == (10240, 15360)
    assert find_block(REQUEST, 10_241) == (10240, 10241)
    assert find_block(REQUEST, 10_240) is None


def test_a_block_is_written_byte_for_byte():
    assert encode_block(REQUEST, 10249, b"123456789") == REPLY


def test_a_device_reads_what_the_hub_wrote():
    assert decode_reply(REPLY) == Block("1", 200, "success", 10249, 10240, b"123456789")


def test_a_refusal_has_the_same_layout_without_data():
    refusal = encode_refusal("9", 404, "No such file.")
    said = b'{"id":"9","code":404,"message":"No such file.","data":{"fileLength":0,"bOffset":0,"bSize":0}}'
    assert refusal == bytes([0, len(said)]) + said + b"\0\0"
    assert decode_reply(refusal) == Block("9", 404, "No such file.", 0, 0, b"")


def test_any_changed_or_missing_byte_of_the_data_is_noticed():
    data_at = 2 + len(SAID)
    for at in range(data_at, len(REPLY)):
        assert decode_reply(REPLY[:at] + bytes([REPLY[at] ^ 1]) + REPLY[at + 1 :]) is None
    assert [decode_reply(REPLY[:cut]) for cut in range(len(REPLY))] == [None] * len(REPLY)
    assert decode_reply(REPLY + b"x") is None


def test_more_than_a_device_can_take_is_a_mistake_of_ours():
    for file_bytes, data in ((2**24 + 1, b"x"), (2**24, bytes(65537))):
        with pytest.raises(ValueError):
            encode_block(REQUEST, file_bytes, data)


@given(st.binary(max_size=300), st.integers(0, 5100), st.text(max_size=20))
def test_any_block_survives_writing_and_reading(data: bytes, offset: int, id: str):
    written = encode_block(BlockRequest(id, 1, 1, offset, 300), 5400, data)
    read = decode_reply(written)
    assert (read.offset, read.file_bytes, read.data) == (offset, 5400, data)


@given(st.binary(max_size=80) | st.text('{}":,1fileIonfBck ', max_size=80).map(str.encode))
def test_reading_never_raises(payload: bytes):
    decode_request(payload)
    decode_request(b'{"params":{"fileInfo":' + payload + b',"fileBlock":{}}}')
    decode_reply(payload)
    decode_reply(bytes([0, max(0, len(payload) - 2)]) + payload)
