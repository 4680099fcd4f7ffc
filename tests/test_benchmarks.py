"""Each benchmark runs from end to end, with numbers too small to mean anything; most of them in the long form only."""

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from benchmarks import __main__ as command
from benchmarks import (
    button,
    figures,
    firmware,
    growth,
    idle,
    ingest,
    load,
    memory,
    million,
    mirror,
    nodes,
    oss,
    pages,
    panels,
    schedules,
    servers,
    stopped_viewers,
    upkeep,
)
from benchmarks.marks import MARK
from benchmarks.measuring import alternate, ratio, spread, table
from benchmarks.pictures import make_picture
from benchmarks.servers import asgi_peer, flask_peer, nginx_peer
from media_pipeline.formats import images
from tests.hub_process import inherited


@pytest.mark.parametrize("size_bytes", [4_000, 55_000, 300_000])
def test_a_picture_has_exactly_the_size_and_is_one(size_bytes: int) -> None:
    picture = make_picture(size_bytes)
    facts = images.inspect(picture, max_pixels=10_000_000)
    assert (len(picture), facts.flags, picture.count(MARK)) == (size_bytes, (), 1)
    assert images.make_thumbnail(picture).data


def test_a_picture_too_small_to_paint_is_refused() -> None:
    with pytest.raises(ValueError, match="too small"):
        make_picture(200)


def test_rounds_alternate_so_that_nobody_is_always_first() -> None:
    asked: list[str] = []
    results = alternate(2, ["a", "b"], lambda name: asked.append(name) or len(asked))
    assert asked == ["a", "b", "b", "a"]
    assert results == {"a": [1, 4], "b": [2, 3]}


def test_a_ratio_is_taken_within_each_round() -> None:
    assert ratio([10, 100, 30], [20, 200, 40]) == 0.5
    assert spread([10, 10, 10]) == 0 and spread([5, 10, 15]) == 0.5


def test_a_table_is_markdown() -> None:
    assert table(("a", "b"), [("x", 1234.5)]) == "| a | b |\n| --- | --- |\n| x | 1234 |"


@pytest.fixture(scope="module")
def bare() -> Iterator[servers.Server]:
    with asgi_peer("bare", "bare_starlette") as server:
        yield server


@pytest.mark.parametrize("peer", [nginx_peer, flask_peer, None])
def test_every_picture_arrives_with_bytes_of_its_own(peer, bare, tmp_path: Path) -> None:
    (tmp_path / "picture.jpg").write_bytes(make_picture(4_000))
    with peer() if peer else contextlib.nullcontext(bare) as server:
        outcome = load.run(server.order(tmp_path / "picture.jpg", 3, 0.3))
        bodies = [path.read_bytes() for path in server.folder.iterdir()]
        server.clear()
    assert outcome.stored > 0 and outcome.errors == 0
    assert len(bodies) == len(set(bodies)) == outcome.stored
    assert {len(body) for body in bodies} == {4_000}


def test_a_refusal_is_counted_as_an_error(bare, tmp_path: Path) -> None:
    (tmp_path / "picture.jpg").write_bytes(make_picture(4_000))
    outcome = load.run(load.Order([bare.urls[0] + "/wrong"], str(tmp_path / "picture.jpg"), 1, 0.1))
    assert outcome.stored == 0 and outcome.errors > 0
    assert outcome.examples[0].startswith("404 ")


def test_a_pace_is_kept(bare, tmp_path: Path) -> None:
    (tmp_path / "picture.jpg").write_bytes(make_picture(4_000))
    outcome = load.run(bare.order(tmp_path / "picture.jpg", 4, 1.0, per_s=20))
    bare.clear()
    assert 18 <= outcome.stored <= 21


def test_ingest_measures_photohub_beside_its_peers() -> None:
    result = ingest.run(ingest.TINY)
    assert [cell["server"] for cell in result["cells"]][1] == "PhotoHub embedded, esp32s3"
    assert all(cell["per_s"] > 0 and cell["errors"] == 0 for cell in result["cells"])
    assert ingest.report(result).count("\n") == len(result["cells"]) + 1


def test_the_production_form_is_started_with_the_settings_of_a_benchmark(monkeypatch) -> None:
    monkeypatch.setattr(servers, "_start_all", lambda stack: None)
    with servers.production({"PHOTOHUB_MIRROR": "none"}) as stack:
        assert stack.environment("web")["PHOTOHUB_MIRROR"] == "none"


@pytest.mark.long
def test_slow_object_storage_is_felt_inside_the_request_only() -> None:
    hub, peer = oss.run(oss.TINY)["cells"]
    assert hub["errors"] == peer["errors"] == 0
    assert peer["p50_ms"] >= 50


@pytest.mark.long
def test_a_backlog_is_copied_by_the_worker_and_by_the_loop() -> None:
    result = mirror.run(mirror.TINY)
    assert all(row["per_s"] > 0 for row in result["rows"])
    assert "plain oss2 loop" in mirror.report(result)


@pytest.mark.long
def test_machines_of_equal_shares_are_measured_one_and_two_at_a_time() -> None:
    result = nodes.run(nodes.TINY)
    assert [(row["machines"], row["errors"]) for row in result["rows"]] == [(1, 0), (2, 0)]
    assert all(row["per_s"] > 0 and row["history_per_s"] > 0 for row in result["rows"])
    assert "PostgreSQL, cores" in nodes.report(result)


def test_a_statement_is_the_same_for_every_number_of_values() -> None:
    few, many = (
        "INSERT INTO a (b) VALUES (" + ", ".join(f"${n}" for n in range(1, k)) + ")" for k in (3, 300)
    )
    assert nodes.shown(few) == nodes.shown(many) == "INSERT INTO a (b) VALUES (…)"


@pytest.mark.long
def test_growth_compares_every_figure_with_the_smallest_hub() -> None:
    result = growth.run(growth.TINY)
    assert {figure["ratios"][0] for figure in result["figures"]} == {1.0}
    assert len(result["amounts"]) == 3 and "flat within 20 %" in growth.report(result)


@pytest.mark.parametrize(
    ("what", "ratios", "flat"),
    [
        ("dashboard, ms", [1, 1.1], True),
        ("dashboard, ms", [1, 1.3], False),
        ("ingest, pictures/s", [1, 0.7], False),
    ],
)
def test_flat_means_within_a_fifth_in_the_bad_direction(what: str, ratios: list[float], flat: bool) -> None:
    assert growth.is_flat({"what": what, "ratios": ratios}) is flat


def test_pages_are_asked_of_hubs_with_few_and_with_many_pictures() -> None:
    result = million.run(million.TINY)
    cells = result["engines"]["SQLite"]["history: kept"]
    assert set(cells) == {"200", "400"} and all(cell["page"][0] > 0 for cell in cells.values())
    assert "| history: kept |" in million.report(result)


def test_each_size_has_a_database_of_its_own_on_one_postgresql(tmp_path) -> None:
    with million.databases("PostgreSQL", tmp_path / "engine") as made:
        addresses = {next(made), next(made)}
        for address in addresses:
            with psycopg.connect(address) as database:
                database.execute("CREATE TABLE pictures ()")
    assert len(addresses) == 2


@pytest.mark.parametrize(("few_ms", "many_ms", "flat"), [(2, 4, True), (20, 25, True), (20, 40, False)])
def test_flat_means_that_the_database_takes_hardly_longer(few_ms: float, many_ms: float, flat: bool) -> None:
    cells = {str(n): {"database": [ms, ms]} for n, ms in enumerate((few_ms, many_ms))}
    assert million.is_flat(cells) is flat


@pytest.mark.long
def test_memory_is_sampled_while_pictures_come() -> None:
    result = memory.run(memory.TINY)
    assert result["outcome"]["stored"] > 0 and result["outcome"]["errors"] == 0
    assert result["highest_mb"] >= result["rest_mb"] * 0.9 > 30


@pytest.mark.long
def test_pages_tell_what_each_of_them_costs() -> None:
    result = pages.run(pages.TINY)
    rows = {row["page"]: row for row in result["rows"]}
    assert all(row["html_bytes"] > row["html_gzip_bytes"] > 0 for row in rows.values())
    assert rows["dashboard"]["files_gzip_bytes"] > rows["lightbox: about it"]["files_gzip_bytes"] == 0
    assert rows["history"]["queries"] > 1 and "statements" in pages.report(result)
    assert min(result["phone"]["first_picture_ms"]) > 0 < result["phone"]["tiles"] <= pages.TINY.captures


@pytest.mark.long
def test_a_hub_at_rest_is_watched_with_cameras_known_and_connected_and_started_again() -> None:
    result = idle.run(idle.TINY)
    assert result["known"]["cpu_percent"] > 0 and result["connected"]["rss_mb"] > 30
    assert all(0.2 < seconds[0] < 60 for seconds in result["starts_s"].values())
    assert "2 cameras known" in idle.report(result)


@pytest.mark.long
def test_hubs_with_and_without_schedules_are_watched() -> None:
    result = schedules.run(schedules.TINY)
    assert all(result[kind]["cpu_percent"] > 0 for kind in ("none", "resting", "hourly"))
    assert result["none"]["runs_a_minute"] == 0 and "20 once an hour" in schedules.report(result)


def test_what_a_process_takes_grows_with_what_it_does(tmp_path: Path) -> None:
    before = idle.taken(os.getpid())
    with (tmp_path / "written").open("wb") as file:
        file.write(b"x" * 100_000)
        file.flush()
        os.fsync(file.fileno())
    begun_s = time.process_time()
    while time.process_time() < begun_s + 0.02:
        pass
    # Nobody sets it: this thread gives its core away once.
    threading.Event().wait(0.001)
    after = idle.taken(os.getpid())
    assert after.cpu_s > before.cpu_s and after.wakeups > before.wakeups
    assert after.written_bytes >= before.written_bytes


@pytest.mark.long
def test_stopped_viewers_stand_beside_uploads() -> None:
    result = stopped_viewers.run(stopped_viewers.TINY)
    assert [cell["who"] for cell in result["cells"]] == ["nobody", "read", "stopped"]
    assert all(cell["errors"] == 0 and cell["p50_ms"] > 0 for cell in result["cells"])
    assert "3 viewers are stopped" in stopped_viewers.report(result)


@pytest.mark.long
def test_firmware_is_fetched_by_all_while_a_camera_sends() -> None:
    result = firmware.run(firmware.TINY)
    hub, nginx = result["rows"]
    assert hub["errors"] == nginx["errors"] == 0 and hub["ratio"] > 0 and nginx["ratio"] == 1
    assert result["rush"]["fetched"]["fetched"] == firmware.TINY.devices
    assert result["spread_out"]["fetched"]["seconds"] >= firmware.TINY.over_s * 3 / 4
    assert result["rush"]["busy"]["stored"] > 0 and "in one moment" in firmware.report(result)


@pytest.mark.long
def test_upkeep_is_measured_beside_uploads() -> None:
    result = upkeep.run(upkeep.TINY)
    found = result["rows"]["SQLite"]
    assert found["retention, rows/s"] > 0 and found["uploads beside emptying the trash, p99 ms"] > 0
    assert found["removing a device, answer, ms"] > 0 and found["status, statements"] > 5
    assert "mirror.due, ms" in upkeep.report(result)


@pytest.mark.long
def test_panels_get_their_pictures_beside_the_bare_ping_pong() -> None:
    result = panels.run(panels.TINY)
    assert set(result["cells"]) == {"1", "2"} and "published sender" in result["cells"]["1"]
    assert "ms a packet" in panels.report(result)


@pytest.mark.long
def test_the_command_prints_a_table_and_writes_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command.main(["button", "--tiny", "--json", str(tmp_path / "out.json")])
    assert "the whole, as a multiple of the sum" in capsys.readouterr().out
    written = json.loads((tmp_path / "out.json").read_text())
    assert written["machine"]["cores"] and len(written["parts"]["button"]["times_ms"]) == 4


def test_the_command_starts_without_any_environment() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--help"], cwd=load.ROOT, env=inherited(), capture_output=True
    )
    assert done.returncode == 0, done.stderr.decode()[-2000:]


def test_figures_replace_those_of_the_page_and_keep_its_prose(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(figures, "PAGE", tmp_path / "performance.md")
    figures.PAGE.write_text(f"Prose.\n{figures.MARKER}old figures")
    cell = {
        "server": "hub",
        "picture_bytes": 55_000,
        "connections": 16,
        "per_s": 90.0,
        "ratio": 0.5,
        "spread": 0.1,
    }
    cell |= {"p50_ms": 1.0, "p99_ms": 2.0, "errors": 0, "generator_cpu": 0.1, "rounds": [{}]}
    machine = {"cpu": "a", "cores": 2, "memory_gb": 8, "system": "Linux", "python": "3.11"}
    part = {"cells": [cell], "load_average": [1.0, 2.0]}
    (tmp_path / "out.json").write_text(json.dumps({"machine": machine, "parts": {"ingest": part}}))
    figures.main([str(tmp_path / "out.json")])
    text = figures.PAGE.read_text()
    assert text.startswith("Prose.") and "| hub | 0.50 |" in text and "old figures" not in text


def test_figures_are_written_by_a_process_that_was_told_of_no_settings() -> None:
    env = {"PATH": os.environ["PATH"]}
    subprocess.run([sys.executable, "-c", "import benchmarks.figures"], cwd=load.ROOT, env=env, check=True)


def test_figures_of_a_part_that_was_not_measured_stay() -> None:
    before = (
        "## Figures\n\n### Growth (load 1, 2)\n\nold growth\n\n### Button to tile (load 1, 2)\n\nold button\n"
    )
    machine = {"cpu": "a", "cores": 2, "memory_gb": 8, "system": "Linux", "python": "3.11"}
    part = {"rounds": 1, "times_ms": {name: [1.0] for name in (button._STORY, *button._PARTS)}}
    part["load_average"] = [3.0, 4.0]
    text = figures.figures([{"machine": machine, "parts": {"button": part}}], before)
    assert "old growth" in text and "old button" not in text and "(load 3, 4)" in text
