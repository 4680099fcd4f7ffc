"""The published handler's work in Flask: save the body under the name that came with it. No sync."""

import base64
import os
from pathlib import Path

from flask import Flask, Response, jsonify, request

FOLDER = Path(os.environ["PEER_FOLDER"])

app = Flask(__name__)


@app.post("/upload")
def upload() -> Response:
    name = request.headers.get("Name-Pic", "")
    if not name:
        return jsonify(code=1, des=" Name-Pic is not exist")
    body = request.get_data()
    (FOLDER / f"{name}.png").write_bytes(body)
    url = base64.b64encode(f"http://127.0.0.1/{name}.png".encode()).decode()
    return jsonify(code=0, des="uploadup ok", url=url)
