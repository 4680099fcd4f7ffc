import pytest

from photohub.lib.messaging import measures
from photohub.metrics import endpoint


@pytest.fixture(autouse=True)
def _nothing_is_counted_yet():
    """Let each test begin with what it counts itself, and leave no measure of its own behind."""
    before = measures.counted(), measures.present()
    for measure in before[0]:
        measure._rows.clear()
    endpoint.answers.forget()
    yield
    measures._counted[:], measures._present[:] = before
    endpoint.answers.forget()
