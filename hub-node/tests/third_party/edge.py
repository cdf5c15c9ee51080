"""A store edge by somebody else: the client that stock tools generate from sync.proto, and docs/protocol.md.

Enrols, streams batches, and prints what was acknowledged, one JSON object a line.
"""

import argparse
import importlib
import json
import os
import queue
import sys
import tempfile
import time
import urllib.request
import uuid
from pathlib import Path

import grpc
from grpc_tools import protoc


def generated(proto: Path):
    """Compiles the file and imports what comes of it."""
    folder = tempfile.mkdtemp()
    name = "grocerysync/v1/sync.proto"
    arguments = ["protoc", f"-I{proto}", f"--python_out={folder}", f"--grpc_python_out={folder}", name]
    if protoc.main(arguments) != 0:
        sys.exit("sync.proto could not be compiled")
    sys.path.insert(0, folder)
    return (importlib.import_module("grocerysync.v1.sync_pb2"), importlib.import_module("grocerysync.v1.sync_pb2_grpc"))


def enrol(hub: str, token: str, device: str) -> str:
    wish = {"token": token, "device_id": device, "device_name": "python", "version": "1"}
    request = urllib.request.Request(
        f"{hub}/v1/edges/enrol", json.dumps(wish).encode(), {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)["credential"]


def sale(cents: int) -> dict:
    now = int(time.time() * 1000)
    line = {"line": 1, "sku": "TEA", "name": "Tea", "unit": "pcs", "quantity": "1", "unit_price": cents,
            "gross": cents, "discount": 0, "tax_rate": 700, "net": cents, "tax": 0, "total": cents}
    totals = {"gross": cents, "discount": 0, "net": cents, "tax": 0, "total": cents, "rounding": 0, "to_pay": cents}
    return {"transaction_id": str(uuid.uuid4()), "receipt": f"PY-{cents}", "terminal_id": "py", "cashier_id": "py",
            "currency": "EUR", "opened_at": now, "finalised_at": now, "lines": [line],
            "taxes": [{"rate": 700, "net": cents, "tax": 0}], "totals": totals}


class Edge:
    def __init__(self, pb, device: str):
        self.pb, self.device, self.stream = pb, device, str(uuid.uuid4())
        self.told = []

    def tell(self, kind: str, data: dict):
        self.told.append(self.pb.Event(
            event_id=str(uuid.uuid4()), seq=len(self.told) + 1, type=kind, version=1,
            occurred_at=int(time.time() * 1000), data=json.dumps(data).encode()))

    def batch(self, first: int, last: int):
        return self.pb.EventBatch(
            version=1, device_id=self.device, stream_id=self.stream, oldest_seq=1, events=self.told[first - 1:last])


def shown(ack) -> dict:
    return {
        "accepted": len(ack.accepted), "duplicates": len(ack.duplicates),
        "errors": [[error.seq, error.code] for error in ack.errors], "settled_seq": ack.settled_seq,
        "expected_seq": ack.expected_seq if ack.HasField("expected_seq") else None,
        "refusal": ack.refusal.code if ack.HasField("refusal") else None,
    }


def follow(pb, stub, device: str, metadata):
    """Takes the whole catalogue over, two changes at a time, and prints what is sold in the end."""
    questions = queue.SimpleQueue()
    pages = stub.StreamChanges(iter(questions.get, None), metadata=metadata, timeout=60)
    shelf, feed, cursor = {}, None, 0
    while True:
        questions.put(pb.ChangesRequest(version=1, device_id=device, feed_id=feed, cursor=cursor, limit=2))
        page = next(pages)
        for change in page.changes:
            data = json.loads(change.data)
            if change.type == "article":
                shelf[data["sku"]] = data["price"]
            elif change.type == "article_withdrawn":
                shelf.pop(data["sku"], None)
        feed, cursor = page.feed_id, page.cursor
        if cursor == page.head:
            break
    questions.put(None)
    print(json.dumps({"cursor": cursor, "currency": page.currency, "shelf": shelf}), flush=True)


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--hub", required=True)
    arguments.add_argument("--token", required=True)
    arguments.add_argument("--proto", required=True, type=Path)
    arguments = arguments.parse_args()
    pb, service = generated(arguments.proto)
    device = str(uuid.uuid4())
    credential = enrol(arguments.hub, arguments.token, device)
    edge = Edge(pb, device)
    for cents in (100, 200, 300):
        edge.tell("sale_recorded", sale(cents))
    edge.tell("tea_spilt", {})
    wrong = sale(400)
    wrong["totals"]["total"] = 399
    edge.tell("sale_recorded", wrong)
    edge.tell("sale_recorded", sale(500))

    channel = grpc.insecure_channel(arguments.hub.removeprefix("http://"))
    stub = service.SyncServiceStub(channel)
    up = queue.SimpleQueue()
    metadata = (("authorization", f"Bearer {credential}"),)
    down = stub.StreamEvents(iter(up.get, None), metadata=metadata, timeout=60)
    for first, last in ((1, 2), (1, 3), (5, 6), (4, 6)):
        up.put(edge.batch(first, last))
        print(json.dumps(shown(next(down))), flush=True)
    other = pb.EventBatch()
    other.CopyFrom(edge.batch(1, 1))
    other.events[0].event_id = str(uuid.uuid4())
    up.put(other)
    print(json.dumps(shown(next(down))), flush=True)
    # Four under way at once, answered in their order.
    for cents in range(601, 605):
        edge.tell("sale_recorded", sale(cents))
        up.put(edge.batch(len(edge.told), len(edge.told)))
    for _ in range(4):
        print(json.dumps(shown(next(down))), flush=True)
    up.put(None)
    for _ in down:
        sys.exit("nothing more was to be acknowledged")
    follow(pb, stub, device, metadata)
    try:
        stranger = stub.StreamEvents(iter([edge.batch(1, 1)]), metadata=(("authorization", "Bearer x"),), timeout=30)
        next(stranger)
    except grpc.RpcError as refused:
        print(json.dumps({"status": refused.code().name}), flush=True)
    channel.close()


main()
# The library's own threads are not waited for: everything has been said.
sys.stdout.flush()
os._exit(0)
