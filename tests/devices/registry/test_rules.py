import pytest
from django.core.exceptions import ValidationError

from devices.registry.models import Device
from devices.registry.rules import TOPIC_COLUMNS, check_device, warn_of_network
from tests.builders import make_device


def faults_of(device: Device, **values) -> dict[str, list[str]]:
    """Set the values and return the sentences by field."""
    for field, value in values.items():
        setattr(device, field, value)
    try:
        check_device(device)
    except ValidationError as error:
        return error.message_dict
    return {}


@pytest.mark.parametrize("topic", ["a/+/b", "a/#", "$SYS/a", "é", "x" * 201, "a\nb"])
def test_a_topic_must_be_one(db, topic):
    assert "cannot be a topic" in faults_of(make_device(), result_topic=topic)["result_topic"][0]


@pytest.mark.parametrize(
    "column", ["command_topic", "result_topic", "frame_topic", "picture_topic", "picture_ack_topic"]
)
def test_a_topic_of_another_device_is_refused_in_every_column(db, column):
    make_device("porch", profile="esp32s3")

    assert faults_of(make_device("barn"), **{column: "/light/deviceOut"}) == {
        column: ["The topic /light/deviceOut belongs to porch."]
    }


@pytest.mark.parametrize(
    "topic",
    ["photohub/porch/result", "photohub/barn/status", "photohub/anything", "homeassistant/device/a/config"],
)
def test_native_topics_of_others_or_other_purposes_are_refused(db, topic):
    assert "are reserved" in faults_of(make_device("barn"), result_topic=topic)["result_topic"][0]


def test_the_pieces_of_a_frame_topic_are_taken_too(db):
    make_device("porch", profile="k230")

    assert (
        "belongs to porch"
        in faults_of(make_device("barn"), result_topic="k230/camera/frame/part1")["result_topic"][0]
    )


def test_a_frame_topic_may_not_lie_above_anothers_topic(db):
    make_device("porch", result_topic="yard/out")

    assert "belongs to porch" in faults_of(make_device("barn"), frame_topic="yard")["frame_topic"][0]


def test_one_device_may_not_use_a_topic_twice(db):
    faults = faults_of(make_device(), command_topic="a/b", result_topic="a/b")

    assert set(faults) == {"command_topic", "result_topic"}


@pytest.mark.parametrize("policy", ["none", "every", "on_demand", "interval:1", "interval:86400"])
def test_stream_policies_that_are_good(db, policy):
    assert faults_of(make_device(), stream_policy=policy) == {}


@pytest.mark.parametrize(
    "policy", ["", "interval:0", "interval:86401", "interval:", "sometimes", "interval:1.5"]
)
def test_stream_policies_that_are_not(db, policy):
    assert "stream_policy" in faults_of(make_device(), stream_policy=policy)


@pytest.mark.parametrize(
    "values",
    [{"command_timeout_s": 4}, {"command_timeout_s": 601}, {"reporting_interval_s": 0}, {"ack_base": 2}],
)
def test_numbers_have_limits(db, values):
    assert list(faults_of(make_device(), **values)) == list(values)


def test_networks_may_not_overlap(db):
    make_device("porch", allowed_network="192.168.1.0/24")
    faults = faults_of(make_device("barn"), allowed_network="192.168.1.40")

    assert "overlaps 192.168.1.0/24 of porch" in faults["allowed_network"][0]


@pytest.mark.parametrize("network", ["0.0.0.0/0", "::/0", "home", "192.168.1.300"])
def test_networks_that_are_none_or_everybody(db, network):
    assert "allowed_network" in faults_of(make_device(), allowed_network=network)


def test_a_public_network_is_warned_of():
    assert "public internet" in warn_of_network("8.8.8.0/24")
    assert warn_of_network("192.168.1.0/24") == warn_of_network("") == ""


def test_product_key_and_device_name_go_together_and_once(db):
    make_device("porch", product_key="pk", device_name="one")
    barn = make_device("barn")

    assert "device_name" in faults_of(barn, product_key="pk", device_name="")
    assert "belong to porch" in faults_of(barn, product_key="pk", device_name="one")["device_name"][0]


@pytest.mark.parametrize("name", ["", "   ", "a\x00b", "a\u202eb"])
def test_a_name_can_be_read(db, name):
    assert "name" in faults_of(make_device(), name=name)


@pytest.mark.parametrize("modules", [[], {"a": 1}, {str(n): "" for n in range(17)}])
def test_modules_are_texts(db, modules):
    assert "modules" in faults_of(make_device(), modules=modules)


@pytest.mark.parametrize("constraint", Device._meta.constraints, ids=lambda constraint: constraint.name)
def test_what_the_database_forbids_is_said_in_words(db, constraint):
    topics = {column: f"porch/{column}" for column in TOPIC_COLUMNS}
    porch = make_device("porch", product_key="key", device_name="porch", **topics)
    values = {field: getattr(porch, field) for field in getattr(constraint, "fields", ())} or {"ack_base": 2}
    barn = make_device("barn")
    assert faults_of(barn, **values).keys() & values.keys()
    with pytest.raises(ValidationError):
        constraint.validate(Device, barn)
