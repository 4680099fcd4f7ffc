# A PhotoHub camera in MicroPython: uploads by HTTP, and takes a picture, or another JPEG quality, whenever MQTT asks for one.
# Needs `mpremote mip install requests umqtt.simple`, and a firmware with the esp32 camera module.
# For other boards put their call into take_picture().
import json
import time

import camera
import network
import requests
from umqtt.simple import MQTTClient

WIFI = ("<your Wi-Fi>", "<its password>")
HUB = "192.168.1.20"
HTTP_PORT = 8000
MQTT_PORT = 1883
CODE = "porch"
KEY = "<the key of this device>"

UPLOAD_URL = f"http://{HUB}:{HTTP_PORT}/api/upload"
COMMAND_TOPIC = f"photohub/{CODE}/command"
STATUS_TOPIC = f"photohub/{CODE}/status"
SETTINGS_TOPIC = f"photohub/{CODE}/settings"
TRY_AGAIN = (408, 429, 503, 507)

client = MQTTClient(CODE, HUB, port=MQTT_PORT, user=CODE, password=KEY, keepalive=60)
has = {"quality": 90}  # percent; kept until the power goes
version = 0  # of the hub's wish that was taken up


def connect_wifi():
    wifi = network.WLAN(network.STA_IF)
    wifi.active(True)
    wifi.connect(*WIFI)
    while not wifi.isconnected():
        time.sleep_ms(200)


def take_picture():
    camera.capture()  # the frame in the buffer may be old
    return camera.capture()


def upload(name=""):
    headers = {"X-Device-Key": KEY, "Content-Type": "image/jpeg"}
    if name:
        headers["Name-Pic"] = name
    picture = take_picture()
    for _ in range(5):
        try:
            answer = requests.post(UPLOAD_URL, data=picture, headers=headers, timeout=10)
            status, text = answer.status_code, answer.content
            answer.close()
            print(status, text)
            if status not in TRY_AGAIN:
                return
        except OSError as error:
            print("No connection:", error)
        time.sleep(3)  # the same bytes under the same name are stored once


def report():
    said = {"version": version, "settings": has, "can": ["quality"]}
    client.publish(SETTINGS_TOPIC + "/reported", json.dumps(said))


def take_up(wish):
    global version
    version = wish["version"]
    has["quality"] = wish["settings"].get("quality", has["quality"])
    camera.quality(63 - has["quality"] * 59 // 100)  # the camera counts the other way
    report()


def on_message(topic, payload):
    if topic == SETTINGS_TOPIC.encode():
        return take_up(json.loads(payload))
    try:
        order = json.loads(payload)
        action, name = order["action"], order["name"]
    except (ValueError, KeyError, TypeError):
        print("Not a command:", payload[:80])
        return
    if action in (0, "0"):
        upload(name)


def listen():
    client.set_callback(on_message)
    client.set_last_will(STATUS_TOPIC, "offline", qos=1)
    client.connect()
    client.subscribe(COMMAND_TOPIC, qos=1)
    client.publish(STATUS_TOPIC, "online", qos=1)
    report()
    client.subscribe(SETTINGS_TOPIC, qos=1)
    pinged = time.time()
    while True:
        client.check_msg()
        if time.time() - pinged > 20:
            client.ping()
            pinged = time.time()
        time.sleep_ms(50)


def main():
    camera.init(0, format=camera.JPEG)
    connect_wifi()
    upload()
    while True:
        try:
            listen()
        except OSError as error:
            print("Broker lost:", error)
            time.sleep(3)


main()
