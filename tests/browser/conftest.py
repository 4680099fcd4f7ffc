"""One Chromium for this folder; each test opens contexts of its own in it."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from tests.browser.new_user import chromium


# No longer than the folder, which one worker runs: meanwhile this thread cannot run asyncio's loop for other tests.
@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser
