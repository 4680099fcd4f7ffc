"""The OpenAPI document: right by its own rules, and enough to make a client from."""

import importlib
import io
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest
from django.conf import settings
from django.http import JsonResponse
from openapi_spec_validator import OpenAPIV31SpecValidator
from pydantic import BaseModel

from tests.builders import make_jpeg
from tests.documented import check_answer, document
from tests.hub_process import running_hub

ROOT = Path(settings.BASE_DIR)
FILES = [
    path.relative_to(ROOT)
    for app in ("devices", "media_pipeline", "photohub")
    for path in sorted((ROOT / app).rglob("*.py"))
    if path.stem in ("api", "shapes") or path.stem.endswith("_api")
]
MODULES = [".".join(path.with_suffix("").parts) for path in FILES]
CLIENT = [sys.executable, "-m", "openapi_python_client", "generate", "--meta", "none", "--overwrite"]


def test_the_document_is_valid_with_every_default_within_its_limits():
    assert list(OpenAPIV31SpecValidator(document()).iter_errors()) == []


def test_no_two_shapes_have_one_name():
    modules = [importlib.import_module(name) for name in MODULES]
    shapes = [shape for module in modules for shape in vars(module).values() if isinstance(shape, type)]
    ours = {
        s for s in shapes if issubclass(s, BaseModel) and s.__module__ in MODULES and "[" not in s.__name__
    }
    names = sorted(shape.__name__ for shape in ours)
    assert len(names) > 30 and names == sorted(set(names))


@pytest.mark.parametrize(
    "name", ["DeviceChanges", "NewDevice", "PanelChanges", "CaptureChanges", "RuleChanges"]
)
def test_what_may_be_left_out_of_a_change_has_no_default(name):
    fields = document()["components"]["schemas"][name]["properties"]
    assert fields and not [field for field, schema in fields.items() if "default" in schema]


def test_a_delivery_is_made_from_json_or_from_a_form():
    operation = document()["paths"]["/api/v1/devices/{code}/deliveries"]["post"]
    assert set(operation["requestBody"]["content"]) == {"application/json", "multipart/form-data"}
    assert {"404", "413", "422", "429"} <= set(operation["responses"])


@pytest.mark.parametrize(
    ("status", "body"), [(418, {"code": 1}), (200, {"code": "porch"}), (404, {"code": 1, "des": "?"})]
)
def test_an_answer_that_the_document_does_not_hold_fails(status, body):
    request = SimpleNamespace(path="/api/v1/devices/porch", method="GET")
    with pytest.raises(AssertionError):
        check_answer(request, JsonResponse(body, status=status))


@pytest.fixture(scope="module")
def hub():
    owner = {"DJANGO_SUPERUSER_USERNAME": "anna", "DJANGO_SUPERUSER_PASSWORD": "a long enough word 7"}
    with running_hub(env=owner) as hub:
        hub.token = hub.console.run("api_token", "anna").strip()
        yield hub


@pytest.fixture(scope="module")
def made(hub, tmp_path_factory):
    """Return how to use the client that is generated from the running hub's document."""
    folder = tmp_path_factory.mktemp("generated")
    command = [
        *CLIENT,
        "--url",
        f"{hub.url}/api/v1/openapi.json",
        "--output-path",
        str(folder / "made_client"),
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0 and "will not be generated" not in done.stdout + done.stderr, done.stdout
    sys.path.insert(0, str(folder))
    client = importlib.import_module("made_client").AuthenticatedClient(
        base_url=hub.url, token=hub.token, timeout=40, httpx_args={"trust_env": False}
    )

    def call(area: str, operation: str, *args, **values):
        module = importlib.import_module(f"made_client.api.{area}.{operation}")
        return module.sync_detailed(*args, client=client, **values)

    yield SimpleNamespace(call=call, models=importlib.import_module("made_client.models"), folder=folder)
    sys.path.remove(str(folder))


def test_every_operation_is_in_the_generated_client(made):
    made_of = {path.stem for path in (made.folder / "made_client/api").rglob("*.py")} - {"__init__"}
    methods = [method for path in document()["paths"].values() for method in path.values()]
    assert {operation["operationId"] for operation in methods} == made_of


def test_a_generated_client_adds_changes_and_reads(made, hub):
    models = made.models
    body = models.NewDevice(code="porch", profile=models.NewDeviceProfile.GENERIC, name="Porch")
    device = made.call("devices", "devices_api_create_device", body=body).parsed
    assert device.code == "porch" and device.key
    changed = made.call(
        "devices", "devices_api_patch_device", "porch", body=models.DeviceChanges(note="by the door")
    )
    # What the program did not name stays as it was.
    assert (changed.parsed.note, changed.parsed.name, changed.parsed.enabled) == (
        "by the door",
        "Porch",
        True,
    )
    order = models.Order(name="dawn", timeout=5)
    command = made.call("pictures", "media_pipeline_api_take_picture", "porch", body=order)
    assert command.status_code == 202 and command.parsed.state == "queued"
    post(hub, device.key)
    [capture] = made.call("pictures", "media_pipeline_api_list_captures", device=["porch"]).parsed.items
    assert capture.device == "porch" and capture.width == 64


def post(hub, key: str) -> None:
    """Upload a picture, as the camera."""
    answer = httpx.post(f"{hub.url}/api/upload/{key}", content=make_jpeg(), trust_env=False, timeout=30)
    assert answer.status_code == 200


def test_a_generated_client_shows_a_picture_on_a_panel(made):
    models = made.models
    body = models.NewDevice(code="hall", profile=models.NewDeviceProfile.PANEL)
    assert made.call("devices", "devices_api_create_device", body=body).status_code == 201
    shapes = {name for name in dir(models) if name.startswith("DevicesApiDeliveriesCreateDelivery")}
    form = next(getattr(models, name) for name in shapes if "Multi" in name)
    file = importlib.import_module("made_client.types").File(
        io.BytesIO(make_jpeg()), "hall.jpg", "image/jpeg"
    )
    answer = made.call(
        "pictures_to_devices", "devices_api_deliveries_create_delivery", "hall", body=form(file=file)
    )
    assert answer.status_code == 202 and answer.parsed.device == "hall", answer.content
    asked = next(getattr(models, name) for name in shapes if "Json" in name)(capture="0")
    refused = made.call("pictures_to_devices", "devices_api_deliveries_create_delivery", "hall", body=asked)
    assert refused.status_code == 404 and refused.parsed.err == "not_found"
