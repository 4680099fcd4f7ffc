from media_pipeline.streams.pace import FramePace


def test_a_camera_within_the_pace_never_waits():
    pace = FramePace(frames_per_s=50)
    assert [pace.wait_s(1, second / 30) for second in range(90)] == [0.0] * 90


def test_frames_that_were_held_up_on_their_way_come_at_once():
    assert FramePace(frames_per_s=50).wait_s(45, 7.0) == 0.0


def test_who_sends_too_much_waits_for_it():
    pace = FramePace(frames_per_s=50)
    assert pace.wait_s(150, 7.0) == 2.0 and pace.wait_s(50, 9.0) == 1.0
