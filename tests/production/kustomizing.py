"""What `kubectl kustomize` makes of a folder, as far as those of deploy/kubernetes go: what else they say is refused.

Two things are left out: the hash behind the name of a ConfigMap, which all that names it has too, and the namespace.
"""

import copy
from pathlib import Path

import yaml

KINDS_OF_PODS = ("StatefulSet", "Deployment", "Job")
_SPOKEN = {
    "apiVersion",
    "kind",
    "resources",
    "namespace",
    "images",
    "replicas",
    "configMapGenerator",
    "patches",
}


def documents_in(file: Path) -> list[dict]:
    return [document for document in yaml.safe_load_all(file.read_text()) if document]


def kustomize(folder: Path) -> list[dict]:
    """Return the documents of a folder. Raises ValueError where its kustomization says what is not understood here."""
    said = yaml.safe_load((folder / "kustomization.yaml").read_text())
    if foreign := said.keys() - _SPOKEN:
        raise ValueError(f"{folder.name} says {foreign}.")
    documents: list[dict] = []
    for name in said["resources"]:
        path = folder / name
        documents += kustomize(path) if path.is_dir() else documents_in(path)
    for asked in said.get("configMapGenerator", []):
        _generate(documents, asked)
    for asked in said.get("patches", []):
        [document] = [d for d in documents if _named(d) == (asked["target"]["kind"], asked["target"]["name"])]
        for step in yaml.safe_load(asked["patch"]):
            _change(document, step)
    for asked in said.get("replicas", []):
        [document] = [
            d for d in documents if d["metadata"]["name"] == asked["name"] and "replicas" in d.get("spec", {})
        ]
        document["spec"]["replicas"] = asked["count"]
    for asked in said.get("images", []):
        _set_image(documents, asked)
    return documents


def containers_of(document: dict) -> list[dict]:
    """Return all containers of a workload, those that run first among them."""
    spec = document["spec"]["template"]["spec"]
    return spec.get("initContainers", []) + spec["containers"]


def _named(document: dict) -> tuple[str, str]:
    return document["kind"], document["metadata"]["name"]


def _generate(documents: list[dict], asked: dict) -> None:
    data = dict(literal.split("=", 1) for literal in asked["literals"])
    known = [d for d in documents if _named(d) == ("ConfigMap", asked["name"])]
    if bool(known) != (asked.get("behavior") == "merge"):
        raise ValueError(f"{asked['name']} is made twice, or merged into nothing.")
    if known:
        known[0]["data"] |= data
    else:
        documents.append(
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": asked["name"]}, "data": data}
        )


def _change(document: dict, step: dict) -> None:
    """Do one step of a JSON patch (RFC 6902)."""
    *way, last = step["path"].strip("/").split("/")
    place = document
    for word in way:
        place = place[int(word)] if isinstance(place, list) else place[word]
    if step["op"] not in ("add", "replace") or (step["op"] == "replace" and last not in place):
        raise ValueError(f"The patch {step} fits nothing.")
    place[last] = copy.deepcopy(step["value"])


def _set_image(documents: list[dict], asked: dict) -> None:
    found = [
        c
        for d in documents
        if d["kind"] in KINDS_OF_PODS
        for c in containers_of(d)
        if c["image"] == asked["name"]
    ]
    if not found:
        raise ValueError(f"No container has the image {asked['name']}.")
    for container in found:
        container["image"] = f"{asked['newName']}:{asked['newTag']}"
