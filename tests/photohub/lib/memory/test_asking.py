import asyncio

import pytest
from django.http import HttpResponse
from django.test import RequestFactory

from photohub.lib.memory.asking import ask_once, once_a_page

asked: list[int] = []


@once_a_page
def count() -> int:
    asked.append(1)
    return len(asked)


@pytest.fixture(autouse=True)
def _nothing_asked():
    asked.clear()


def view(request):
    return HttpResponse(f"{count()} {count()}")


async def view_in_a_loop(request):
    return view(request)


def test_a_page_asks_once_and_the_next_page_again():
    answer = ask_once(view)
    assert [answer(RequestFactory().get("/")).content for _ in range(2)] == [b"1 1", b"2 2"]
    assert asyncio.run(ask_once(view_in_a_loop)(RequestFactory().get("/"))).content == b"3 3"


def test_a_request_that_may_change_the_answer_asks_each_time():
    assert ask_once(view)(RequestFactory().post("/")).content == b"1 2"


def test_outside_of_a_page_it_asks_each_time():
    assert (count(), count()) == (1, 2)


def test_a_page_that_fails_leaves_no_answer():
    def fails(request):
        raise ValueError(count())

    with pytest.raises(ValueError, match="1"):
        ask_once(fails)(RequestFactory().get("/"))
    assert count() == 2
