# A PhotoHub camera that sleeps: one request a wake brings the next order, its settings and how long to sleep.
# Needs `mpremote mip install requests`, and a firmware with the esp32 camera module.
import json
import os
import time

import camera
import machine
import network
import requests

WIFI = ("<your Wi-Fi>", "<its password>")
HUB = "http://192.168.1.20:8000"
KEY = "<the key of this device>"
RESTARTED = "restarted.txt"

has = {"frame_size": "XGA", "quality": 80, "sleep_s": 300}  # kept while it sleeps
version = 0  # of the hub's wish that it has taken up


def connect_wifi():
    wifi = network.WLAN(network.STA_IF)
    wifi.active(True)
    wifi.connect(*WIFI)
    while not wifi.isconnected():
        time.sleep_ms(200)


def take_picture():
    camera.capture()  # the frame in the buffer may be old
    return camera.capture()


def ask(path, data=None, **headers):
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    headers["X-Device-Key"] = KEY
    for _ in range(5):
        try:
            send = requests.get if data is None else requests.post
            answer = send(HUB + path, data=data or b"", headers=headers, timeout=10)
            status, text = answer.status_code, answer.content
            answer.close()
            print(status, text)
            if status not in (408, 429, 503, 507):
                return json.loads(text) if text else {}
        except (OSError, ValueError) as error:
            print("No answer:", error)
        time.sleep(3)  # the same bytes under the same name are stored once
    return {}


def upload(name):
    headers = {"Content_Type": "image/jpeg", "X_Settings_Version": str(version)}
    if name:
        headers["Name_Pic"] = name
    return ask("/api/upload", take_picture(), **headers)


def report(**more):
    said = {"version": version, "settings": has, "can": list(has)}
    said.update(more)
    ask("/api/v1/device/settings", json.dumps(said).encode(), Content_Type="application/json")


def take_up(answer):
    # Be as the hub wishes, and say what could not be.
    global version
    if answer.get("settings_version", version) == version:
        return
    if "settings" not in answer:  # it did not fit into the answer
        wish = ask(f"/api/v1/device/settings?version={version}")
        answer = {"settings": wish.get("settings", {}), "settings_version": wish.get("version", version)}
    refused = {}
    for name, value in answer["settings"].items():
        if name == "frame_size" and hasattr(camera, "FRAME_" + value):
            camera.framesize(getattr(camera, "FRAME_" + value))
        elif name == "quality":
            camera.quality(63 - value * 59 // 100)
        elif name != "sleep_s":
            refused[name] = "this board cannot"
            continue
        has[name] = value
    version = answer["settings_version"]
    report(refused=refused)


def restart(name):
    with open(RESTARTED, "w") as file:
        file.write(name)
    machine.reset()


def say_restarted():
    try:
        with open(RESTARTED) as file:
            report(restarted=file.read())
        os.remove(RESTARTED)
    except OSError:
        pass  # nobody asked for it


def wake():
    connect_wifi()
    name = ""
    while True:
        answer = upload(name)
        take_up(answer)
        order = answer.get("command", {})
        if order.get("action") == 1:
            restart(order["name"])
        if order.get("action") not in (0, "0"):
            return answer.get("sleep_s", has["sleep_s"])
        name = order["name"]


camera.init(0, format=camera.JPEG)
connect_wifi()
say_restarted()
while True:
    machine.lightsleep(1000 * wake())
