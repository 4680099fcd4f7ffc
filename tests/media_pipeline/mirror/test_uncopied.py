import pytest

from media_pipeline.mirror import uncopied
from media_pipeline.mirror.models import MirrorState, OSSObject
from media_pipeline.nodes import here
from tests.builders import make_capture, make_device
from tests.nodes import being

pytestmark = pytest.mark.django_db


def test_what_waits_was_given_up_or_never_asked_for_is_on_one_disk_only(tmp_path):
    with being(tmp_path, "a"):
        here.join()
        make_capture(make_device("yard"))
    with being(tmp_path, "b"):
        made = [make_capture(make_device(f"c{n}"), name=state) for n, state in enumerate(MirrorState.values)]
    for capture in made:
        OSSObject.objects.filter(pk=capture.pk).update(state=capture.name)
    only = [row.capture.name for row in uncopied.only_on(2)]
    assert only == ["off", "pending", "uploading", "blocked", "failed"]
    assert (
        uncopied.count_only_on(2, 100),
        uncopied.count_only_on(2, 3),
        uncopied.count_only_on(None, 9),
    ) == (5, 3, 1)
    OSSObject.objects.filter(state="failed").update(error_word=uncopied.LOST)
    assert uncopied.count_only_on(2, 100) == 4
