"""An ESP8266 that updates the STM32 beside it: image into its own flash, block by block, then over a UART.

    ESP → STM32    begin   'B' <u32 little size> <u16 little CRC-16/ARC of the image> <version> 00
                   block   'D' <u16 little number> <u16 little size> data
                   end     'E'
                   ask     'V'
                   each followed by <u16 little CRC-16/ARC> of all that
    STM32 → ESP    0x79 taken, 0x1F send again, 0x2F not wanted; to 'V' the version and 00

The STM32 decides by the version whether it wants the image, writes it to its second bank, and changes banks
when the whole has the right checksum. When the power goes before that it starts what it ran.
"""

import random
import struct
from dataclasses import dataclass

from devices.protocol.aliyun.blocks import crc16
from simulators.device import PowerCut
from simulators.firmware_board import Board, Faults, Firmware, UpdateFailed, read_version
from simulators.http_fetch import Wish

ACK, NACK, UNWANTED = b"\x79", b"\x1f", b"\x2f"
HTTP_BLOCK_BYTES = 4096
UART_BLOCK_BYTES = 256
TRIES = 10


class Stm32:
    """The second processor: two banks, and a bootloader that reads frames."""

    def __init__(self, firmware: Firmware) -> None:
        self.running = firmware
        self.starts = 1
        self._bank = bytearray()
        self._awaited: tuple[int, int, str] | None = None

    def take(self, frame: bytes) -> bytes:
        """Read one frame from the UART and return the answer."""
        body, crc = frame[:-2], frame[-2:]
        if len(frame) < 3 or crc16(body).to_bytes(2, "little") != crc:
            return NACK
        kind, rest = body[:1], body[1:]
        if kind == b"V":
            return self.running.version.encode() + b"\0"
        if kind == b"B" and len(rest) > 6:
            return self._begin(rest)
        if kind == b"D" and len(rest) > 4 and self._awaited:
            return self._write(rest)
        return self._end() if kind == b"E" and self._awaited else NACK

    def lose_power(self) -> None:
        """Start again: the second bank is not whole, so the first one runs."""
        self._awaited, self._bank = None, bytearray()
        self.starts += 1

    def _begin(self, rest: bytes) -> bytes:
        size_bytes, crc = struct.unpack_from("<IH", rest)
        version = rest[6:].rstrip(b"\0").decode("ascii", "replace")
        if version == self.running.version:
            return UNWANTED
        self._awaited, self._bank = (size_bytes, crc, version), bytearray()
        return ACK

    def _write(self, rest: bytes) -> bytes:
        number, size_bytes = struct.unpack_from("<HH", rest)
        at = number * UART_BLOCK_BYTES
        if len(rest) - 4 != size_bytes or at > len(self._bank):
            return NACK
        # A block that came already is written again: its acknowledgement was lost.
        self._bank[at : at + size_bytes] = rest[4:]
        return ACK

    def _end(self) -> bytes:
        if self._awaited is None:
            return NACK
        size_bytes, crc, version = self._awaited
        data = bytes(self._bank)
        if len(data) != size_bytes or crc16(data) != crc:
            return NACK
        self.running = Firmware(read_version(data) or version, data)
        self._awaited, self._bank = None, bytearray()
        self.starts += 1
        return ACK


class Uart:
    """The wire between the two. `noise` is the share of frames in which a bit changes; answers get lost as often."""

    def __init__(self, chip: Stm32, noise: float = 0.0, seed: int = 0) -> None:
        self.frames = 0
        self.cut_after_frames = 0
        self._chip = chip
        self._noise = noise
        self._luck = random.Random(seed)

    def ask(self, body: bytes) -> bytes:
        """Send a frame until it is answered; raises UpdateFailed after too many tries, PowerCut when told so."""
        frame = body + crc16(body).to_bytes(2, "little")
        for _ in range(TRIES):
            self.frames += 1
            if self.frames == self.cut_after_frames:
                raise PowerCut
            answer = self._chip.take(self._spoil(frame))
            if answer != NACK and self._luck.random() >= self._noise:
                return answer
        raise UpdateFailed("flash", f"The STM32 did not take a frame {TRIES} times.")

    def _spoil(self, frame: bytes) -> bytes:
        if self._luck.random() >= self._noise:
            return frame
        at = self._luck.randrange(len(frame))
        return frame[:at] + bytes([frame[at] ^ 0x10]) + frame[at + 1 :]


class Stm32Board(Board):
    """A board whose firmware is that of its STM32: for any of the simulated clients, as module `stm32`."""

    def __init__(self, chip: Stm32, uart: Uart, faults: Faults | None = None) -> None:
        super().__init__(chip.running, faults)
        self.chip = chip
        self.uart = uart

    def flash(self, data: bytes, told_version: str = "") -> None:
        """Feed the STM32, which starts the image itself."""
        self.pass_step("flash")
        if self.lies:
            return
        version = read_version(data) or told_version
        begin = struct.pack("<IH", len(data), crc16(data)) + version.encode("ascii", "replace") + b"\0"
        if self.uart.ask(b"B" + begin) == UNWANTED:
            raise UpdateFailed("flash", "The STM32 runs this version already.")
        for number, at in enumerate(range(0, len(data), UART_BLOCK_BYTES)):
            block = data[at : at + UART_BLOCK_BYTES]
            self.uart.ask(b"D" + struct.pack("<HH", number, len(block)) + block)
        self.uart.ask(b"E")

    def restart(self) -> None:
        """Start the ESP again; it asks the STM32 what runs."""
        super().restart()
        self.running = self.chip.running

    def lose_power(self) -> None:
        """Both processors lose it."""
        self.chip.lose_power()
        super().lose_power()


@dataclass(frozen=True)
class Stm32FeederConfig:
    """Describe what to fetch: the plain download of an image, its version and its hash."""

    url: str
    version: str
    sha256: str
    block_bytes: int = HTTP_BLOCK_BYTES
    tries: int = 5
    patience_s: float = 8.0


class Stm32Feeder:
    """Fetch an image block by block and feed the STM32: `await update()`. `flash` is the ESP's own memory."""

    def __init__(self, config: Stm32FeederConfig, board: Stm32Board) -> None:
        self.config = config
        self.board = board
        self.flash = bytearray()

    async def update(self) -> str:
        """Update once; return "updated", "no_update", "failed" or "power_cut"; blocks that came are kept."""
        return await self.board.survive(self._update())

    async def _update(self) -> str:
        if self.config.version == self.board.chip.running.version:
            self.board.note("no_update")
            return "no_update"
        await self._download()
        data = self.board.receive(bytes(self.flash))
        self.flash.clear()
        self.board.verify(data, sha256=self.config.sha256)
        self.board.flash(data, self.config.version)
        self.board.restart()
        return "updated" if self.board.running.version == self.config.version else "failed"

    async def _download(self) -> None:
        whole_bytes = -1
        while len(self.flash) != whole_bytes:
            first = len(self.flash)
            wanted = {"Range": f"bytes={first}-{first + self.config.block_bytes - 1}"}
            wish = Wish(self.config.url, wanted, timeout_s=self.config.patience_s)
            answer = await self.board.fetch(wish, self.config.tries)
            if answer.status != 206:
                raise UpdateFailed("download", f"A block was answered with {answer.status}.")
            whole_bytes = int(answer.headers["content-range"].rpartition("/")[2])
            self.flash += answer.body
            self.board.pass_step("download")
