"""Which pictures the demo's month has."""

from datetime import datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from photohub.demo.cast import CAMERAS
from photohub.demo.month import DAYS, moments
from simulators.past import CUT_SHORT, DARK

END = datetime(2026, 5, 20, 15, 30, tzinfo=ZoneInfo("Asia/Shanghai"))
FOUND = moments(END)


def of(code: str) -> list:
    return [moment for moment in FOUND if moment.camera.code == code]


def test_all_cameras_have_a_month_newest_first_and_no_moment_twice():
    assert {moment.camera for moment in FOUND} == set(CAMERAS)
    times = [moment.at for moment in FOUND]
    assert times == sorted(times, reverse=True) and times[0] < END
    assert END - times[-1] > timedelta(days=DAYS - 1)
    assert len({(moment.camera.code, moment.name) for moment in FOUND}) == len(FOUND)


def test_the_same_end_gives_the_same_month():
    assert moments(END) == FOUND


def test_there_are_pictures_cut_short_a_covered_lens_a_gap_and_nights_without():
    faults = [moment.fault for moment in FOUND]
    assert 5 < faults.count(CUT_SHORT) < 60
    assert {moment.camera.code for moment in FOUND if moment.fault == DARK} == {"demo-jetty"}
    workshop = [moment.at for moment in of("demo-workshop")]
    assert max(later - earlier for later, earlier in pairwise(workshop)) > timedelta(days=2)
    assert all(6 <= at.hour < 21 for at in workshop)


def test_in_the_last_nights_one_camera_sends_many_of_the_same():
    nights = [m.at for m in of("demo-yard") if m.at.hour < 5 and END - m.at < timedelta(days=1)]
    assert len(nights) > 20


def test_an_hour_has_one_name_in_whichever_zone_the_hub_lives():
    elsewhere = {(m.camera.code, m.name) for m in moments(END.astimezone(ZoneInfo("Europe/Berlin")))}
    by_day = {(m.camera.code, m.name) for m in FOUND if not m.camera.sleeps}
    assert by_day & elsewhere
