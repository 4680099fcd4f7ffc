# The build's own waits by asking the clock without a pause.
from _computer import call
from utime import ticks_diff, ticks_ms, time  # noqa: F401


def sleep_ms(ms):
    call("sleep", int(ms))


def sleep(seconds):
    call("sleep", int(seconds * 1000))
