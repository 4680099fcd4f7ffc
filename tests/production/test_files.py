"""The files of the production form, read and checked without starting them."""

import os
import re
import subprocess
from pathlib import Path

import pytest
from django.core.management import get_commands, load_command_class

from photohub.env import READ
from tests.ports import free_ports
from tests.production import postgres
from tests.production.stack import COMPOSE, ROOT, SERVICES, command_of, write_nginx_conf

DOCKERFILE = (ROOT / "Dockerfile").read_text()
EXAMPLE = (ROOT / ".env.example").read_text()
ONE_SHOT = {"migrate", "broker_setup"}
# Names that only the compose files, or Django itself, read.
FOREIGN = {"POSTGRES_PASSWORD", "REDIS_PASSWORD", "MQTT_PASSWORD", "HTTP_PORT", "MQTT_PORT", "STREAM_PORT"}
FOREIGN |= {"SHARED_HOST", "NODE_A_URL", "NODE_B_URL", "NODE_B_BIND"}
PORTS = ("nginx", "mqtt_ws", "web0", "web1")


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_a_service_comes_back_and_shows_its_health(name: str) -> None:
    service = SERVICES[name]
    if name in ONE_SHOT:
        assert service["restart"] == "no"
    else:
        assert service["restart"] == "unless-stopped"
        assert service["healthcheck"]["test"]


def test_only_the_proxy_the_broker_and_the_stream_endpoint_are_reached_from_outside() -> None:
    assert {name for name, service in SERVICES.items() if "ports" in service} == {
        "nginx",
        "mosquitto",
        "gateway",
    }


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_images_are_pinned(name: str) -> None:
    image = SERVICES[name]["image"]
    assert re.search(r":(?:local|\d+\.\d+\S*)$", image), image


def test_base_images_are_pinned() -> None:
    images = re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)
    assert len(images) == 3
    assert all(re.search(r":\S*\d{2,}", image) for image in images)


@pytest.mark.parametrize("name", [n for n, s in SERVICES.items() if "manage.py" in s.get("command", [])])
def test_its_command_exists_and_takes_its_arguments(name: str) -> None:
    _python, program, command, *arguments = SERVICES[name]["command"]
    reader = load_command_class(get_commands()[command], command).create_parser(program, command)
    assert reader.parse_args(arguments)


@pytest.mark.parametrize("name", sorted(n for n, s in SERVICES.items() if "command" in s))
def test_its_program_exists(name: str) -> None:
    assert Path(command_of(name)[0]).is_file()


def test_volumes_are_declared_and_dependencies_exist() -> None:
    for service in SERVICES.values():
        named = {v.split(":")[0] for v in service.get("volumes", []) if not v.startswith(".")}
        assert named <= set(COMPOSE["volumes"])
        assert set(service.get("depends_on", {})) <= set(SERVICES)


def test_files_that_are_mounted_exist() -> None:
    mounted = [v.split(":")[0] for s in SERVICES.values() for v in s.get("volumes", []) if v.startswith(".")]
    assert len(mounted) == 2
    assert all((ROOT / file).is_file() for file in mounted)


def test_files_that_the_image_takes_exist_and_are_not_ignored() -> None:
    taken = re.findall(r"^COPY ((?:[\w./-]+ )+)\S+$", DOCKERFILE, re.MULTILINE)
    sources = {name for line in taken for name in line.split()}
    kept = set(re.findall(r"^!(\S+)", (ROOT / ".dockerignore").read_text(), re.MULTILINE))
    assert sources <= kept
    assert all((ROOT / name).exists() for name in sources)


def test_the_images_do_not_run_as_root() -> None:
    stages = DOCKERFILE.split("\nFROM ")[1:]
    assert all(re.search(r"^USER photohub$", stage, re.MULTILINE) for stage in stages[1:] or stages)
    assert "PHOTOHUB_NO_BOOTSTRAP=1" in DOCKERFILE
    assert "PHOTOHUB_ENV=production" in DOCKERFILE


def names_in_example() -> list[str]:
    return re.findall(r"^#?([A-Z][A-Z0-9_]+)=", EXAMPLE, re.MULTILINE)


def test_every_setting_is_in_the_example() -> None:
    assert set(READ) <= set(names_in_example())


def test_the_example_has_no_unknown_setting() -> None:
    conditional = {"PHOTOHUB_DB_POOL", "PHOTOHUB_MQTT_PUBLIC"}
    known = set(READ) | FOREIGN | conditional
    assert {n for n in names_in_example() if not n.startswith("DJANGO_")} <= known


def test_the_example_gives_the_true_defaults() -> None:
    given = dict(re.findall(r"^#([A-Z][A-Z0-9_]+)=(.*)$", EXAMPLE, re.MULTILINE))
    true = {name: setting.default for name, setting in READ.items() if name != "PHOTOHUB_DATA"}
    assert {name: given[name] for name in true} == true


def test_what_compose_sets_is_a_setting() -> None:
    for name, service in SERVICES.items():
        if name not in ("postgres", "redis"):
            assert set(service.get("environment", {})) <= set(names_in_example())


def test_nginx_takes_its_configuration(tmp_path: Path) -> None:
    conf = write_nginx_conf(tmp_path, dict(zip(PORTS, free_ports(len(PORTS)), strict=True)))
    tested = subprocess.run(
        [command_of("nginx")[0], "-t", "-c", str(conf)], capture_output=True, text=True, check=False
    )
    assert tested.returncode == 0, tested.stderr


def test_nginx_takes_the_names_of_the_compose_file() -> None:
    conf = (ROOT / "deploy" / "nginx.conf").read_text()
    assert set(re.findall(r"default (\w+):\d+;", conf)) == {"web", "mosquitto"} <= set(SERVICES)


def test_the_brokers_listeners_are_those_that_are_reached() -> None:
    conf = (ROOT / "deploy" / "mosquitto.conf").read_text()
    assert re.findall(r"^listener (\d+)", conf, re.MULTILINE) == ["1883", "1884", "9001"]
    assert SERVICES["broker_setup"]["command"][3] in conf


def test_postgresql_changes_nothing_outside_of_the_suites_folders() -> None:
    # It gives everybody the right to enter what lies above its programs, and locks a file that another account may own.
    postgres.keep_to_our_folders()
    used = [Path(os.fsdecode(postgres.PostgresServer._lock.path))]
    used += [*postgres.POSTGRES_VERSIONS.values()] if os.geteuid() == 0 else []
    assert all(path.is_relative_to("/tmp") and path.parts[2].startswith("photohub-") for path in used)
