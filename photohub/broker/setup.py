"""The first accounts file of Mosquitto's dynamic-security plugin: the hub's account, nothing for others.

The plugin keeps a password as base64 of PBKDF2-HMAC-SHA512 over the password and a salt of 12 bytes, as
`mosquitto_ctrl dynsec init` writes it.
"""

import base64
import hashlib
import hmac
import json
import os
import secrets
from pathlib import Path

ROLE = "photohub-hub"
_ITERATIONS = 101  # what the plugin of Mosquitto 2.0 uses itself; the hub's password is random, not guessable
_SALT_BYTES = 12
_DEFAULTS = {
    "publishClientSend": False,
    "publishClientReceive": True,
    "subscribe": False,
    "unsubscribe": True,
}
# `#` covers no topic that begins with `$`.
_RULES = [
    (kind, topic)
    for topic in ("#", "$CONTROL/dynamic-security/#", "$SYS/#")
    for kind in ("publishClientSend", "publishClientReceive", "subscribePattern", "unsubscribePattern")
    if not (topic.startswith("$SYS") and kind == "publishClientSend")
]


def set_up_accounts(file: Path, username: str, password: str) -> bool:
    """Put the hub's account into the plugin's file, whose other accounts stay; returns whether it changed.

    Only while the broker does not run: it writes the file from its memory.
    """
    accounts = json.loads(file.read_text()) if file.exists() else {}
    wanted = _with_hub(accounts, username, password)
    if wanted == accounts:
        return False
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_name(f"{file.name}.{secrets.token_hex(4)}")
    with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        json.dump(wanted, out, indent=1)
        out.flush()
        os.fsync(out.fileno())
    if file.exists():
        # The broker runs as another user than this command and must be able to write its file.
        status = file.stat()
        os.chown(temporary, status.st_uid, status.st_gid)
    temporary.replace(file)
    return True


def _with_hub(accounts: dict, username: str, password: str) -> dict:
    clients = {client["username"]: client for client in accounts.get("clients", [])}
    roles = {role["rolename"]: role for role in accounts.get("roles", [])}
    # A hub that was renamed leaves no second administrator behind.
    clients = {name: c for name, c in clients.items() if name == username or not _is_hub(c)}
    if not _proves(clients.get(username, {}), password):
        clients[username] = _client(username, password)
    roles[ROLE] = {"rolename": ROLE, "acls": [_rule(kind, topic) for kind, topic in _RULES]}
    return {
        **accounts,
        "clients": list(clients.values()),
        "roles": list(roles.values()),
        "defaultACLAccess": _DEFAULTS,
    }


def _is_hub(client: dict) -> bool:
    return any(role.get("rolename") == ROLE for role in client.get("roles", []))


def _proves(client: dict, password: str) -> bool:
    if not _is_hub(client) or client.get("disabled") or "salt" not in client:
        return False
    salt = base64.b64decode(client["salt"])
    return hmac.compare_digest(_digest(password, salt, client["iterations"]), client["password"])


def _digest(password: str, salt: bytes, iterations: int) -> str:
    return base64.b64encode(hashlib.pbkdf2_hmac("sha512", password.encode(), salt, iterations)).decode()


def _client(username: str, password: str) -> dict:
    salt = os.urandom(_SALT_BYTES)
    return {
        "username": username,
        "textName": "PhotoHub itself",
        "password": _digest(password, salt, _ITERATIONS),
        "salt": base64.b64encode(salt).decode(),
        "iterations": _ITERATIONS,
        "roles": [{"rolename": ROLE}],
    }


def _rule(kind: str, topic: str) -> dict:
    return {"acltype": kind, "topic": topic, "priority": 0, "allow": True}
