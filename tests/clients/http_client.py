"""Python's http.client, one connection kept; see run.sh."""
import http.client
import json
import os
import urllib.parse

from wants import BATCH, LARGE, TABLE, end, events_until, network, safetensors, want, want_problem

AUTHORITY = urllib.parse.urlsplit(os.environ["MLPD_ORIGIN"]).netloc
MODEL = "/v1/models/http.client"
ADMIN, READ = os.environ["ADMIN_TOKEN"], os.environ["READ_TOKEN"]
JSON = {"Content-Type": "application/json"}
SAFETENSORS = {"Content-Type": "application/vnd.safetensors"}
WAITS = {"Prefer": "wait=30"}


class Answer:
    def __init__(self, answer):
        self.status, self.headers = answer.status, answer.headers
        self.text = answer.read()
        self.json = json.loads(self.text) if self.text else {}


def connect():
    return http.client.HTTPConnection(AUTHORITY, timeout=60)


def send(connection, method, path, body=None, headers=None, token=ADMIN):
    headers = dict(headers or {})
    if token:
        headers["Authorization"] = "Bearer " + token
    if isinstance(body, dict):
        body = json.dumps(body)
        headers.update(JSON)
    connection.request(method, path, body, headers)


kept = connect()


def call(*arguments, **named):
    send(kept, *arguments, **named)
    return Answer(kept.getresponse())


# ---- create ----

answer = call("POST", "/v1/models", network("http.client"), token=None)
want_problem("no token", answer, 401)
want("no token: what to send", answer.headers["WWW-Authenticate"], 'Bearer realm="mlpd"')
want_problem("a reader creates",
             call("POST", "/v1/models", network("http.client"), token=READ), 403)
answer = call("POST", "/v1/models", network("http.client"))
want("create", (answer.status, answer.headers["Location"]), (201, MODEL))
etag = answer.headers["ETag"]
want_problem("create again", call("POST", "/v1/models", network("http.client")), 409)

# ---- train ----

for i in range(1, 14):
    answer = call("POST", MODEL + "/batches", BATCH, WAITS)
    found = answer.status, answer.json["batch"], answer.json["state"], answer.json["step"]
    want(f"batch {i}", found, (200, i, "trained", i))
want("the preference", answer.headers["Preference-Applied"], "wait=30")
answer = call("POST", MODEL + "/batches", safetensors(BATCH), {**SAFETENSORS, **WAITS})
want("a batch of bytes", (answer.status, answer.json["batch"], answer.json["state"]),
     (200, 14, "trained"))
pieces = iter([safetensors(BATCH)[:100], safetensors(BATCH)[100:]])
answer = call("POST", MODEL + "/batches", pieces, SAFETENSORS)
want("a batch in chunks", (answer.status, answer.json["batch"]), (202, 15))
want("its address", answer.headers["Location"], MODEL + "/batches/15")
answer = call("GET", MODEL + "?wait_step=15")
want("waiting for its step", (answer.status, answer.json["step"]), (200, 15))

# ---- watch ----

answer = call("GET", MODEL + "/loss?after=13")
want("the loss", [point["batch"] for point in answer.json["points"]], [14, 15])
other = connect()
send(other, "GET", MODEL + "/loss?after=15&wait=30")
call("POST", MODEL + "/batches", BATCH)
want("a long poll", [point["batch"] for point in Answer(other.getresponse()).json["points"]], [16])
other.close()

# Events: all that is kept, then what comes; and again, behind the one that was seen last.
EVENTS = {"Accept": "text/event-stream"}
other = connect()
send(other, "GET", MODEL + "/loss", headers=EVENTS, token=READ)
table = {"Content-Type": "text/csv", "Idempotency-Key": '"http.client-17"', **WAITS}
answer = call("POST", MODEL + "/batches", TABLE, table)
want("a table", (answer.status, answer.json["batch"], answer.json["state"]), (200, 17, "trained"))
found = events_until(17, other.getresponse())
want("events", [event["batch"] for _, event in found], list(range(1, 18)))
other.close()
other = connect()
send(other, "GET", MODEL + "/loss", headers={"Last-Event-ID": "15", **EVENTS}, token=READ)
found = events_until(17, other.getresponse())
want("events after the 15th", [name for name, _ in found], ["16", "17"])
other.close()

# Sent again, because the answer was lost, say: trained once.
answer = call("POST", MODEL + "/batches", TABLE, table)
want("the same table again", (answer.status, answer.json["batch"]), (200, 17))
want_problem("another table under its key", call("POST", MODEL + "/batches", b"0,0,0", table), 422)

# ---- predict ----

answer = call("POST", MODEL + "/predictions", {"inputs": [[0, 1]], "min_step": 17}, token=READ)
want("a prediction", (answer.status, answer.json["model"], answer.json["step"]),
     (200, "http.client", 17))
want("its probabilities", abs(sum(answer.json["predictions"][0]["probabilities"]) - 1) < 1e-6, True)
answer = call("POST", MODEL + "/evaluations", BATCH)
want("an evaluation", (answer.status, answer.json["examples"]), (200, 4))

# ---- refused ----

form = {"Content-Type": "application/x-www-form-urlencoded"}
want_problem("a form", call("POST", MODEL + "/batches", "inputs=1", form), 415)


def post(text):
    return call("POST", MODEL + "/batches", text, JSON)


want_problem("broken JSON", post('{"inputs": [[0,0]], "labels": [0'), 400)
want_problem("a label out of range", post('{"inputs": [[0,0]], "labels": [7]}'), 422, "/labels/0")
want_problem("a row too wide", post('{"inputs": [[0,0,0]], "labels": [1]}'), 422, "/inputs/0")
want_problem("no such model", call("GET", "/v1/models/nobody"), 404)
want_problem("a trailing slash", call("GET", "/v1/models/"), 404)
answer = call("PUT", MODEL, {})
want_problem("PUT", answer, 405)
want("PUT: Allow", "GET, HEAD, PATCH, DELETE" in answer.headers["Allow"], True)
want("HEAD", call("HEAD", MODEL).status, 200)
want("OPTIONS without a token", call("OPTIONS", MODEL, token=None).status, 204)
want_problem("a description of more than 1 MiB",
             call("POST", "/v1/models", bytes((1 << 20) + 1), JSON), 413)

# http.client closes a connection that is to be closed; it would open another then.
connection = kept.sock
want("the connection is open", connection is not None, True)
call("GET", "/health/live")
want("the connection is the same", kept.sock is connection, True)

# The pipe of a large body breaks, since http.client looks for no answer while it sends;
# but the answer is there.
large = connect()
try:
    send(large, "POST", MODEL + "/batches", bytes(LARGE), JSON)
except (BrokenPipeError, ConnectionResetError):
    pass
want_problem("a large body", Answer(large.getresponse()), 413)
large.close()

# ---- the end ----

answer = call("GET", MODEL + "?weights_sha256=true")
want("after all that", (answer.status, answer.json["step"]), (200, 17))
want("the settings are as they were", answer.headers["ETag"], etag)
print("weights", answer.json["weights_sha256"])
want("delete", call("DELETE", MODEL).status, 204)
want_problem("the deleted model", call("GET", MODEL), 404)
end()
