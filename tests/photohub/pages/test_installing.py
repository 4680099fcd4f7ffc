import io

import pytest
from PIL import Image

from photohub.pages import installing


@pytest.mark.django_db
def test_the_manifest_names_icons_that_are_there(client):
    answer = client.get("/manifest.webmanifest")
    assert answer["Content-Type"] == "application/manifest+json"
    for icon in answer.json()["icons"]:
        picture = Image.open(io.BytesIO(client.get(icon["src"]).content))
        assert icon["sizes"] == f"{picture.width}x{picture.height}"


def test_an_icon_of_another_size_is_not_drawn(client):
    assert client.get("/icon-100000.png").status_code == 404


def test_the_worker_is_another_script_with_another_version_and_is_always_asked_for(client, monkeypatch):
    first = client.get("/worker.js")
    assert first["Cache-Control"] == "no-cache" and first["Content-Type"].startswith("text/javascript")
    monkeypatch.setattr(installing, "__version__", "99")
    assert client.get("/worker.js").content != first.content


@pytest.mark.django_db
def test_the_worker_keeps_files_that_are_there_and_hold_nothing_of_anybody(client):
    head = client.get("/worker.js").content.decode().splitlines()[1]
    kept = [word for word in head.split('"') if word.startswith("/")]
    assert {client.get(path).status_code for path in kept} == {200}
    assert "/offline" in kept and not any(path.startswith(("/captures", "/devices", "/api")) for path in kept)
