"""A fake OSS that answers late: `python -m benchmarks.slow_oss 0.05` prints its settings."""

import json
import signal
import sys
import threading

from tests.fakes.oss_server import FakeOSS


def main() -> None:
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    with FakeOSS() as oss:
        oss.latency_s = float(sys.argv[1])
        print(json.dumps(oss.settings()), flush=True)
        stopped.wait()


if __name__ == "__main__":
    main()
