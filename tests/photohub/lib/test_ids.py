import hashlib

from photohub.lib import ids


def test_row_ids_are_uuids_of_version_7_in_order():
    made = [ids.new_id() for _ in range(3)]
    assert {i.version for i in made} == {7} and {i.variant for i in made} == {"specified in RFC 4122"}
    assert len(set(made)) == 3
    assert [i.int >> 80 for i in made] == sorted(i.int >> 80 for i in made)


def test_link_codes_are_unguessable_and_readable():
    codes = {ids.new_link_code() for _ in range(500)}
    assert len(codes) == 500 and {len(c) for c in codes} == {18}
    assert set("".join(codes)) == set("0123456789abcdefghjkmnpqrstvwxyz")


def test_keys_hold_256_bits_and_begin_with_a_letter_or_digit():
    keys = [ids.new_key() for _ in range(300)]
    assert all(len(k) == 43 and k[0].isalnum() for k in keys) and len(set(keys)) == 300


def test_only_the_hash_of_a_key_is_kept():
    assert ids.hash_key("abc") == hashlib.sha256(b"abc").hexdigest()
