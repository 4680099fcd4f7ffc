"""What goes on while Redis, the broker or the database is away."""

import signal
import time

from simulators.scenes import Scene
from tests.production.stack import Stack, is_open, wait_for


def picture(number: int) -> bytes:
    return Scene("garden").jpeg(float(number), number)


def test_without_redis_uploads_go_on_and_the_work_is_caught_up(stack: Stack) -> None:
    key = stack.add_device("no-redis")["key"]
    stack.upload(key, picture(0), "warm")
    stack.stop("redis", signal.SIGKILL)
    try:
        began_s = time.monotonic()
        status, answer = stack.upload(key, picture(1), "dark")
        took_s = time.monotonic() - began_s
    finally:
        stack.start("redis")
    assert (status, answer["code"]) == (200, 0)
    assert took_s < 2
    sql = "SELECT thumbnail_state FROM media_pipeline_capture WHERE id = %s"
    wait_for("the thumbnail is made", lambda: stack.query(sql, answer["id"])[0][0] == "done", 30)


def test_without_the_broker_uploads_go_on_and_the_gateway_comes_back(stack: Stack) -> None:
    key = stack.add_device("no-broker")["key"]
    stack.stop("mosquitto", signal.SIGKILL)
    try:
        status, answer = stack.upload(key, picture(2))
    finally:
        stack.start("mosquitto")
    assert (status, answer["code"]) == (200, 0)
    wait_for("the broker is back", lambda: is_open(stack.ports["mosquitto"]), 5)
    began_s = time.monotonic()
    stack.add_device("after-broker")
    assert time.monotonic() - began_s < 15


def test_without_the_database_an_upload_is_refused_in_time_and_works_again(stack: Stack) -> None:
    key = stack.add_device("no-database")["key"]
    stack.upload(key, picture(3), "warm")
    stack.stop("postgres")
    try:
        began_s = time.monotonic()
        status, answer = stack.upload(key, picture(4), "dark")
        took_s = time.monotonic() - began_s
    finally:
        stack.start("postgres")
    assert (status, answer["err"]) == (503, "db")
    assert took_s < 2.5
    wait_for("uploads work again", lambda: stack.upload(key, picture(5), "light")[0] == 200, 5)
