"""Proved images in memory."""

from devices.firmware.image_cache import ImageCache, look_of

OLD, NEW = (1, 1, 3, 7), (1, 2, 3, 7)


def test_bytes_are_there_only_while_the_file_looks_the_same():
    cache = ImageCache(10)
    cache.put("a", OLD, b"abc")
    assert cache.get("a", OLD) == b"abc"
    assert cache.get("a", NEW) is None and cache.get("b", OLD) is None


def test_what_was_not_asked_for_longest_goes_first():
    cache = ImageCache(6)
    cache.put("a", OLD, b"abc")
    cache.put("b", OLD, b"def")
    cache.get("a", OLD)
    cache.put("c", OLD, b"ghi")
    assert [cache.get(name, OLD) for name in "abc"] == [b"abc", None, b"ghi"]
    assert cache.held_bytes == 6


def test_an_image_larger_than_all_the_room_pushes_nothing_out():
    cache = ImageCache(6)
    cache.put("a", OLD, b"abc")
    cache.put("b", OLD, b"1234567")
    assert (cache.get("a", OLD), cache.get("b", OLD), cache.held_bytes) == (b"abc", None, 3)


def test_new_bytes_take_the_place_of_old_ones():
    cache = ImageCache(10)
    cache.put("a", OLD, b"abc")
    cache.put("a", NEW, b"xyz!")
    assert (cache.get("a", OLD), cache.get("a", NEW), cache.held_bytes) == (None, b"xyz!", 4)
    cache.forget("a")
    assert cache.held_bytes == 0


def test_a_file_looks_different_after_a_write_of_the_same_length(tmp_path):
    path = tmp_path / "image"
    path.write_bytes(b"abc")
    before = look_of(path.stat())
    path.with_name("new").write_bytes(b"abd")
    path.with_name("new").rename(path)
    assert look_of(path.stat()) != before
