"""GitHub's REST API as it speaks on the wire."""

import hashlib
import json
from typing import Any

from presence.demo.wire.api import Answer, Api, Asked


class GitHub(Api):
    """As far as the poller asks: pages, ETags, limits. `lists` are by path, the newest element first."""

    def __init__(self) -> None:
        super().__init__()
        self.lists: dict[str, Any] = {}
        self.headers: dict[str, str] = {}

    def answer(self, asked: Asked) -> Answer:
        if asked.path not in self.lists:
            return Answer(404, {"message": "Not Found"})
        value, headers = self.lists[asked.path], dict(self.headers)
        if isinstance(value, list):
            size, page = int(asked.query.get("per_page", 30)), int(asked.query.get("page", 1))
            if page * size < len(value):
                headers["link"] = f'<{self.url}{asked.path}?page={page + 1}>; rel="next"'
            value = value[(page - 1) * size : page * size]
        headers["etag"] = f'W/"{hashlib.sha256(json.dumps(value).encode()).hexdigest()}"'
        if asked.headers.get("if-none-match") == headers["etag"]:
            return Answer(304, b"", headers)
        return Answer(200, value, headers)
