# The board's processor: it sleeps by waiting. Starting again ends the program, which the runner does not repeat.
from _computer import call


def lightsleep(ms):
    call("sleep", int(ms))


def reset():
    raise SystemExit
