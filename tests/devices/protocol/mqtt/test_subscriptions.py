"""Who listens to a topic."""

from hypothesis import given
from hypothesis import strategies as st

from devices.protocol.mqtt.subscriptions import SubscriptionTable
from devices.protocol.topics import matches, valid_filter

levels = st.lists(st.sampled_from(["a", "b", "", "+", "#", "$SYS"]), min_size=1, max_size=4).map("/".join)
filters = levels.filter(lambda each: bool(each) and valid_filter(each))
topic_names = st.lists(st.sampled_from(["a", "b", "", "$SYS"]), min_size=1, max_size=4).map("/".join)


@given(st.lists(filters, max_size=6), topic_names)
def test_the_table_finds_what_each_filter_by_itself_would_match(known: list[str], topic: str):
    table: SubscriptionTable[str] = SubscriptionTable()
    for topic_filter in known:
        table.add(topic_filter, topic_filter, 0)
    assert set(table.find(topic)) == {each for each in known if matches(each, topic)}


def test_overlapping_filters_count_once_with_the_best_quality():
    table: SubscriptionTable[str] = SubscriptionTable()
    for topic_filter, qos in (("a/+", 1), ("a/b", 0), ("#", 0)):
        table.add(topic_filter, "gate", qos)
    assert table.find("a/b") == {"gate": 1}


def test_subscribing_again_changes_the_quality_and_the_last_one_to_leave_empties_the_table():
    table: SubscriptionTable[str] = SubscriptionTable()
    table.add("a/#", "gate", 1)
    table.add("a/#", "gate", 0)
    table.add("a/#", "yard", 1)
    assert table.find("a") == {"gate": 0, "yard": 1}
    for subscriber in ("gate", "yard", "nobody"):
        table.remove("a/#", subscriber)
    assert not table.find("a") and len(table) == 0 and not table._below
