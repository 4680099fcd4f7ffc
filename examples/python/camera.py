"""A PhotoHub camera for any computer. Uploads need nothing but Python; commands need `pip install paho-mqtt`.

python camera.py --hub http://192.168.1.20:8000 --key KEY picture.jpg
    sends one file
python camera.py --hub http://192.168.1.20:8000 --key KEY --code porch --mqtt 192.168.1.20:1883
    waits for "take a picture" and asks a Raspberry Pi's camera (rpicam-jpeg), or sends the file that is named
"""

import argparse
import hashlib
import json
import pathlib
import queue
import subprocess
import sys
import time
import urllib.error
import urllib.request

try:
    import paho.mqtt.client as mqtt
except ImportError:
    mqtt = None

TRIES = 5
TIMEOUT_S = 10
TRY_AGAIN = (408, 429, 503, 507)


def take_picture(file: str | None) -> bytes:
    """Return one picture. Put your own camera here."""
    if file:
        return pathlib.Path(file).read_bytes()
    command = ["rpicam-jpeg", "--nopreview", "--output", "-"]
    return subprocess.run(command, check=True, capture_output=True).stdout


def upload(hub: str, key: str, picture: bytes, name: str) -> dict:
    """Send one picture and return the hub's answer. With the same name and bytes no retry is stored twice."""
    headers = {
        "X-Device-Key": key,
        "Name-Pic": name,
        "Content-Type": "image/jpeg",
        "X-Content-SHA256": hashlib.sha256(picture).hexdigest(),
    }
    answer = {"code": 1, "des": "PhotoHub could not be reached.", "err": "unreachable"}
    for _ in range(TRIES):
        request = urllib.request.Request(f"{hub}/api/upload", data=picture, headers=headers)
        wait_s = 2
        try:
            with urllib.request.urlopen(request, timeout=TIMEOUT_S) as response:
                return json.load(response)
        except urllib.error.HTTPError as error:
            answer = json.load(error)
            if error.code not in TRY_AGAIN:
                return answer
            wait_s = int(error.headers.get("Retry-After", wait_s))
        except OSError as error:
            print("No connection:", error, file=sys.stderr)
        time.sleep(wait_s)
    return answer


def orders_of(address: str, code: str, key: str) -> "queue.Queue[str]":
    """Connect to the broker; the queue gets the name of every picture that is wanted."""
    host, _, port = address.partition(":")
    orders: queue.Queue[str] = queue.Queue()
    status = f"photohub/{code}/status"

    def on_connect(client, userdata, flags, reason, properties) -> None:
        print("Broker:", reason, flush=True)
        if not reason.is_failure:
            client.subscribe(f"photohub/{code}/command", qos=1)
            client.publish(status, "online", qos=1)

    def on_message(client, userdata, message) -> None:
        try:
            order = json.loads(message.payload)
            if order["action"] in (0, "0"):
                orders.put(str(order["name"]))
        except (ValueError, KeyError, TypeError):
            print("Not a command:", message.payload[:80], file=sys.stderr)

    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=code)
    client.username_pw_set(code, key)
    client.will_set(status, "offline", qos=1)
    client.on_connect, client.on_message = on_connect, on_message
    client.connect_async(host, int(port or 1883), keepalive=60)
    client.loop_start()
    return orders


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--hub", required=True, help="the address that PhotoHub printed, http://host:port")
    parser.add_argument("--key", required=True, help="the device's key")
    parser.add_argument("--code", help="the device's code; needed with --mqtt")
    parser.add_argument("--mqtt", help="the broker, host:port")
    parser.add_argument("file", nargs="?", help="a picture to send; without it the Pi's camera is asked")
    options = parser.parse_args()
    if not options.mqtt:
        name = pathlib.Path(options.file).name if options.file else time.strftime("%Y-%m-%dT%H:%M:%S")
        print(json.dumps(upload(options.hub, options.key, take_picture(options.file), name)))
        return
    if mqtt is None or not options.code:
        sys.exit("--mqtt needs --code and paho-mqtt: pip install paho-mqtt")
    orders = orders_of(options.mqtt, options.code, options.key)
    while True:
        name = orders.get()
        answer = upload(options.hub, options.key, take_picture(options.file), name)
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
