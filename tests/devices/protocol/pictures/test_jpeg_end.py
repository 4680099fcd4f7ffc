from devices.protocol.pictures.jpeg_end import EndFinder
from media_pipeline.formats import jpeg
from tests.builders import make_jpeg


def find_end(data: bytes) -> int | None:
    """Return the index behind the EOI of a picture that is all there, None when it is cut."""
    end = EndFinder().find(data)
    return end if end is not None and end > 0 else None


def test_a_real_picture_ends_where_the_walk_says():
    data = make_jpeg(640, 480, text="porch") + b"\0" * 40
    assert find_end(data) == jpeg.end_of_image(data) == len(data) - 40


def test_the_end_is_found_byte_by_byte():
    data, finder, buffer = make_jpeg(), EndFinder(), bytearray()
    found = []
    for byte in data:
        buffer.append(byte)
        found.append(finder.find(buffer))
    assert found == [None] * (len(data) - 1) + [len(data)]


def test_every_cut_has_no_end():
    data = make_jpeg()
    assert not any(find_end(data[:cut]) for cut in range(3, len(data)))


def test_a_new_beginning_is_told_by_a_negative_index():
    data = make_jpeg()
    assert EndFinder().find(data[:-2] + data) == -(len(data) - 2)


def test_a_damaged_byte_among_the_coded_ones_does_not_jump_over_the_end():
    data = make_jpeg(640, 480, text="x")
    middle = len(data) - 200
    damaged = data[:middle] + b"\xff\xc4\x01\x00" + data[middle:]
    assert find_end(damaged + b"\0" * 100) == len(damaged)


def test_a_file_of_nothing_but_markers_ends_in_time():
    assert find_end(b"\xff\xd8" + b"\xff\xc4\x00\x00" * 200_000 + b"\xff\xd9") == 800_004
