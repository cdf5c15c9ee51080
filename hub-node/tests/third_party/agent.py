"""A small agent for GrocerySync, written from docs/protocol.md alone.

    agent.py --hub http://127.0.0.1:8080 --token gse_... --state agent.json

Enrols once with the token, keeps all it must remember in the state file (mode 0600), and serves its hub until SIGTERM.
Needs Python 3.11 and the package `websockets`; with `--transport https` it goes without WebSockets. It has no SFTP: items for such a destination are only counted as sent.
"""
import argparse
import asyncio
import errno
import json
import os
import random
import re
import signal
import ssl
import sys
import time
import urllib.request
import uuid

from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

import https_link

FIELDS = ("sku", "name", "barcode", "price", "tax_rate", "stock", "unit", "category", "description")
COUNTS = ("read", "sent", "rejected", "bytes_read", "bytes_total", "bytes_sent", "elapsed_ms")
ENCODINGS = {"utf8": "utf-8-sig", "utf16-le": "utf-16-le", "utf16-be": "utf-16-be", "windows1252": "cp1252"}
MACHINE = {"agent_version": "third-party 1.0", "os": " ".join(os.uname()[::2])[:200], "host": os.uname().nodename,
           "capabilities": ["source:csv", "destination:local_file", "destination:sftp"]}
WAITS = {"bad_credentials": 60, "agent_revoked": 600}  # seconds; after another refused upgrade: back off


def say(text):
    print(time.strftime("%H:%M:%S"), text, file=sys.stderr, flush=True)


def put_in_place(file, part, path):
    """Rename a written file to its place, so that both survive a power cut."""
    file.flush()
    os.fsync(file.fileno())
    os.replace(part, path)
    folder = os.open(os.path.dirname(path), os.O_RDONLY)
    os.fsync(folder)
    os.close(folder)


class Ended(Exception):
    """A run is over: outcome (None: begin it again at the next start), and of a failure its code and detail."""


def check(condition, field, reason):
    if not condition:
        raise ValueError(field, reason)  # the row is rejected


def split_row(text, delimiter):
    """The values of a row (a line: values do not go over lines here), or None where it is broken."""
    if len(text.encode()) > 65536 or "\ufffd" in text:
        return None
    if '"' not in text:
        return text.split(delimiter)
    values, at, stop = [], 0, re.escape(delimiter)
    value = re.compile(f'(?:"((?:[^"]|"")*)"|([^{stop}"\r\n]*))({stop}|$)')
    while found := value.match(text, at):
        values.append((found[1] or "").replace('""', '"') or found[2] or "")
        at = found.end()
        if not found[3]:
            return values
    return None


def make_item(text, comma, seen):
    """The item of a row, from its values by field."""
    item = {field: value for field, value in text.items() if value}
    for field in ("sku", "name", "price"):
        check(field in item, field, "is required")
    check(len(item["sku"].encode()) <= 64, "sku", "is longer than 64 bytes")
    check(len(item["name"]) <= 255, "name", "is longer than 255 characters")
    check(len(item.get("description", "")) <= 4000, "description", "is longer than 4,000 characters")
    check(item["sku"] not in seen, "sku", f'"{item["sku"]}" stood in an earlier row')
    if len(seen) < 2_000_000:
        seen.add(item["sku"])
    for field in [field for field in ("price", "tax_rate", "stock") if field in item]:
        good = re.fullmatch(r"[+-]?[0-9]+(,[0-9]+)?" if comma else r"[+-]?[0-9]+(\.[0-9]+)?", item[field])
        good = good and len(re.sub("[^0-9]", "", item[field]).lstrip("0")) <= 18
        check(good, field, f'"{item[field]}" is not a decimal number such as {"12,90" if comma else "12.90"}')
        item[field] = item[field].replace(",", ".").removeprefix("+")
    check(float(item["price"]) >= 0, "price", "is below zero")
    check(len(item["price"].partition(".")[2].rstrip("0")) <= 3, "price", "has more than 3 decimals")
    check(0 <= float(item.get("tax_rate", 0)) <= 100, "tax_rate", "does not lie between 0 and 100")
    if code := item.get("barcode"):
        check(re.fullmatch("[0-9]{8}|[0-9]{12,14}", code), "barcode", f'"{code}" does not have 8, 12, 13 or 14 digits')
        total = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(reversed(code)))
        check(total % 10 == 0, "barcode", f'"{code}" has a wrong check digit')
    return item


def encode(item, form):
    if form == "jsonl":
        return json.dumps(item, ensure_ascii=False).encode() + b"\n"
    values = [item.get(field, "") for field in FIELDS]
    return ",".join('"' + v.replace('"', '""') + '"' if re.search('[",]', v) else v for v in values).encode() + b"\n"


class Agent:
    """The state file holds identity, highest epoch, runs, finished runs, and the spool of facts not acknowledged.
    Fact i of the spool has the number base + i. The first `fixed` of them may have been sent, so their numbers stand:
    nothing is sent before it was saved with its number."""

    def __init__(self, hub, path, transport="websocket"):
        self.hub, self.transport, self.path, self.changed = hub, transport, os.path.abspath(path), asyncio.Event()
        self.stopping, self.tasks = False, {}
        self.data = {"identity": {}}
        if os.path.exists(path):
            with open(path, encoding="utf-8") as file:
                self.data = json.load(file)

    def new_spool(self, facts):
        self.data["spool"] = {"id": str(uuid.uuid4()), "base": 1, "fixed": 0, "facts": facts}

    def save(self):
        fresh = os.open(self.path + ".new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with open(fresh, "w", encoding="utf-8") as file:
            json.dump(self.data, file)
            put_in_place(file, self.path + ".new", self.path)

    def enrol(self, token):
        body = json.dumps({"token": token, "machine": MACHINE}).encode()
        request = urllib.request.Request(self.hub + "/api/v1/enrol", body, {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                grant = json.load(answer)
        except urllib.error.HTTPError as error:
            sys.exit(f"enrolment refused: {error.read().decode()}")
        if self.data["identity"].get("agent_id") != grant["agent_id"]:  # runs of another agent are not ours
            self.data = {"epoch": 0, "runs": {}, "finished": []}
            self.new_spool([])
        self.data["identity"] = {**grant, "token": token}  # the token is used up: kept to tell a new one from it
        self.save()
        say(f"enrolled as {grant['agent_name']} of {grant['retailer_name']}")

    def report(self, run_id, fact, **fields):
        facts, fixed = self.data["spool"]["facts"], self.data["spool"]["fixed"]
        if fact in ("progress", "finished"):  # of a run only the latest unsent progress is worth keeping
            facts[fixed:] = [f for f in facts[fixed:] if (f["run_id"], f["fact"]) != (run_id, "progress")]
        facts.append({"at": int(time.time() * 1000), "run_id": run_id, "fact": fact, **fields})
        self.changed.set()

    def end_run(self, run_id, counts, outcome, code=None, detail=None):
        why = {"code": code, "detail": detail[:1000]} if code else {}
        self.report(run_id, "finished", progress=counts, outcome=outcome, **why)
        self.data["runs"].pop(run_id, None)  # its credentials are forgotten with it
        self.data["finished"] = [*self.data["finished"], run_id][-2000:]
        self.save()
        say(f"run {run_id} {outcome} {why or ''} {counts}")

    def begin(self, run_id):
        self.tasks[run_id] = asyncio.create_task(self.carry_out(run_id, self.data["runs"][run_id]))
        self.tasks[run_id].add_done_callback(lambda _: self.tasks.pop(run_id))

    async def carry_out(self, run_id, run):
        counts, place, began = dict.fromkeys(COUNTS, 0), run["command"]["destination"], time.monotonic()
        run["attempt"] += 1
        run["crashes"] += 1  # taken back when the agent stops cleanly
        part, end = None, ("succeeded",)
        try:
            if run["crashes"] > 5:
                raise Ended("failed", "internal", "five attempts took the agent down")
            self.report(run_id, "started", attempt=run["attempt"])
            self.save()
            if place["kind"] == "local_file":
                folder, name = os.path.split(os.path.abspath(place["path"]))
                os.makedirs(folder, exist_ok=True)
                part = os.path.join(folder, f".{name}.{run_id}.part")
            with open(part or os.devnull, "wb") as file:  # sftp: nothing is written, the items only count as sent
                await self.transfer(run_id, run, counts, file, began)
                if part:
                    put_in_place(file, part, os.path.join(folder, name))
        except Ended as ended:
            end = ended.args
        except OSError as error:
            end = ("failed", "destination_full" if error.errno == errno.ENOSPC else "destination_failed", str(error))
        except Exception as error:  # a defect here costs the run, not the agent
            end = ("failed", "internal", repr(error))
        if end[0] != "succeeded":
            counts["sent"] = counts["bytes_sent"] = 0  # whatever was written did not take its place
            if part and os.path.exists(part):
                os.unlink(part)
        counts["elapsed_ms"] = int((time.monotonic() - began) * 1000)
        if end[0]:
            return self.end_run(run_id, counts, *end)
        run["crashes"] -= 1

    async def transfer(self, run_id, run, counts, export, began):
        source, rule = run["command"]["source"], run["command"]["reject_rule"]
        form, seen, told = run["command"]["destination"]["format"], set(), 0
        try:
            before = os.stat(source["path"])
            file = open(source["path"], encoding=ENCODINGS[source["encoding"]], errors="replace", newline="")
        except OSError as error:
            missing = isinstance(error, FileNotFoundError)
            raise Ended("failed", "source_missing" if missing else "source_unreadable", str(error)) from error
        counts["bytes_total"] = before.st_size
        self.report(run_id, "log", level="info", text=f"reading {source['path']} ({before.st_size} bytes)")
        with file:
            delimiter = source["delimiter"].replace("\\t", "\t")
            header = split_row(file.readline().removeprefix("\ufeff").rstrip("\r\n"), delimiter) or []
            wanted = {c["field"]: c["header"] for c in source["columns"]}
            names = [name.strip().lower() for name in header]
            places = {f: wanted.get(f, f).strip().lower() for f in FIELDS}
            places = {f: names.index(name) for f, name in places.items() if name in names}
            if missing := {"sku", "name", "price", *wanted} - places.keys():
                raise Ended("failed", "source_malformed", f"no column for {', '.join(sorted(missing))}")
            if form == "csv":
                counts["bytes_sent"] += export.write(encode(dict(zip(FIELDS, FIELDS)), form))
            for number, raw in enumerate(file, 2):
                if not (raw := raw.rstrip("\r\n")).strip():
                    continue
                counts["read"] += 1
                try:
                    values = split_row(raw, delimiter)
                    check(values and len(values) <= 512, None, "the row is broken: quotes, encoding or size")
                    text = {field: (values[at:at + 1] or [""])[0].strip() for field, at in places.items()}
                    item = make_item(text, source["decimal_mark"] == "comma", seen)
                    counts["bytes_sent"] += export.write(encode(item, form))
                    counts["sent"] += 1
                except ValueError as rejected:
                    field, reason = rejected.args
                    blame = {"column": header[places[field]].strip(), "field": field} if field else {}
                    counts["rejected"] += 1
                    if counts["rejected"] <= 10_000:
                        reject = {"row": number, "reason": reason, "raw": raw[:1000], **blame}
                        self.report(run_id, "rejected", reject=reject)
                    if rule["rule"] == "stop_above" and counts["rejected"] > rule["items"]:
                        raise Ended("failed", "reject_limit", f"more than {rule['items']} rejected items") from None
                if counts["read"] % 200 == 0:
                    counts["bytes_read"] = file.buffer.tell()
                    counts["elapsed_ms"] = int((time.monotonic() - began) * 1000)
                    if counts["elapsed_ms"] - told > 250:
                        told = counts["elapsed_ms"]
                        self.report(run_id, "progress", **counts)
                    await self.pause(run, began)
        await self.pause(run, began)
        now = os.stat(source["path"]) if os.path.exists(source["path"]) else before
        if (now.st_size, now.st_mtime_ns) != (before.st_size, before.st_mtime_ns):
            raise Ended("failed", "source_changing", f"{source['path']} changed while it was read")
        counts["bytes_read"] = before.st_size

    async def pause(self, run, began):
        """Let the rest of the agent work, and see whether the run may go on."""
        await asyncio.sleep(0)  # poll: the pace of trying
        if self.stopping or run["cancel"] or time.monotonic() - began > run["command"]["timeout_s"]:
            raise Ended("cancelled" if run["cancel"] else None if self.stopping else "timed_out")

    def command(self, frame):
        """Carry out `run` or `cancel`; returns the answer."""
        run_id, runs = frame["run_id"], self.data["runs"]
        new = run_id not in runs and run_id not in self.data["finished"]
        refused = {"t": "refused", "command_id": frame["command_id"]}
        if frame["epoch"] < self.data["epoch"]:
            return refused | {"code": "stale_epoch", "detail": f"epoch {self.data['epoch']} has been seen"}
        if frame["t"] == "run" and frame["source"]["kind"] != "csv":
            return refused | {"code": "invalid_field", "detail": "this agent has no such source"}
        self.data["epoch"] = frame["epoch"]
        if frame["t"] == "run" and new:
            runs[run_id] = {"command": frame, "attempt": 0, "crashes": 0, "cancel": False}
        elif run_id in runs:
            runs[run_id]["cancel"] |= frame["t"] == "cancel"
        try:
            self.save()
        except OSError as error:
            if new:
                runs.pop(run_id, None)
            return refused | {"code": "disk_full", "detail": str(error)}
        if new and frame["t"] == "run":
            self.begin(run_id)
        elif new:
            self.end_run(run_id, dict.fromkeys(COUNTS, 0), "cancelled")
        return {"t": "accepted", "command_id": frame["command_id"]}

    def acknowledged(self, frame, session):
        spool = self.data["spool"]
        count = max(0, frame["through"] - spool["base"] + 1)
        if count > spool["fixed"]:
            self.new_spool(spool["facts"])
            raise ConnectionError("the hub acknowledges what was never sent: beginning a new spool")
        del spool["facts"][:count]
        spool["base"], spool["fixed"] = spool["base"] + count, spool["fixed"] - count
        session["sent"] = max(0, session["sent"] - count)
        session["window"] = [last for last in session["window"] if last > frame["through"]]
        self.changed.set()

    async def pump(self, send, session):
        """Send what is not acknowledged, in at most four frames before their acknowledgement."""
        while await self.changed.wait():
            self.changed.clear()
            await asyncio.sleep(0.05)  # so that a few facts come together  # slow: the pace that the hub has named
            spool = self.data["spool"]
            while len(session["window"]) < 4 and session["sent"] < len(spool["facts"]):
                reports, size = [], 0
                for fact in spool["facts"][session["sent"]:session["sent"] + 128]:
                    size += len(json.dumps(fact)) + 30
                    if not reports or size < 200_000:
                        reports.append({"seq": spool["base"] + session["sent"] + len(reports), **fact})
                session["sent"] += len(reports)
                spool["fixed"] = max(spool["fixed"], session["sent"])
                self.save()
                session["window"].append(reports[-1]["seq"])
                await send(t="reports", spool_id=spool["id"], reports=reports)

    async def heartbeat(self, send, seconds):
        while True:
            await send(t="heartbeat", active=list(self.tasks))
            await asyncio.sleep(seconds)  # poll: the pace of trying

    async def listen(self, link, work):
        """Serve one connection; returns the `bye`."""
        async def send(**frame):
            await link.send(json.dumps({"v": 1, **frame}))
        spool, session = self.data["spool"], {"sent": 0, "window": []}
        runs = list(self.data["runs"])
        reason = {"reason": "it is told so"} if self.transport == "https" else {}
        machine = MACHINE | {"transport": {"kind": self.transport, **reason}}
        await send(t="hello", machine=machine, spool_id=spool["id"], next_seq=spool["base"], active=runs)
        frame = json.loads(await asyncio.wait_for(link.recv(), 20))
        while frame["t"] not in ("bye", "error"):
            if frame["t"] == "welcome":
                say(f"connected, heartbeat each {frame['heartbeat_s']} s")
                self.changed.set()
                for job in (self.heartbeat(send, frame["heartbeat_s"]), self.pump(send, session)):
                    work.append(asyncio.create_task(job))
                    work[-1].add_done_callback(lambda _: asyncio.create_task(link.close()))
            elif frame["t"] in ("run", "cancel"):
                answer = self.command(frame)
                say(f"{frame['t']} {frame['run_id']}: {answer['t']} {answer.get('code', '')}")
                await send(**answer)
            elif frame["t"] == "ack" and frame["spool_id"] == spool["id"]:
                self.acknowledged(frame, session)
            elif frame["t"] == "credential":
                self.data["identity"]["credential"] = frame["credential"]
                self.save()
                await send(t="credential_saved")
                say("the hub gave a new credential")
            frame = json.loads(await link.recv())
        return frame

    async def connection(self):
        """One connection to its end; returns the least seconds to wait."""
        work, options = [], {"compression": None, "ping_interval": 20, "ping_timeout": 25}  # ends 45 silent seconds
        if self.hub.startswith("https:"):
            options["ssl"] = ssl.create_default_context()
            options["ssl"].set_alpn_protocols(["http/1.1"])
        url = "ws" + self.hub.removeprefix("http") + "/ws/agent"
        headers = {"Authorization": "Bearer " + self.data["identity"]["credential"]}
        try:
            if self.transport == "https":
                opening = https_link.connect(self.hub, self.data["identity"]["credential"])
            else:
                opening = connect(url, additional_headers=headers, **options)
            async with opening as link:
                try:
                    end = await self.listen(link, work)
                finally:
                    for task in work:
                        task.cancel()
                    await asyncio.gather(*work, return_exceptions=True)
            say(f"{end['t']} from the hub: {end['code']}: {end['detail']}")
            later = WAITS.get(end["code"], 600) * 1000 if end["t"] == "bye" else 0
            return min(end.get("retry_after_ms", later) / 1000, 3600)
        except InvalidStatus as refused:
            body = (refused.response.body or b"").decode(errors="replace")
            say(f"upgrade refused: {refused.response.status_code} {body}")
            return next((seconds for code, seconds in WAITS.items() if f'"code":"{code}"' in body), 0)
        except https_link.Refused as refused:
            say(f"refused: {refused}")
            return WAITS.get(refused.code, 0)
        except Exception as error:  # whatever it was: never stop trying
            say(f"connection ended: {error!r}")
            return 0

    async def serve(self):
        for run_id in [*self.data["runs"]]:
            self.begin(run_id)
        ceiling = 0.5
        try:
            while True:
                began = time.monotonic()
                wait = await self.connection()
                ceiling = 0.5 if time.monotonic() - began >= 30 else ceiling
                await asyncio.sleep(max(wait, random.uniform(0, ceiling)))  # poll: the pace of trying
                ceiling = min(60, ceiling * 2)
        finally:
            self.stopping = True
            await asyncio.gather(*self.tasks.values(), return_exceptions=True)
            self.save()


async def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--hub", required=True, type=lambda text: text.rstrip("/"), help="such as https://hub.example")
    parser.add_argument("--token", help="used once; a new one enrols anew")
    parser.add_argument("--state", required=True, help="the file to remember everything in")
    parser.add_argument("--transport", choices=("websocket", "https"), default="websocket")
    options = parser.parse_args()
    if not re.match(r"https://|http://(127\.0\.0\.1|localhost|\[::1])(:|$)", options.hub):
        sys.exit("plain HTTP to another machine would show the credential")
    agent = Agent(options.hub, options.state, options.transport)
    if options.token and agent.data["identity"].get("token") != options.token:
        agent.enrol(options.token)
    if not agent.data["identity"]:
        sys.exit("not enrolled: pass --token")
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, asyncio.current_task().cancel)
    await agent.serve()


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except (asyncio.CancelledError, KeyboardInterrupt):
        say("stopped")
