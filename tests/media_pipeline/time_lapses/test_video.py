import subprocess
from pathlib import Path

import pytest

from media_pipeline.time_lapses import video

GREY = b"\x80" * (64 * 48 * 3)


def probe(path: Path) -> str:
    command = [video.program(), "-hide_banner", "-i", str(path)]
    return subprocess.run(command, capture_output=True, text=True, check=False).stderr


def make_segment(path: Path, frames: int, fps: int = 10) -> Path:
    with video.Segment(path, 64, 48, fps) as segment:
        for _n in range(frames):
            segment.write(GREY)
    return path


def test_segments_become_one_film_that_every_browser_plays(tmp_path):
    film = tmp_path / "film.mp4"
    parts = [make_segment(tmp_path / "1.h264", 20), make_segment(tmp_path / "2.h264", 5)]
    video.join(parts, 10, film)
    told = probe(film)
    assert "Duration: 00:00:02.50" in told and "h264 (High)" in told and "yuv420p" in told
    data = film.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat"), "it must be loaded whole before it plays"


def test_a_segment_that_is_left_by_an_error_leaves_no_file(tmp_path):
    with pytest.raises(KeyError), video.Segment(tmp_path / "1.h264", 64, 48, 10) as segment:
        segment.write(GREY)
        raise KeyError
    assert list(tmp_path.iterdir()) == []


def test_what_the_encoder_says_last_is_told(tmp_path):
    with pytest.raises(video.VideoFailed, match="No such file"):
        make_segment(tmp_path / "missing" / "1.h264", 1)


def test_segments_that_are_none_leave_no_film(tmp_path):
    (tmp_path / "1.h264").write_bytes(b"nonsense")
    with pytest.raises(video.VideoFailed):
        video.join([tmp_path / "1.h264"], 10, tmp_path / "film.mp4")
    assert not (tmp_path / "film.mp4").exists()


def test_a_program_that_cannot_be_started_is_a_missing_one(tmp_path, monkeypatch):
    monkeypatch.setattr(video, "program", lambda: str(tmp_path / "none"))
    with pytest.raises(video.EncoderMissing):
        make_segment(tmp_path / "1.h264", 1)
