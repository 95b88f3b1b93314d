"""The tab *Delivery* of Locust's web UI, which asks for its statistics every 2 s and takes our rows along with them."""

import json
import time
from pathlib import Path
from typing import Any

from flask import Response, request
from locust.web import WebUI

from loadtests.delivery import COLUMNS, rows
from loadtests.progress import Tail

KEY = "delivery"


class DeliveryTab:
    """`follow` each run as it begins; between runs the last one's figures stay."""

    def __init__(self, web_ui: WebUI) -> None:
        assert web_ui.app is not None
        self._tail: Tail | None = None
        structure = [{"key": key, "title": title} for key, title in COLUMNS.items()]
        web_ui.template_args["extended_tabs"] = [{"title": "Delivery", "key": KEY}]
        web_ui.template_args["extended_tables"] = [{"key": KEY, "structure": structure}]
        web_ui.app.after_request(self._put_beside_the_statistics)

    def follow(self, folder: Path, late_after_s: float) -> None:
        self._tail = Tail(folder / "events", late_after_s)

    def _put_beside_the_statistics(self, response: Response) -> Response:
        if self._tail is not None and request.path.endswith("/stats/requests"):
            statistics: dict[str, Any] = response.get_json()
            table = {"key": KEY, "data": rows(self._tail, time.monotonic_ns())}
            response.set_data(json.dumps({**statistics, "extended_stats": [table]}))
        return response
