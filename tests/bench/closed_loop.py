"""The way of measuring that hides a stall: the next message is sent when the last one was answered, and not before."""

import http.client
import json
import time

import httpx


def latencies_ms(url: str, rate: float, until_s: float) -> list[float]:
    """Of messages sent by REST in a session of its own, at that rate (1/s) if answers allow, until that monotonic time.

    Each counts from when it was sent to its answer.
    """
    opened = httpx.post(f"{url}/api/chat/sessions", json={"name": "closed loop"}).json()
    path = f"/api/chat/sessions/{opened['session']['id']}/messages"
    headers = {"Authorization": f"Bearer {opened['token']}", "Content-Type": "application/json"}
    server = http.client.HTTPConnection(url.removeprefix("http://"))
    took_ms: list[float] = []
    next_s = time.monotonic()
    while next_s < until_s:
        time.sleep(max(0.0, next_s - time.monotonic()))
        sent_s = time.monotonic()
        body = json.dumps({"text": "Where is my parcel?", "clientId": f"closed:{len(took_ms)}.w.0"})
        server.request("POST", path, body, headers)
        answer = server.getresponse()
        answer.read()
        assert answer.status == 201, answer.status
        took_ms.append((time.monotonic() - sent_s) * 1000)
        next_s = max(time.monotonic(), sent_s + 1 / rate)
    server.close()
    return took_ms
