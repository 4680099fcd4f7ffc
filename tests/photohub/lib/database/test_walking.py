from datetime import timedelta

import pytest
from django.utils import timezone

from devices.commands.models import Command
from photohub.lib.database.walking import walk
from tests.builders import make_device

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("page_size", [1, 2, 3, 7, 50])
def test_all_rows_come_once_and_in_order_also_those_of_the_same_moment(page_size):
    device, now = make_device(), timezone.now()
    for number in range(9):
        at = now + timedelta(seconds=number // 4)
        Command.objects.create(device=device, name=f"a{number}", created_at=at, expires_at=at)
    walked = list(walk(Command.objects.all(), "created_at", "name", page_size=page_size))
    assert [key for key, _at, _name in walked] == [
        command.pk for command in Command.objects.order_by("created_at", "pk")
    ]
