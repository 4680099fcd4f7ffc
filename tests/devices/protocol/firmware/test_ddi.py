import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from devices.protocol.firmware import ddi
from devices.protocol.firmware.ddi import Artifact, Chunk, ConfigData, Feedback
from devices.protocol.json_fields import Unreadable

ROOT = "http://192.168.1.20:8000/default/controller/v1/porch"
ARTIFACT = Artifact(
    "porch-2.0.0.swu", 1234, "a" * 40, "b" * 32, "c" * 64, "http://192.168.1.20:8000/ota/f/Qm3x"
)
CHUNK = Chunk("porch", "2.0.0", (ARTIFACT,))
# As swupdate 2022.12 sends them, spaces included.
PROCEEDING = (
    b'{ "id": 7, "time": "20261127T225317", "status": { "result": { "progress": { "cnt" : 1, "of" : 2 }, '
    b'"finished": "none" }, "execution": "proceeding", "details" : [ "Installed Chunk.","done \\/" ] } }'
)
CLOSED = (
    b'{ "id": 7, "time": "20261127T225317", "status": { "result": { "progress": { "cnt" : 0, "of" : 0 }, '
    b'"finished": "success" }, "execution": "closed", "details" : [ "Update Installed." ] } }'
)
# The form without id and time, which newer clients send.
NEWER = b'{"timestamp":1795187294000,"status":{"execution":"closed","result":{"finished":"success"},"details":[""]}}'
CONFIG = (
    b'{"id":"","time":"20261120T154134","status":{"result":{"finished":"success"},"execution":"closed",'
    b'"details":[""]},"mode":"merge","data":{"board":"pi4","ram":"2"}}'
)


def feedback(**changes: object) -> bytes:
    return json.dumps(
        {"status": {"result": {"finished": "none"}, "execution": "proceeding", **changes}}
    ).encode()


def test_the_address_of_a_device_is_absolute():
    assert ddi.root_url("http://192.168.1.20:8000/", "default", "porch") == ROOT


def test_a_device_with_nothing_to_do_gets_its_sleep():
    assert ddi.encode_base(ROOT, sleep_s=3725) == b'{"config":{"polling":{"sleep":"01:02:05"}},"_links":{}}'


@pytest.mark.parametrize(("sleep_s", "told"), [(0, "00:00:01"), (30, "00:00:30"), (10**6, "23:59:59")])
def test_the_sleep_is_hours_minutes_seconds(sleep_s: int, told: str):
    assert json.loads(ddi.encode_base(ROOT, sleep_s=sleep_s))["config"]["polling"]["sleep"] == told


def test_links_stand_there_when_there_is_something():
    assert ddi.encode_base(ROOT, sleep_s=30, wants_config=True, deployment=7, deployment_tag=99) == (
        b'{"config":{"polling":{"sleep":"00:00:30"}},"_links":{"deploymentBase":{"href":"%s/deploymentBase/7?c=99"},'
        b'"configData":{"href":"%s/configData"}}}' % (ROOT.encode(), ROOT.encode())
    )


def test_a_cancel_takes_the_place_of_the_deployment():
    links = json.loads(ddi.encode_base(ROOT, sleep_s=30, deployment=7, cancel=8))["_links"]
    assert links == {"cancelAction": {"href": f"{ROOT}/cancelAction/8"}}
    assert ddi.encode_cancel(8, 7) == b'{"id":"8","cancelAction":{"stopId":"7"}}'


def test_a_deployment_is_written_byte_for_byte():
    link = b'{"href":"http://192.168.1.20:8000/ota/f/Qm3x"}'
    assert ddi.encode_deployment(7, (CHUNK,)) == (
        b'{"id":"7","deployment":{"download":"forced","update":"forced","chunks":[{"part":"os","version":"2.0.0",'
        b'"name":"porch","artifacts":[{"filename":"porch-2.0.0.swu","hashes":{"sha1":"%s","md5":"%s","sha256":"%s"},'
        b'"size":1234,"_links":{"download":%s,"download-http":%s}}]}]}}'
        % (b"a" * 40, b"b" * 32, b"c" * 64, link, link)
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"sha1": ""},
        {"md5": "B" * 32},
        {"sha256": "c"},
        {"file_name": "a.bin"},
        {"file_name": "ü.swu"},
        {"size_bytes": 0},
    ],
)
def test_what_would_end_swupdate_is_a_mistake_of_ours(changes: dict):
    with pytest.raises(ValueError):
        ddi.encode_deployment(7, (Chunk("porch", "2", (replace(ARTIFACT, **changes),)),))


def test_a_deployment_has_a_number_and_something_to_install():
    for action_id, chunks in ((0, (CHUNK,)), (7, ())):
        with pytest.raises(ValueError):
            ddi.encode_deployment(action_id, chunks)


@pytest.mark.parametrize(
    ("wish", "name"),
    [
        ("porch 2.0/é", "porch-2.0.swu"),
        ("a.swu", "a.swu"),
        ("../..", "image.swu"),
        ("x" * 200, "x" * 116 + ".swu"),
    ],
)
def test_a_file_name_is_one_that_swupdate_takes(wish: str, name: str):
    assert ddi.file_name(wish) == name
    assert ddi.encode_deployment(7, (Chunk("a", "1", (replace(ARTIFACT, file_name=name),)),))


def test_feedback_of_swupdate_is_read():
    assert ddi.decode_feedback(PROCEEDING) == Feedback(
        7, "none", "proceeding", ("Installed Chunk.", "done /"), done=1, of=2
    )
    assert ddi.decode_feedback(CLOSED) == Feedback(7, "success", "closed", ("Update Installed.",), 0, 0)
    assert ddi.decode_feedback(NEWER) == Feedback(None, "success", "closed")


def test_closed_is_success_unless_it_says_failure():
    states = [
        ("closed", "success"),
        ("closed", "none"),
        ("proceeding", "success"),
        ("closed", "failure"),
        ("rejected", "none"),
    ]
    read = [Feedback(7, finished, execution) for execution, finished in states]
    assert [f.succeeded for f in read] == [True, True, False, False, False]
    assert [f.failed for f in read] == [False, False, False, True, True]


def test_feedback_of_others_may_say_less_or_more():
    read = ddi.decode_feedback(feedback(details="one line\0", code="200", mood="good"))
    assert read == Feedback(None, "none", "proceeding", ("one line",), code=200)
    assert len(ddi.decode_feedback(feedback(details=["x"] * 99)).details) == ddi.MAX_DETAILS


@pytest.mark.parametrize(
    ("changes", "word"),
    [({"execution": "done"}, "status.execution"), ({"execution": []}, "status.execution"),
     ({"result": {}}, "status.result.finished"), ({"result": "none"}, "status.result.finished")],
)  # fmt: skip
def test_feedback_with_a_wrong_word_is_told(changes: dict, word: str):
    read = ddi.decode_feedback(feedback(**changes))
    assert isinstance(read, Unreadable) and read.reason.startswith(f"{word} must be one of")


def test_what_a_device_says_of_itself_is_read():
    assert ddi.decode_config(CONFIG) == ConfigData("merge", {"board": "pi4", "ram": "2"})
    odd = b'{"mode":"replace","data":{"a":true,"b":2,"":"x","c":[1],"d":"' + b"e" * 200 + b'"}}'
    assert ddi.decode_config(odd) == ConfigData("replace", {"a": "true", "b": "2", "c": "", "d": "e" * 128})


def test_what_a_device_cannot_say_of_itself_is_told():
    assert "mode must be one of" in ddi.decode_config(b'{"mode":"x","data":{}}').reason
    many = json.dumps({"data": {str(n): "" for n in range(101)}}).encode()
    assert "at most 100" in ddi.decode_config(many).reason


@pytest.mark.parametrize("payload", [b"", b"[]", b"{}", b'{"status":1,"data":1}', CONFIG + b" " * 65536])
def test_junk_is_none(payload: bytes):
    assert (ddi.decode_feedback(payload), ddi.decode_config(payload)) == (None, None)


def test_tokens_are_read():
    assert ddi.read_token("TargetToken abc-1") == ("target", "abc-1")
    assert ddi.read_token(" gatewaytoken  x ") == ("gateway", "x")
    assert [ddi.read_token(t) for t in ("", "Bearer x", "TargetToken", "TargetToken a b")] == [None] * 4


@given(st.binary(max_size=60) | st.text('{}[]":,1adtsue ', max_size=60).map(str.encode))
def test_reading_never_raises(payload: bytes):
    for text in (payload, b'{"status":' + payload + b"}", b'{"data":' + payload + b"}"):
        ddi.decode_feedback(text)
        ddi.decode_config(text)
