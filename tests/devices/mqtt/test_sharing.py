"""Whose a device is: every gateway says the same, and only the devices of the one that came or went move."""

from collections import Counter

from devices.mqtt.sharing import WHOLE, Share, owner_of

CODES = [f"camera-{number}" for number in range(3000)]
THREE = ("gateway a.1", "gateway b.1", "gateway c.1")


def test_all_devices_are_shared_about_evenly_and_each_is_one_gateways():
    shares = [Share(name, frozenset(THREE)) for name in THREE]
    held = [[share.holds(code) for share in shares] for code in CODES]
    assert {sum(each) for each in held} == {1}
    assert all(900 < count < 1100 for count in Counter(owner_of(code, THREE) for code in CODES).values())


def test_only_the_devices_of_the_gateway_that_went_move():
    before = {code: owner_of(code, THREE) for code in CODES}
    after = {code: owner_of(code, THREE[:2]) for code in CODES}
    moved = {code for code in CODES if before[code] != after[code]}
    assert moved == {code for code in CODES if before[code] == THREE[2]}


def test_a_lone_gateway_holds_everything_and_one_that_nobody_counts_nothing():
    assert WHOLE.is_whole and Share("a", frozenset({"a"})).holds("porch")
    assert not Share("a", frozenset({"a", "b"})).is_whole
    assert not Share("a", frozenset({"b"})).holds("porch") and not Share("a", frozenset()).holds("porch")
