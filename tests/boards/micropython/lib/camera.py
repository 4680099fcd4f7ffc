# The camera module of MicroPython firmware for ESP32: its picture is the file that the runner was given.
from _computer import call

JPEG = 4


def init(number, format=JPEG):
    return True


def capture():
    return bytes.fromhex(call("picture"))
