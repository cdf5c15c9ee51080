"""The frames of /ws/agent over plain HTTPS requests, written from docs/protocol.md alone with the standard library only.

`Link` has the three methods that agent.py uses of a WebSocket: send, recv, close.
"""
import asyncio
import contextlib
import http.client
import json
import ssl
import urllib.parse

PATH = "/agent/v1/sessions"


class Refused(Exception):
    """The hub's refusal: its status and problem document."""

    def __init__(self, status, problem):
        super().__init__(f"{status} {problem}")
        self.status, self.code = status, problem.get("code", "")


class Wire:
    """One connection that is kept; its requests run in threads, one at a time."""

    def __init__(self, hub, credential):
        self.hub, self.credential, self.line = urllib.parse.urlsplit(hub), credential, None

    def ask(self, method, path, body=None):
        headers = {"Authorization": "Bearer " + self.credential}
        if body is not None:
            body, headers["Content-Type"] = json.dumps(body), "application/json"
        if self.line is None:
            secure = self.hub.scheme == "https"
            options = {"context": ssl.create_default_context()} if secure else {}
            kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
            self.line = kind(self.hub.hostname, self.hub.port, timeout=40, **options)
        try:
            self.line.request(method, path, body, headers)
            answer = self.line.getresponse()
            text = answer.read()
        except (OSError, http.client.HTTPException):
            self.line.close()
            self.line = None
            raise
        if answer.status >= 400:
            raise Refused(answer.status, json.loads(text))
        return json.loads(text or "null")

    async def repeat(self, method, path, body=None):
        """Ask until there is an answer: whatever is repeated here has one effect."""
        for attempt in range(20):
            try:
                return await asyncio.to_thread(self.ask, method, path, body)
            except Refused as refused:
                if refused.code == "wrong_node" and attempt < 8:
                    self.line.close()
                    self.line = None
                    continue
                if refused.code not in ("busy", "rate_limited") and refused.status < 500:
                    raise
            except (OSError, http.client.HTTPException, ValueError):
                pass
            await asyncio.sleep(0.2)  # poll: the pace of trying
        raise ConnectionError("the hub does not answer")


class Link:
    def __init__(self, up, down, session):
        self.up, self.down, self.path = up, down, f"{PATH}/{session}"
        self.sent, self.turn = 0, asyncio.Lock()
        self.frames, self.had = [], 0

    async def send(self, text):
        async with self.turn:
            batch = {"first": self.sent + 1, "frames": [json.loads(text)]}
            taken = await self.up.repeat("POST", self.path + "/frames", batch)
            self.sent += 1
            assert taken["next"] == self.sent + 1, taken

    async def recv(self):
        while not self.frames:
            batch = await self.down.repeat("GET", f"{self.path}/frames?after={self.had}&wait_s=20")
            assert batch["first"] == self.had + 1, batch
            self.frames, self.had = batch["frames"], self.had + len(batch["frames"])
        return json.dumps(self.frames.pop(0))

    async def close(self):
        with contextlib.suppress(Exception):
            await asyncio.to_thread(self.up.ask, "DELETE", self.path)


@contextlib.asynccontextmanager
async def connect(hub, credential):
    """Open a session; the connection that opened it is the one for the polls."""
    down = Wire(hub, credential)
    grant = await asyncio.to_thread(down.ask, "POST", PATH)
    link = Link(Wire(hub, credential), down, grant["session"])
    try:
        yield link
    finally:
        await link.close()
