"""A device whose program is Aliyun's own SDK: it takes what it is offered, checks it and reports its version.

A process of its own, because the SDK needs an older paho. It prints what happens and is told on its standard input:

    connected · offer <kind> <version> · broken <error>         take <kind> · ask
"""

import json
import sys
import tempfile
import threading
from pathlib import Path

from linkkit import linkkit

PUSHED = 1


class Device:
    """Installs the offers of one kind, at first those that are pushed."""

    def __init__(self, port: int, names: dict[str, str], secret: str, folder: str) -> None:
        self.takes = PUSHED
        self._file = str(Path(folder) / "image.bin")
        self.kit = linkkit.LinkKit(host_name="cn-shanghai", **names, device_secret=secret)
        self.kit.config_mqtt(port=port, endpoint="127.0.0.1", secure="")
        self.kit.on_connect = self._on_connect
        self.kit.on_ota_message_arrived = self._on_offer

    def _on_connect(self, session_flag, rc, userdata) -> None:
        self.kit.ota_report_version(None, "1.0.0")
        say("connected")

    def _on_offer(self, kind, version, size, url, method, sign, module, extra) -> None:
        say(f"offer {kind} {version}")
        if kind == self.takes:
            threading.Thread(target=self._install, args=(version, url, method, sign), daemon=True).start()

    def _install(self, version, url, method, sign) -> None:
        if error := self.kit.download_ota_firmware(url, self._file, method, sign).value:
            say(f"broken {error}")
        else:
            self.kit.ota_report_version(None, version)


def say(line: str) -> None:
    print(line, flush=True)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        device = Device(**json.loads(sys.argv[1]), folder=folder)
        device.kit.connect_async()
        for line in sys.stdin:
            word, _, value = line.strip().partition(" ")
            if word == "take":
                device.takes = int(value)
            else:
                device.kit.query_ota_firmware()


if __name__ == "__main__":
    main()
