"""What the two Python clients share: counted comparisons, and a batch by hand."""
import json
import struct
import sys

BATCH = {"inputs": [[0, 0], [0, 1], [1, 0], [1, 1]], "labels": [0, 1, 1, 0]}
TABLE = "\n".join(f"{a},{b},{label}" for (a, b), label in zip(BATCH["inputs"], BATCH["labels"])).encode()
LARGE = (64 << 20) + 1

passed = failed = 0


def want(what, found, wanted):
    global passed, failed
    if found == wanted:
        passed += 1
    else:
        failed += 1
        print(f"{sys.argv[0]}: {what}: found {found!r}; wanted {wanted!r}")


def want_problem(what, answer, status, pointer=None):
    want(f"{what}: status", answer.status, status)
    want(f"{what}: type", answer.headers["Content-Type"], "application/problem+json")
    want(f"{what}: status in the document", answer.json.get("status"), status)
    if pointer is not None:
        want(f"{what}: pointer", answer.json.get("pointer"), pointer)


def end():
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


def network(name):
    return {"name": name, "inputs": 2, "layers": [8, 2],
            "optimizer": {"name": "adam", "learning_rate": 0.05}}


def safetensors(batch):
    """Eight bytes of length, the header, float32 and bytes."""
    rows = batch["inputs"]
    numbers = struct.pack(f"<{len(rows) * len(rows[0])}f", *(x for row in rows for x in row))
    labels = bytes(batch["labels"])
    end_of_numbers, end_of_labels = len(numbers), len(numbers) + len(labels)
    header = json.dumps({
        "inputs": {"dtype": "F32", "shape": [len(rows), len(rows[0])],
                   "data_offsets": [0, end_of_numbers]},
        "labels": {"dtype": "U8", "shape": [len(labels)],
                   "data_offsets": [end_of_numbers, end_of_labels]},
    }).encode()
    return struct.pack("<Q", len(header)) + header + numbers + labels


def events_until(last, lines):
    """The (id, event)s of a stream, up to the one of batch `last`."""
    found, fields = [], {}
    for line in lines:
        name, _, value = line.decode().rstrip("\r\n").partition(":")
        if name:
            fields[name] = value.strip()
        elif not line.strip():
            if "data" in fields:
                found.append((fields.get("id"), json.loads(fields["data"])))
                if found[-1][1]["batch"] == last:
                    return found
            fields = {}
    return found
