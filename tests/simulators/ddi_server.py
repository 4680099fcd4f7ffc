"""The part of a hawkBit server that swupdate asks, on top of the small firmware hub."""

import hashlib
from dataclasses import dataclass, field

from devices.protocol.firmware import ddi
from devices.protocol.json_fields import Unreadable
from tests.simulators.firmware_hub import Asked, FirmwareHub, Reply

TOKEN = "Vq3mZs0yB4nUo1dXr7KcHjT9eWf2LgPa5iEt8SxQ6Dk"
PATH = "/default/controller/v1/porch"


@dataclass
class DdiServer:
    """Offer the hub's image as action 7 until it is closed; `cancel_after` bases it is cancelled as action 8."""

    hub: FirmwareHub
    deployment: int | None = 7
    cancel: int | None = None
    cancel_after: int = 0
    wants_config: bool = False
    forgets: bool = False
    bases: int = 0
    feedback: list[ddi.Feedback] = field(default_factory=list)
    config: list[ddi.ConfigData] = field(default_factory=list)
    strangers: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.hub.routes |= {PATH: self.answer, "/ota/f/": self.download}

    def download(self, asked: Asked) -> Reply:
        self._check(asked)
        return self.hub.download(asked)

    def answer(self, asked: Asked) -> Reply:
        if not self._check(asked):
            return Reply(401)
        rest = asked.path.removeprefix(PATH)
        if rest == "":
            return Reply(200, self._base())
        if rest.startswith("/deploymentBase/7?"):
            return Reply(200, ddi.encode_deployment(7, (self._chunk(),)))
        if rest == "/cancelAction/8":
            return Reply(200, ddi.encode_cancel(8, 7))
        return self._take(asked, rest)

    def _check(self, asked: Asked) -> bool:
        known = ddi.read_token(asked.headers.get("authorization", "")) == ("target", TOKEN)
        if not known:
            self.strangers.append(asked.path)
        return known

    def _base(self) -> bytes:
        self.bases += 1
        if self.cancel_after and self.bases > self.cancel_after:
            self.cancel = 8
        return ddi.encode_base(
            ddi.root_url(self.hub.url, "default", "porch"),
            sleep_s=1,
            wants_config=self.wants_config,
            deployment=self.deployment,
            cancel=self.cancel,
        )

    def _chunk(self) -> ddi.Chunk:
        data = self.hub.image.data
        hashes = [hashlib.new(name, data).hexdigest() for name in ("sha1", "md5", "sha256")]
        file_name = ddi.file_name(f"porch-{self.hub.image.version}")
        artifact = ddi.Artifact(file_name, len(data), *hashes, f"{self.hub.url}/ota/f/x")
        return ddi.Chunk("porch", self.hub.image.version, (artifact,))

    def _take(self, asked: Asked, rest: str) -> Reply:
        if rest == "/configData" and asked.method == "PUT":
            self.config.append(ddi.decode_config(asked.body))
            self.wants_config = self.forgets
            return Reply(200)
        if rest not in ("/deploymentBase/7/feedback", "/cancelAction/8/feedback") or asked.method != "POST":
            return Reply(404)
        told = ddi.decode_feedback(asked.body)
        if told is None or isinstance(told, Unreadable):
            return Reply(400)
        self.feedback.append(told)
        if told.execution == "closed":
            self.deployment, self.cancel, self.cancel_after = None, None, 0
        return Reply(200)
