"""An upload's body: received within its limits, also when the transport ends badly, and the picture found in it."""

import asyncio
import contextlib
import hmac

from django.conf import settings

from devices.protocol.pictures.form_data import Form, find_pictures, looks_like_form
from media_pipeline.formats import images
from media_pipeline.picture_files import store
from media_pipeline.picture_files.refusals import Refused

from .head import Head, too_large
from .headers import read_md5

REST_WITHIN_S = 2.0
# A picture that is whole waits so long for the bytes that its length still promises.
SILENCE_S = 3.0
_GZIP = b"\x1f\x8b"


class _Gone(Exception):
    """The sender closed the connection, or sends no HTTP any more."""


class Body:
    """The body of one request. `spool` holds what came, and after `find_picture` the picture.

    `was_read`: nothing more of it is on its way. `pictures`: how many the body held.
    """

    def __init__(self, receive) -> None:
        self._receive = receive
        self.spool = store.Spool()
        self.was_read = False
        self.pictures = 1
        self._is_short = False
        # Of a form as it was sent, which Content-MD5 is about; many send that of the picture in it.
        self._form_md5: bytes | None = None

    async def read(self, head: Head) -> None:
        """Receive the body. Raises Refused; a body that ends too early may hold a whole picture and is then kept."""
        try:
            if not self._take_whole(head):
                async with asyncio.timeout(settings.UPLOAD_TIMEOUT_S):
                    await self._read(head)
        except TimeoutError as error:
            raise Refused(
                "slow", f"The picture did not arrive within {settings.UPLOAD_TIMEOUT_S} s.", 5
            ) from error
        except OSError as error:
            raise store.refusal_of(error) from error
        if not self.spool.size_bytes:
            raise Refused("empty_body", "The body is empty; send the picture's bytes.")

    def _take_whole(self, head: Head) -> bool:
        """Take a body that is here already, which is that of most small pictures."""
        take = getattr(getattr(self._receive, "__self__", None), "take_whole", None)
        whole = take() if take is not None else None
        if whole is None:
            return False
        self.was_read = True
        if len(whole) > head.limit_bytes:
            raise too_large()
        self.spool.take(whole)
        return True

    async def _read(self, head: Head) -> None:
        more = True
        while more:
            try:
                chunk, more = await self._next_piece(head)
            except _Gone:
                self.was_read = True
                if not await asyncio.to_thread(self._holds_whole_picture, head):
                    raise Refused(
                        "bad_request",
                        f"The body ended after {self.spool.size_bytes} bytes, before the picture was whole.",
                    ) from None
                self._is_short = True
                return
            if self.spool.size_bytes + len(chunk) > head.limit_bytes:
                raise too_large()
            if chunk:
                self.spool.write(chunk)
        self.was_read = not self._is_short

    async def _next_piece(self, head: Head) -> tuple[bytes, bool]:
        """Return what comes next; in the silence behind a whole picture nothing, and that no more comes."""
        try:
            async with asyncio.timeout(SILENCE_S):
                return await self._next_chunk()
        except TimeoutError:
            if await asyncio.to_thread(self._holds_whole_picture, head):
                self._is_short = True
                return b"", False
        return await self._next_chunk()

    async def _next_chunk(self) -> tuple[bytes, bool]:
        message = await self._receive()
        if message["type"] == "http.disconnect":
            raise _Gone
        return message.get("body", b""), message.get("more_body", False)

    def _holds_whole_picture(self, head: Head) -> bool:
        body = self.spool.view()
        try:
            if not looks_like_form(body, head.content_type):
                return "truncated" not in images.inspect(body, settings.UPLOAD_MAX_PIXELS).flags
            for picture in find_pictures(body, head.content_type, settings.UPLOAD_MAX_BYTES).pictures:
                data = picture.data or body[picture.start : picture.end]
                return "truncated" not in images.inspect(data, settings.UPLOAD_MAX_PIXELS).flags
        except images.PictureRefused:
            pass
        return False

    async def read_rest(self) -> None:
        """Read and forget what a refused sender still sends, for a little while."""
        left = settings.UPLOAD_MAX_BYTES
        with contextlib.suppress(TimeoutError, _Gone):
            async with asyncio.timeout(REST_WITHIN_S):
                more = True
                while more and left > 0:
                    chunk, more = await self._next_chunk()
                    left -= len(chunk)

    async def find_picture(self, head: Head) -> images.PictureFacts:
        """Leave the picture alone in the spool and say what it is. Raises Refused."""
        if looks_like_form(self.spool.view(), head.content_type):
            await asyncio.to_thread(self._take_from_form, head)
        if self.spool.size_bytes > settings.UPLOAD_MAX_BYTES:
            raise too_large()
        self._check_hashes(head)
        facts = self._inspect(head)
        flags = head.flags + (("transport",) if self._is_short else ())
        return images.flagged(facts, *flags)

    def _take_from_form(self, head: Head) -> None:
        body = self.spool.view()
        form = find_pictures(body, head.content_type, settings.UPLOAD_MAX_BYTES)
        if not form.pictures:
            raise _no_picture_in(form)
        self.pictures = len(form.pictures)
        self._form_md5 = self.spool.md5() if head.md5 is not None else None
        first, spool = form.pictures[0], store.Spool()
        try:
            spool.write(body[first.start : first.end] if first.data is None else first.data)
        except OSError as error:
            spool.discard()
            raise store.refusal_of(error) from error
        self.spool, whole = spool, self.spool
        whole.discard()

    def _inspect(self, head: Head) -> images.PictureFacts:
        body = self.spool.view()
        try:
            return images.inspect(body, max_pixels=settings.UPLOAD_MAX_PIXELS)
        except images.TooManyPixels as error:
            raise Refused("too_many_pixels", str(error)) from error
        except images.PictureRefused as error:
            packed = body[:2] == _GZIP or head.content_encoding not in ("", "identity", "utf-8", "binary")
            sentence = (
                "The body is compressed; send the picture's bytes as they are, without Content-Encoding."
                if packed
                else "The bytes are neither a JPEG nor a PNG nor a WebP picture."
            )
            raise Refused("not_image", sentence) from error

    def _check_hashes(self, head: Head) -> None:
        sha256, md5 = head.sha256, head.md5
        if sha256 is not None and not hmac.compare_digest(
            sha256.lower().encode(), self.spool.sha256.encode()
        ):
            raise Refused("hash_mismatch", "The bytes do not match X-Content-SHA256; send the picture again.")
        if md5 is not None and read_md5(md5) not in (self.spool.md5(), self._form_md5):
            raise Refused("hash_mismatch", "The bytes do not match Content-MD5; send the picture again.")

    def hand_over(self) -> store.Spool:
        """Give the spool away: who takes it lets go of it."""
        spool, self.spool = self.spool, store.Spool()
        return spool


def _no_picture_in(form: Form) -> Refused:
    if form.has_content:
        return Refused("not_image", "No part of the form begins like a JPEG, a PNG or a WebP picture.")
    return Refused("empty_body", "The form holds no picture.")
