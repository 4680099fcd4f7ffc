"""deploy/kubernetes: valid for Kubernetes, every name leads somewhere, and what runs is what the compose file runs."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator

import kubernetes_validate
import pytest
import yaml
from celery.bin.beat import beat as celery_beat
from celery.bin.worker import worker as celery_worker
from django.core.management import get_commands, load_command_class
from django.urls import resolve

from photohub.env import READ
from photohub.start import serving
from tests.markdown import tables, words
from tests.production.kustomizing import KINDS_OF_PODS, containers_of, documents_in, kustomize
from tests.production.stack import COMPOSE, ROOT

FOLDER = ROOT / "deploy/kubernetes"
DOCUMENTS = kustomize(FOLDER / "example")
WORKLOADS = {d["metadata"]["name"]: d for d in DOCUMENTS if d["kind"] in KINDS_OF_PODS}
CONTAINERS = {
    f"{name}.{container['name']}": container
    for name, d in WORKLOADS.items()
    for container in containers_of(d)
}
LASTING = [name for name, d in WORKLOADS.items() if d["kind"] != "Job"]
# The oldest that `persistentVolumeClaimRetentionPolicy` is on in, and the newest that the schemas know.
VERSIONS = ("1.27", "1.37")
# What somebody else makes, as docs/scaling.md says.
FROM_OUTSIDE = {("Secret", "photohub-secrets"), ("Secret", "photohub-tls")}
SECRETS = {
    "PHOTOHUB_SECRET_KEY": "one secret for all machines of this hub: 0123456789",
    "DATABASE_URL": "postgres://photohub:of-postgresql@postgres.example.org/photohub",
    "REDIS_URL": "redis://:of-redis@redis.example.org:6379/0",
    "PHOTOHUB_MQTT_URL": "mqtt://photohub-hub:of-mqtt@mqtt.example.org:1883",
    "S3_ACCESS_KEY_ID": "key",
    "S3_SECRET_ACCESS_KEY": "of-s3",
}
CONDITIONAL = {"PHOTOHUB_DB_POOL", "PHOTOHUB_MQTT_PUBLIC"}
CELERY = {"worker": celery_worker, "beat": celery_beat}


def of_kind(kind: str) -> list[dict]:
    return [document for document in DOCUMENTS if document["kind"] == kind]


def labels_of_pods() -> dict[str, dict]:
    return {name: d["spec"]["template"]["metadata"]["labels"] for name, d in WORKLOADS.items()}


def selected(labels: dict) -> set[str]:
    """Return the workloads whose pods have these labels."""
    return {name for name, own in labels_of_pods().items() if labels.items() <= own.items()}


def ports_of(workload: str) -> dict[str, int]:
    containers = WORKLOADS[workload]["spec"]["template"]["spec"]["containers"]
    return {port["name"]: port["containerPort"] for c in containers for port in c.get("ports", [])}


# --- what Kubernetes takes ---


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("folder", ["base", "example"])
def test_every_document_is_valid(folder, version):
    for document in kustomize(FOLDER / folder):
        kubernetes_validate.validate(document, version, strict=True)


def test_every_file_is_listed_and_no_name_stands_twice():
    for folder in FOLDER.iterdir():
        listed = yaml.safe_load((folder / "kustomization.yaml").read_text())["resources"]
        assert {path.name for path in folder.iterdir()} - {"kustomization.yaml"} == {
            name for name in listed if "/" not in name
        }
    names = [(d["kind"], d["metadata"]["name"]) for d in DOCUMENTS]
    assert len(names) == len(set(names))


def test_what_a_kustomization_says_beyond_this_is_refused(tmp_path):
    (tmp_path / "kustomization.yaml").write_text("resources: []\nnameSuffix: -b\n")
    with pytest.raises(ValueError, match="nameSuffix"):
        kustomize(tmp_path)


# --- names that lead somewhere ---


def named_elsewhere(value: object) -> Iterator[tuple[str, str]]:
    """Yield kind and name of all that a document refers to."""
    if isinstance(value, list):
        for each in value:
            yield from named_elsewhere(each)
    if not isinstance(value, dict):
        return
    for key, each in value.items():
        if key in ("configMapRef", "configMapKeyRef"):
            yield "ConfigMap", each["name"]
        elif key in ("secretRef", "secretKeyRef"):
            yield "Secret", each["name"]
        elif key == "secretName":
            yield "Secret", each
        elif key == "serviceName":
            yield "Service", each
        elif key == "service" and isinstance(each, dict):
            yield "Service", each["name"]
        else:
            yield from named_elsewhere(each)


def test_every_reference_leads_somewhere():
    there = {(d["kind"], d["metadata"]["name"]) for d in DOCUMENTS} | FROM_OUTSIDE
    assert set(named_elsewhere(DOCUMENTS)) <= there
    assert set(named_elsewhere(DOCUMENTS)) >= FROM_OUTSIDE | {("ConfigMap", "photohub-settings")}


def test_every_mount_has_its_volume_and_every_volume_is_mounted():
    for workload in WORKLOADS.values():
        spec = workload["spec"]["template"]["spec"]
        volumes = {volume["name"] for volume in spec["volumes"]}
        volumes |= {claim["metadata"]["name"] for claim in workload["spec"].get("volumeClaimTemplates", [])}
        for container in containers_of(workload):
            assert {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]} == {
                "data": "/data",
                "tmp": "/tmp",
            }
        assert volumes == {"data", "tmp"}


@pytest.mark.parametrize("name", LASTING)
def test_a_workload_selects_its_own_pods_and_has_a_budget(name):
    spec = WORKLOADS[name]["spec"]
    assert selected(spec["selector"]["matchLabels"]) == {name}
    assert [s["labelSelector"] for s in spec["template"]["spec"]["topologySpreadConstraints"]] == [
        spec["selector"]
    ]
    [budget] = [d for d in of_kind("PodDisruptionBudget") if d["spec"]["selector"] == spec["selector"]]
    # With 1 allowed away, no number of replicas keeps a machine of the cluster from being emptied.
    assert budget["spec"]["maxUnavailable"] == 1


LEADS_TO = {
    "photohub-uploads": {"photohub-node", "photohub-gateway"},
    "photohub-pages": {"photohub-gateway"},
    "photohub-streams": {"photohub-gateway"},
    "photohub-node": {"photohub-node"},
    "photohub-gateway": {"photohub-gateway"},
}


def test_every_service_leads_to_pods_that_have_its_port():
    services = {d["metadata"]["name"]: d["spec"] for d in of_kind("Service")}
    assert {name: selected(spec["selector"]) for name, spec in services.items()} == LEADS_TO
    for name, spec in services.items():
        for port in spec["ports"]:
            assert all(port["targetPort"] in ports_of(workload) for workload in LEADS_TO[name])


def test_uploads_go_to_every_machine_and_all_else_to_the_gateways():
    [ingress] = of_kind("Ingress")
    paths = ingress["spec"]["rules"][0]["http"]["paths"]
    names = {d["metadata"]["name"]: {p["name"] for p in d["spec"]["ports"]} for d in of_kind("Service")}
    assert all(
        p["backend"]["service"]["port"]["name"] in names[p["backend"]["service"]["name"]] for p in paths
    )
    assert {(p["path"], p["pathType"]): p["backend"]["service"]["name"] for p in paths} == {
        ("/api/upload", "Prefix"): "photohub-uploads",
        ("/index.php", "Exact"): "photohub-uploads",
        ("/", "Prefix"): "photohub-pages",
    }


# --- what runs ---


@pytest.mark.parametrize("name", CONTAINERS)
def test_every_variable_is_a_setting(name):
    [settings] = [d["data"] for d in of_kind("ConfigMap")]
    given = settings.keys() | {variable["name"] for variable in CONTAINERS[name].get("env", [])}
    assert given <= READ.keys() | CONDITIONAL
    assert [each for each in given if each in documented_secrets()] == []


def documented_secrets() -> set[str]:
    """Return the settings that docs/settings.md marks as secret."""
    rows = tables((ROOT / "docs/settings.md").read_text(), "name")
    return {words(row[0])[0] for row in rows if len(row) == 3 and "●" in row[2]}


def test_no_secret_is_in_the_files_and_those_that_are_needed_are_told():
    assert of_kind("Secret") == []
    rows = tables((ROOT / "docs/scaling.md").read_text(), "in `photohub-secrets`")
    told = {name for row in rows for name in words(row[0])}
    assert SECRETS.keys() <= told
    assert told <= documented_secrets() | {"DJANGO_SUPERUSER_USERNAME", "DJANGO_SUPERUSER_PASSWORD"}


def environment_of(name: str) -> dict[str, str]:
    """Return a container's variables, as Kubernetes gives them to the first pod."""
    [settings] = [d["data"] for d in of_kind("ConfigMap")]
    env = settings | SECRETS
    for variable in CONTAINERS[name].get("env", []):
        value = variable.get("value", f"{name.split('.')[0]}-0")
        env[variable["name"]] = re.sub(r"\$\((\w+)\)", lambda m: env[m[1]], value)
    return env


@pytest.mark.parametrize("name", ["photohub-node.web", "photohub-gateway.gateway", "photohub-beat.beat"])
def test_its_settings_are_accepted_and_name_the_pod(name, tmp_path):
    env = {key: value for key, value in os.environ.items() if not key.startswith("PHOTOHUB_")}
    env |= environment_of(name) | {"PHOTOHUB_DATA": str(tmp_path / "hub")}
    asking = "import photohub.settings as s; print(s.NODE_NAME, s.NODE_URL)"
    done = subprocess.run(
        [sys.executable, "-c", asking], cwd=ROOT, env=env, capture_output=True, text=True, timeout=60
    )
    # Reached by the name that the Service without an address gives each pod of its StatefulSet.
    pod = name.split(".")[0]
    machine = f"{pod}-0 http://{pod}-0.{pod}:8000" if has_folder(pod) else ""
    assert (done.stdout.strip(), done.stderr) == (machine, "")


def has_folder(workload: str) -> bool:
    return "volumeClaimTemplates" in WORKLOADS[workload]["spec"]


def test_a_machine_is_one_volume_and_all_that_works_on_it():
    for name, workload in WORKLOADS.items():
        pod = {n.split(".")[1] for n in CONTAINERS if n.startswith(f"{name}.")}
        if has_folder(name):
            assert workload["kind"] == "StatefulSet" and {"web", "worker", "files", "migrated"} <= pod
            assert workload["spec"]["serviceName"] == name
            kept = workload["spec"]["persistentVolumeClaimRetentionPolicy"]
            assert kept == {"whenDeleted": "Retain", "whenScaled": "Retain"}
            env = [c.get("env") for c in containers_of(workload)]
            assert all(each == env[0] for each in env) and env[0]
        else:
            assert not pod & {"web", "worker", "gateway"}


@pytest.mark.parametrize("name", CONTAINERS)
def test_every_command_exists_and_takes_its_arguments(name):
    command = CONTAINERS[name]["command"]
    if command[0] == "sh":
        [inner] = re.findall(r"^until (.+); do sleep 5; done$", command[2])
        command = shlex.split(inner)
    if command[0] == "celery":
        kind = CELERY[command[3]]
        assert command[1:3] == ["-A", "photohub"]
        kind.make_context(kind.name, command[4:], resilient_parsing=True)
    else:
        python, program, word, *arguments = command
        reader = load_command_class(get_commands()[word], word).create_parser(program, word)
        assert (python, program) == ("python", "manage.py") and reader.parse_args(arguments)


def test_the_processes_are_those_of_the_compose_file():
    composed = {n: s["command"] for n, s in COMPOSE["services"].items() if s.get("image") == "photohub:local"}
    of_pods = {n.split(".")[1]: c["command"] for n, c in CONTAINERS.items() if n != "photohub-node.worker"}
    wanted = {name: command for name, command in composed.items() if name != "broker_setup"}
    assert {name: of_pods[name] for name in wanted} == wanted
    # Beside a gateway, a machine's worker takes only what needs its disk.
    own = CONTAINERS["photohub-node.worker"]["command"]
    assert own == [*wanted["worker"][:4], "-X", "celery", *wanted["worker"][4:]]


@pytest.mark.parametrize("name", LASTING)
def test_it_waits_until_the_database_is_up_to_date(name):
    first = WORKLOADS[name]["spec"]["template"]["spec"]["initContainers"][0]
    assert first["command"][:2] == ["sh", "-c"] and "migrate --check" in first["command"][2]
    assert CONTAINERS["photohub-migrate.migrate"]["command"][-1] == "prepare"


# --- as strictly as the compose file ---


@pytest.mark.parametrize("name", WORKLOADS)
def test_a_pod_is_nobody_in_particular(name):
    spec = WORKLOADS[name]["spec"]["template"]["spec"]
    [user] = re.findall(r"useradd --uid (\d+) --create-home", (ROOT / "Dockerfile").read_text())
    assert spec["automountServiceAccountToken"] is spec["enableServiceLinks"] is False
    security = spec["securityContext"]
    assert security["runAsNonRoot"] and security["seccompProfile"] == {"type": "RuntimeDefault"}
    assert {security[key] for key in ("runAsUser", "runAsGroup", "fsGroup")} == {int(user)}
    assert not any(spec.get(key) for key in ("hostNetwork", "hostPID", "hostIPC"))


@pytest.mark.parametrize("name", CONTAINERS)
def test_a_container_has_no_right_and_a_share_of_the_machine(name):
    container = CONTAINERS[name]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert container["image"] == "registry.example.org/photohub:0.1.0"
    resources = container["resources"]
    assert resources["requests"].keys() == resources["limits"].keys() == {"cpu", "memory"}


@pytest.mark.parametrize("name", [n for n in CONTAINERS if n.endswith(".web")])
def test_a_web_server_that_leaves_is_left_first_and_ends_in_time(name):
    container = CONTAINERS[name]
    [program, pause_s] = container["lifecycle"]["preStop"]["exec"]["command"]
    ready, alive = container["readinessProbe"], container["livenessProbe"]
    assert program == "sleep" and int(pause_s) > ready["periodSeconds"] * ready["failureThreshold"]
    grace_s = WORKLOADS[name.split(".")[0]]["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
    whole_s = int(COMPOSE["x-app"]["stop_grace_period"].removesuffix("s"))
    assert grace_s >= int(pause_s) + max(serving.GRACE_S, whole_s)
    assert ready["httpGet"] == {"path": "/readyz?parts=disk,machine", "port": "http"}
    assert resolve(alive["httpGet"]["path"]).url_name == "healthz" and resolve("/readyz").url_name == "readyz"


def test_what_has_no_port_is_asked_whether_it_lives_and_given_time():
    probes = {n: c["livenessProbe"] for n, c in CONTAINERS.items() if "exec" in c.get("livenessProbe", {})}
    told = {n: probe["exec"]["command"][-1] for n, probe in probes.items()}
    names = ("photohub-gateway.gateway", "photohub-gateway.worker", "photohub-beat.beat")
    assert told == dict(zip(names, ("gateway", "worker", "worker"), strict=True))
    for probe in probes.values():
        python, program, word, part = probe["exec"]["command"]
        reader = load_command_class(get_commands()[word], word).create_parser(program, word)
        assert python == "python" and reader.parse_args([part])
        # A broker or a database that is away for a while ends nobody.
        assert probe["periodSeconds"] * probe["failureThreshold"] >= 900


def test_nobody_reaches_a_pod_but_by_a_policy():
    policies = {d["metadata"]["name"]: d["spec"] for d in of_kind("NetworkPolicy")}
    nothing = policies.pop("photohub-nothing")
    assert nothing.keys() == {"podSelector", "policyTypes"} and set(nothing["policyTypes"]) == {
        "Ingress",
        "Egress",
    }
    assert selected(nothing["podSelector"]["matchLabels"]) == WORKLOADS.keys()
    opened: dict[str, set] = {name: set() for name in WORKLOADS}
    for spec in policies.values():
        ports = {port["port"] for rule in spec.get("ingress", []) for port in rule["ports"]}
        for workload in selected(spec["podSelector"]["matchLabels"]):
            opened[workload] |= ports
    assert opened == {name: set(ports_of(name)) for name in WORKLOADS}
    web = policies["photohub-web"]["ingress"][0]["from"]
    assert selected(web[1]["podSelector"]["matchLabels"]) == LEADS_TO["photohub-uploads"]


def test_every_pod_gets_out_to_names_and_to_the_database():
    policies = [d["spec"] for d in of_kind("NetworkPolicy") if d["metadata"]["name"] != "photohub-nothing"]
    out: dict[str, set] = {name: set() for name in WORKLOADS}
    for spec in policies:
        ports = {port["port"] for rule in spec.get("egress", []) for port in rule.get("ports", [])}
        for workload in selected(spec["podSelector"]["matchLabels"]):
            out[workload] |= ports
    assert all({53, 5432, 6379} <= ports for ports in out.values())
    # The object store, and other machines.
    assert all({443, "http"} <= out[name] for name in LEADS_TO["photohub-uploads"])


def test_the_cluster_itself_is_told_how_strict_the_pods_are():
    [namespace] = documents_in(FOLDER / "example/namespace.yaml")
    assert namespace["metadata"]["labels"] == {"pod-security.kubernetes.io/enforce": "restricted"}
