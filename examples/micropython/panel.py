# A PhotoHub panel in MicroPython: receives pictures over MQTT in packets and shows each when it is whole.
# Needs `mpremote mip install umqtt.simple`. Put your display into show(); the render profile says which bytes come.
# The device's settings in PhotoHub say the topics, and from which number it counts (ACK_BASE).
import struct
import time

import network
from umqtt.simple import MQTTClient

WIFI = ("<your Wi-Fi>", "<its password>")
HUB = "192.168.1.20"
MQTT_PORT = 1883
CODE = "hall"
KEY = "<the key of this device>"
PICTURE_TOPIC = f"photohub/{CODE}/picture"
ACK_TOPIC = f"photohub/{CODE}/picture/ack"
STATUS_TOPIC = f"photohub/{CODE}/status"
ACK_BASE = 0
BEGIN, DATA, END = 1, 2, 3
DATA_BYTES = 1400


def show(picture, name):
    # Put your display here. The render profile in PhotoHub says which bytes come.
    print("A picture:", name, len(picture), "bytes")


class Receiver:
    # Gathers one picture at a time; take() answers whether a packet is whole.
    def __init__(self):
        self.forget()

    def forget(self):
        self.name, self.size, self.have, self.data = "", 0, 0, None
        self.shown = self.ready = False

    def take(self, function, number, data):
        if function == BEGIN:
            return self.begin(data)
        if function == DATA:
            return self.keep(number, data)
        return self.end()

    def begin(self, data):
        self.forget()
        try:
            name, size = bytes(data).rsplit(b";", 1)
            # The room for the whole picture; too large a picture is refused before any of it is sent.
            self.data = bytearray(int(size))
            self.name, self.size = name.decode(), int(size)
        except (ValueError, MemoryError):
            self.forget()
            return False
        return self.size > 0

    def keep(self, number, data):
        start = number * DATA_BYTES
        if not 0 <= start < self.size or len(data) != min(DATA_BYTES, self.size - start):
            return False
        room = memoryview(self.data)[start : start + len(data)]
        if start < self.have:
            if room == data:
                return True  # the acknowledgement was lost: say it again
            self.forget()  # other bytes under this number: a begin was lost
            return False
        if start > self.have:
            return False
        room[:] = data
        self.have += len(data)
        return True

    def end(self):
        if not self.size or self.have < self.size:
            return False
        if not self.shown:
            self.shown = self.ready = True
        return True


receiver = Receiver()
client = MQTTClient(CODE, HUB, port=MQTT_PORT, user=CODE, password=KEY, keepalive=60)


def on_message(topic, packet):
    if packet[:4] != b"\xee\xee\xff\xff" or len(packet) < 9:
        return
    function, number, length = struct.unpack("<bhh", packet[4:9])
    if function not in (BEGIN, DATA, END):
        return
    good = length == len(packet) - 9 and receiver.take(function, number, memoryview(packet)[9:])
    said = min(number + (ACK_BASE if function == DATA else 0), 0x7FFF)
    client.publish(ACK_TOPIC, struct.pack("<4sbhb", b"\xff\xff\xee\xee", function, said, good))
    if receiver.ready:  # a slow display must not hold the answer back
        receiver.ready = False
        show(receiver.data, receiver.name)


def connect_wifi():
    wifi = network.WLAN(network.STA_IF)
    wifi.active(True)
    wifi.connect(*WIFI)
    while not wifi.isconnected():
        time.sleep_ms(200)


def listen():
    client.set_callback(on_message)
    client.set_last_will(STATUS_TOPIC, "offline", qos=1)
    client.connect()
    client.subscribe(PICTURE_TOPIC, qos=0)
    client.publish(STATUS_TOPIC, "online", qos=1)
    pinged = time.time()
    while True:
        client.check_msg()
        if time.time() - pinged > 20:
            client.ping()
            pinged = time.time()
        time.sleep_ms(5)


connect_wifi()
while True:
    try:
        listen()
    except OSError as error:
        print("Broker lost:", error)
        time.sleep(3)
