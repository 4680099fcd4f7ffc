"""What may stand between a firmware image and a device.

FirmwareError
├── FirmwareRefused      the image, its facts or its signature do not fit; nothing is kept
│   └── FirmwareTaken    there is one already, or it is in use
├── FirmwareBroken       the bytes on the disk are not those that were uploaded; never served
└── FirmwareAway         the bytes cannot be read just now; ask again later
FirmwareNotHere          this machine has no such file, or another one; it may be elsewhere
RolloutError             a rollout cannot be made, or cannot do what was asked
"""

from photohub.lib.pages.sentences import Said


class FirmwareError(Exception):
    """`word` is stable and for programs, `sentence` is for people and in their language."""

    def __init__(self, word: str, sentence: str) -> None:
        super().__init__(f"{word}: {sentence}")
        self.word = word
        self.sentence = sentence


class FirmwareRefused(FirmwareError):
    pass


class FirmwareTaken(FirmwareRefused):
    pass


class FirmwareBroken(FirmwareError):
    pass


class FirmwareAway(FirmwareError):
    pass


class FirmwareNotHere(Exception):
    """`problem` says what is wrong with the file on this machine."""

    def __init__(self, problem: Said) -> None:
        super().__init__(problem)
        self.problem = problem


class RolloutError(Exception):
    """`word` is stable and for programs, `sentence` is for people; `devices` maps codes to their own sentences."""

    def __init__(self, word: str, sentence: str, devices: dict[str, str] | None = None) -> None:
        super().__init__(f"{word}: {sentence}")
        self.word = word
        self.sentence = sentence
        self.devices = devices or {}
