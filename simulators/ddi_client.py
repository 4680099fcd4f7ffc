"""A Linux board with swupdate, which asks a hawkBit server: the habits of its suricatta mode.

It ends with an assertion when a document lacks what it counts on. It answers `configData` before anything else, as
long as it is linked, and once after each start unasked, when there is nothing to install. It makes the address of
the feedback itself from the server's, sends its token on downloads too, and asks for a file by HEAD before it
fetches it. It asks the base again meanwhile to see whether it was cancelled, and goes on asking after 401. After
installing it reports `proceeding` and installs nothing more; `closed` with `success` comes after the restart, before
it tells what it is.
"""

import json
import re
from dataclasses import dataclass
from typing import Any

from simulators.device import Life
from simulators.firmware_board import Board, UpdateFailed
from simulators.http_fetch import Fetched, Wish, fetch

_SLEEP = re.compile(r"([0-9]{2}):([0-9]{2}):([0-9]{2})")
_DEPLOYMENT = re.compile(r"/deploymentBase/([0-9]+)(?:\?|$)")
_CANCEL = re.compile(r"/cancelAction/([0-9]+)(?:\?|$)")
DOWNLOAD_TRIES = 5


class Aborted(Exception):
    """Say which assertion ended the program."""


@dataclass(frozen=True)
class DdiConfig:
    """Describe one board; `url` is the server's own address."""

    url: str
    tenant: str
    device_id: str
    token: str
    cut_after_bytes: int = 0
    tells_version: bool = True
    patience_s: float = 8.0

    @property
    def root(self) -> str:
        """Return the address of this device's resources, as swupdate composes it."""
        return f"{self.url}/{self.tenant}/controller/v1/{self.device_id}"


class DdiClient(Life):
    """Run one board: `await poll()` once, or `await run()` until `await stop()`."""

    def __init__(self, config: DdiConfig, board: Board) -> None:
        super().__init__()
        self.config = config
        self.board = board
        self.sleep_s = 30
        self._installed_action: int | None = None
        self._told_in_start = -1
        self._failed: set[int] = set()
        self._cut_after_bytes = config.cut_after_bytes

    async def _live(self) -> None:
        while not self._stopping.is_set():
            await self.poll()
            await self._rest(self.sleep_s)

    async def poll(self) -> str:
        """Ask once; return "nothing", "installed", "closed", "cancelled", "failed", "silent" or "power_cut".

        "asked_again" is said of a server that wants to know what it knows already: then nothing is ever installed.
        Aborted is raised for a document that would have ended swupdate.
        """
        return await self.board.survive(self._poll())

    async def _poll(self, again: bool = False) -> str:
        answer = await self._get(self.config.root)
        if answer.status != 200:
            self.board.note("refused", str(answer.status))
            return "failed"
        links = self._read_base(answer)
        if "cancelAction" in links:
            return await self._cancel(_href(links, "cancelAction"))
        if self._installed_action is not None and "deploymentBase" in links:
            # It has just started: the result of the update comes before all else.
            return await self._close(_href(links, "deploymentBase"))
        if "configData" in links:
            await self._send_config(_href(links, "configData"))
            return "asked_again" if again else await self._poll(again=True)
        if "deploymentBase" not in links or self.board.counters["silence"]:
            if self._told_in_start != self.board.starts:
                await self._send_config(f"{self.config.root}/configData")
            return "silent" if self.board.counters["silence"] else "nothing"
        return await self._deploy(_href(links, "deploymentBase"))

    def _read_base(self, answer: Fetched) -> dict[str, Any]:
        document = _load(answer)
        sleep = _SLEEP.fullmatch(str(document.get("config", {}).get("polling", {}).get("sleep")))
        hours, minutes, seconds = (
            int(part) for part in _found(sleep, "polling.sleep is not HH:MM:SS").groups()
        )
        self.sleep_s = hours * 3600 + minutes * 60 + seconds
        return document.get("_links", {})

    async def _send_config(self, url: str) -> None:
        # swupdate's curl asks for leave before the body of a PUT.
        data = {"board": "simulated"} | (
            {"version": self.board.running.version} if self.config.tells_version else {}
        )
        status = {"result": {"finished": "success"}, "execution": "closed", "details": [""]}
        body = json.dumps({"id": "", "time": "20261120T154134", "status": status, "data": data}).encode()
        wish = Wish(url, self._headers(), method="PUT", body=body, expects_continue=True)
        answer = await fetch(wish)
        self._told_in_start = self.board.starts
        self.board.note("config", str(answer.status))

    async def _cancel(self, url: str) -> str:
        document = _load(await self._get(url))
        stopped = document.get("cancelAction", {}).get("stopId")
        _insist(isinstance(stopped, str), "cancelAction.stopId is not a string")
        action = _found(_CANCEL.search(url), "the cancel has no number")
        await self._feed_back("cancelAction", int(action[1]), "closed", "success", "Stopped.")
        self.board.note("cancelled", stopped)
        return "cancelled"

    # --- the update

    async def _deploy(self, url: str) -> str:
        found = _found(_DEPLOYMENT.search(url), "the action id is not a whole number")
        action_id = int(found[1])
        if action_id in self._failed:
            return "nothing"
        chunk, artifact = self._read_deployment(await self._get(url))
        if self.board.silent:
            self.board.note("silence")
            return "silent"
        try:
            data = await self._download(action_id, artifact)
            if data is None:
                return "cancelled"
            self.board.verify(data, sha1=artifact["hashes"]["sha1"])
            await self._feed_back("deploymentBase", action_id, "proceeding", "none", "Installing.", 2, 3)
            self.board.flash(data, chunk["version"])
        except UpdateFailed as error:
            self.board.note("failed", str(error))
            self._failed.add(action_id)
            await self._feed_back("deploymentBase", action_id, "closed", "failure", str(error))
            return "failed"
        await self._feed_back("deploymentBase", action_id, "proceeding", "none", "Installed.", 3, 3)
        self._installed_action = action_id
        self.board.restart()
        return "installed"

    async def _close(self, url: str) -> str:
        """Report the result after the restart, then what it is: that it came up at all is what swupdate knows."""
        found = _found(_DEPLOYMENT.search(url), "the action id is not a whole number")
        _load(await self._get(url))
        answer = await self._feed_back(
            "deploymentBase", int(found[1]), "closed", "success", "Update Installed."
        )
        self.board.note("closed", str(answer.status))
        if answer.status == 200:
            self._installed_action = None
            await self._poll()
        return "closed"

    def _read_deployment(self, answer: Fetched) -> tuple[dict[str, Any], dict[str, Any]]:
        document = _load(answer)
        deployment = document.get("deployment", {})
        _insist(isinstance(deployment.get("update"), str), "deployment.update is not a string")
        for chunk in deployment.get("chunks", []):
            for artifact in chunk.get("artifacts", []):
                _insist(isinstance(artifact.get("filename"), str), "filename is not a string")
                _insist(type(artifact.get("size")) is int, "size is not an integer")
                _insist(isinstance(artifact.get("hashes", {}).get("sha1"), str), "sha1 is not a string")
                if artifact["filename"].endswith(".swu"):
                    return chunk, artifact
        raise Aborted("no artifact ends in .swu")

    async def _download(self, action_id: int, artifact: dict[str, Any]) -> bytes | None:
        """Return the file, taken up where it broke off; None when it was cancelled meanwhile."""
        links = artifact.get("_links", {})
        url = _href(links, "download-http" if "download-http" in links else "download")
        data: bytes = b""
        asked = await fetch(Wish(url, self._headers(), method="HEAD", timeout_s=self.config.patience_s))
        if asked.status != 200:
            raise UpdateFailed("download", f"The download was answered with {asked.status}.")
        for _ in range(DOWNLOAD_TRIES):
            stop_bytes, self._cut_after_bytes = self._cut_after_bytes or None, 0
            wanted = {"Range": f"bytes={len(data)}-"} if data else {}
            wish = Wish(url, self._headers() | wanted, stop_after_bytes=stop_bytes)
            answer = await self.board.fetch(wish)
            if answer.status != (206 if data else 200):
                raise UpdateFailed("download", f"The download was answered with {answer.status}.")
            data += answer.body
            self.board.pass_step("download")
            if await self._was_cancelled():
                self.board.note("cancel_seen", str(action_id))
                return None
            if len(data) == artifact["size"]:
                return self.board.receive(data)
        raise UpdateFailed("download", "The connection broke too often.")

    async def _was_cancelled(self) -> bool:
        answer = await self._get(self.config.root)
        return answer.status == 200 and "cancelAction" in self._read_base(answer)

    # --- the wire

    def _headers(self) -> dict[str, str]:
        return {
            "Authorization": f"TargetToken {self.config.token}",
            "Accept": "application/json",
            "Content-Type": "application/json",
        }

    async def _get(self, url: str) -> Fetched:
        return await fetch(Wish(url, self._headers(), timeout_s=self.config.patience_s))

    async def _feed_back(
        self,
        kind: str,
        action_id: int,
        execution: str,
        finished: str,
        detail: str,
        done: int = 0,
        of: int = 1,
    ) -> Fetched:
        status = {
            "result": {"progress": {"cnt": done, "of": of}, "finished": finished},
            "execution": execution,
            "details": [detail],
        }
        body = json.dumps({"id": action_id, "time": "20261120T154134", "status": status}).encode()
        url = f"{self.config.root}/{kind}/{action_id}/feedback"
        answer = await fetch(Wish(url, self._headers(), method="POST", body=body))
        self.board.note("feedback", f"{execution} {finished} {answer.status}")
        return answer


def _found(match: re.Match[str] | None, otherwise: str) -> re.Match[str]:
    if match is None:
        raise Aborted(f"Assertion failed: {otherwise}.")
    return match


def _load(answer: Fetched) -> dict[str, Any]:
    try:
        document = json.loads(answer.body)
    except ValueError:
        document = None
    if answer.status != 200 or not isinstance(document, dict):
        raise Aborted(f"Assertion failed: {answer.status} and no JSON object.")
    return document


def _href(links: dict[str, Any], name: str) -> str:
    href = links.get(name, {}).get("href")
    _insist(isinstance(href, str) and href.startswith("http"), f"the link {name} is no absolute address")
    return href


def _insist(holds: object, sentence: str) -> None:
    if not holds:
        raise Aborted(f"Assertion failed: {sentence}.")
