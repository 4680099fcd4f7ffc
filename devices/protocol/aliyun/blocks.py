"""Read requests for blocks of an image over MQTT and write the replies, in the Aliyun form.

    request    {"id":"1","version":"1.0","params":{"fileToken":"default",
                "fileInfo":{"streamId":7,"fileId":1,},"fileBlock":{"size":5120,"offset":0}}}

    reply      +-----------+------------------+-----------------+------------------+
               | u16 big   | JSON             | data            | u16 little       |
               | JSON size |                  | (bSize bytes)   | CRC-16 of data   |
               +-----------+------------------+-----------------+------------------+
    JSON       {"id":"1","code":200,"message":"success",
                "data":{"fileToken":"default","fileLength":5092,"bOffset":0,"bSize":256}}

The vendor's C SDK really sends that comma before a brace. The CRC is CRC-16/ARC. The reply has exactly these
bytes, or a device throws it away and asks again, three times at most. A refusal has the same layout with no
data; its code is 400, 404 or 413.
"""

from dataclasses import dataclass

from devices.protocol.json_fields import (
    Unreadable,
    clean_text,
    compact,
    read_id,
    read_object,
    read_part,
    read_whole,
)

MAX_REQUEST_BYTES = 1024
MAX_FILE_BYTES = 16 * 2**20
MAX_BLOCK_BYTES = 64 * 1024
MAX_TOKEN_CHARS = 128


def _make_table() -> tuple[int, ...]:
    table = []
    for value in range(256):
        for _ in range(8):
            value = (value >> 1) ^ (0xA001 if value & 1 else 0)
        table.append(value)
    return tuple(table)


_TABLE = _make_table()


@dataclass(frozen=True, slots=True)
class BlockRequest:
    """A device wants this many bytes of a file from an offset on."""

    id: str | int
    stream_id: int
    file_id: int
    offset: int
    size_bytes: int
    token: str = "default"


@dataclass(frozen=True, slots=True)
class Block:
    """A reply as a device reads it; `code` 200 is success."""

    id: str | int
    code: int
    message: str
    file_bytes: int
    offset: int
    data: bytes


def crc16(data: bytes) -> int:
    """Return the CRC-16/ARC: polynomial 0x8005 reflected, beginning with 0."""
    crc = 0
    for byte in data:
        crc = (crc >> 8) ^ _TABLE[(crc ^ byte) & 0xFF]
    return crc


def decode_request(payload: bytes) -> BlockRequest | Unreadable | None:
    """Read a request; None when this is none. An Unreadable one is answered with `encode_refusal`, code 400."""
    fields = read_object(payload, MAX_REQUEST_BYTES, trailing_commas=True) or {}
    params = read_part(fields.get("params"))
    info, block = read_part(params.get("fileInfo")), read_part(params.get("fileBlock"))
    if not info and not block:
        return None
    id, token = read_id(fields.get("id")), clean_text(params.get("fileToken"), MAX_TOKEN_CHARS)
    stream_id, file_id = read_whole(info.get("streamId")), read_whole(info.get("fileId"))
    offset, size_bytes = read_whole(block.get("offset")), read_whole(block.get("size"))
    if stream_id is None or file_id is None:
        return Unreadable("fileInfo needs streamId and fileId.", id)
    if offset is None or not 0 <= offset < MAX_FILE_BYTES:
        return Unreadable(f"The offset must be 0 to {MAX_FILE_BYTES - 1}.", id)
    if size_bytes is None or not 1 <= size_bytes <= MAX_BLOCK_BYTES:
        return Unreadable(f"A block has 1 to {MAX_BLOCK_BYTES} bytes.", id)
    return BlockRequest(id, stream_id, file_id, offset, size_bytes, token)


def find_block(request: BlockRequest, file_bytes: int) -> tuple[int, int] | None:
    """Return the first byte and the one after the last, cut at the end of the file; None when it lies behind."""
    end = min(request.offset + request.size_bytes, file_bytes)
    return (request.offset, end) if request.offset < end else None


def encode_block(request: BlockRequest, file_bytes: int, data: bytes) -> bytes:
    """Write the reply that carries a block."""
    if file_bytes > MAX_FILE_BYTES or len(data) > MAX_BLOCK_BYTES:
        raise ValueError(
            f"A file of at most {MAX_FILE_BYTES} bytes goes over MQTT, {MAX_BLOCK_BYTES} at a time."
        )
    place = {"fileLength": file_bytes, "bOffset": request.offset, "bSize": len(data)}
    said = {"id": request.id, "code": 200, "message": "success"}
    return _frame(said | {"data": {"fileToken": request.token} | place}, data)


def encode_refusal(id: str | int, code: int, message: str) -> bytes:
    """Write the reply that carries no block."""
    place = {"fileLength": 0, "bOffset": 0, "bSize": 0}
    return _frame({"id": id, "code": code, "message": message, "data": place}, b"")


def _frame(said: dict, data: bytes) -> bytes:
    text = compact(said)
    return len(text).to_bytes(2, "big") + text + data + crc16(data).to_bytes(2, "little")


def decode_reply(payload: bytes) -> Block | None:
    """Read a reply as a device does; None when a length or the checksum does not fit."""
    text_end = 2 + int.from_bytes(payload[:2], "big")
    fields = read_object(payload[2:text_end], 2**16) if len(payload) >= text_end + 2 else None
    if fields is None:
        return None
    place = read_part(fields.get("data"))
    file_bytes, offset, size = (read_whole(place.get(name)) for name in ("fileLength", "bOffset", "bSize"))
    data, code = payload[text_end:-2], read_whole(fields.get("code"))
    if file_bytes is None or offset is None or code is None or size != len(data):
        return None
    if int.from_bytes(payload[-2:], "little") != crc16(data):
        return None
    message = clean_text(fields.get("message"), 200)
    return Block(read_id(fields.get("id")), code, message, file_bytes, offset, data)
