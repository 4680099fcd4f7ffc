"""multipart/form-data at the upload door, as curl and browsers send it: one file part named `file` or `image`."""

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from ..refusals import Refused
from ..store import Spool

_PARTS = ("file", "image")


class MultipartBody:
    """Feeds the bytes of the one picture part to a spool, and skips everything else."""

    def __init__(self, content_type: str, spool: Spool) -> None:
        _, options = parse_options_header(content_type)
        boundary = options.get(b"boundary")
        if not boundary:
            raise Refused("bad_request", "The multipart body names no boundary.")
        self._spool = spool
        self._header_name = b""
        self._header_value = b""
        self._wanted = False
        self._found = False
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin,
                "on_header_field": self._name_piece,
                "on_header_value": self._value_piece,
                "on_header_end": self._header_end,
                "on_part_data": self._data,
            },
        )

    def write(self, chunk: bytes) -> None:
        """Take one more piece of the body. Raises Refused when it is not multipart."""
        try:
            self._parser.write(chunk)
        except FormParserError as error:
            raise Refused("bad_request", "The multipart body is malformed.") from error

    def finish(self) -> None:
        """Check at the end that there was a picture part."""
        try:
            self._parser.finalize()
        except FormParserError as error:
            raise Refused("bad_request", "The multipart body ends too early.") from error
        if not self._found:
            raise Refused("empty_body", "The form holds no file part named “file” or “image”.")

    def _begin(self) -> None:
        self._wanted = False
        self._header_name = self._header_value = b""

    def _name_piece(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]

    def _value_piece(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]

    def _header_end(self) -> None:
        if self._header_name.lower() == b"content-disposition":
            _, options = parse_options_header(self._header_value)
            name = options.get(b"name", b"").decode("utf-8", "replace")
            self._wanted = name in _PARTS and not self._found
            self._found = self._found or self._wanted
        self._header_name = self._header_value = b""

    def _data(self, data: bytes, start: int, end: int) -> None:
        if self._wanted:
            self._spool.write(data[start:end])
