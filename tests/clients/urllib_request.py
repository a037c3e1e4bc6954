"""Python's urllib.request, a connection a call; see run.sh."""
import json
import os
import urllib.error
import urllib.parse
import urllib.request
from concurrent.futures import ThreadPoolExecutor

from wants import BATCH, LARGE, TABLE, end, events_until, network, safetensors, want, want_problem

MODELS = os.environ["MLPD_ORIGIN"] + "/v1/models"
MODEL = MODELS + "/urllib"
ADMIN, READ = os.environ["ADMIN_TOKEN"], os.environ["READ_TOKEN"]
SAFETENSORS = "application/vnd.safetensors"


class Answer:
    def __init__(self, answer):
        self.status, self.headers = answer.status, answer.headers
        self.text = answer.read()
        self.json = json.loads(self.text) if self.text else {}


def call(url, data=None, method=None, token=ADMIN, **headers):
    """data: an object goes as JSON; bytes and iterators go as they are."""
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    if token:
        headers["Authorization"] = "Bearer " + token
    if isinstance(data, dict):
        data = json.dumps(data).encode()
        headers.setdefault("Content-Type", "application/json")
    request = urllib.request.Request(url, data, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return Answer(answer)
    except urllib.error.HTTPError as error:
        return Answer(error)


# ---- create ----

answer = call(MODELS, network("urllib"), token=None)
want_problem("no token", answer, 401)
want("no token: what to send", answer.headers["WWW-Authenticate"], 'Bearer realm="mlpd"')
want_problem("a reader creates", call(MODELS, network("urllib"), token=READ), 403)
answer = call(MODELS, network("urllib"))
want("create", (answer.status, answer.headers["Location"]), (201, "/v1/models/urllib"))
etag = answer.headers["ETag"]
want_problem("create again", call(MODELS, network("urllib")), 409)

# ---- train ----

for i in range(1, 14):
    answer = call(MODEL + "/batches", BATCH, Prefer="wait=30")
    found = answer.status, answer.json["batch"], answer.json["state"], answer.json["step"]
    want(f"batch {i}", found, (200, i, "trained", i))
want("the preference", answer.headers["Preference-Applied"], "wait=30")
answer = call(MODEL + "/batches", safetensors(BATCH), Content_Type=SAFETENSORS, Prefer="wait=30")
want("a batch of bytes", (answer.status, answer.json["batch"], answer.json["state"]),
     (200, 14, "trained"))
# An iterator has no length: chunked.
pieces = iter([safetensors(BATCH)[:100], safetensors(BATCH)[100:]])
answer = call(MODEL + "/batches", pieces, Content_Type=SAFETENSORS)
want("a batch in chunks", (answer.status, answer.json["batch"]), (202, 15))
want("its address", answer.headers["Location"], "/v1/models/urllib/batches/15")
answer = call(MODEL + "?wait_step=15")
want("waiting for its step", (answer.status, answer.json["step"]), (200, 15))

# ---- watch ----

answer = call(MODEL + "/loss?after=13")
want("the loss", [point["batch"] for point in answer.json["points"]], [14, 15])
with ThreadPoolExecutor() as pool:
    poll = pool.submit(call, MODEL + "/loss?after=15&wait=30")
    call(MODEL + "/batches", BATCH)
    want("a long poll", [point["batch"] for point in poll.result().json["points"]], [16])

# Events: all that is kept, then what comes; and again, behind the one that was seen last.
def events(last, **headers):
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    headers.update({"Accept": "text/event-stream", "Authorization": "Bearer " + READ})
    with urllib.request.urlopen(urllib.request.Request(MODEL + "/loss", None, headers)) as stream:
        return events_until(last, stream)


table = {"Content_Type": "text/csv", "Idempotency_Key": '"urllib-17"', "Prefer": "wait=30"}
with ThreadPoolExecutor() as pool:
    streamed = pool.submit(events, 17)
    answer = call(MODEL + "/batches", TABLE, **table)
    want("a table", (answer.status, answer.json["batch"], answer.json["state"]),
         (200, 17, "trained"))
    want("events", [event["batch"] for _, event in streamed.result()], list(range(1, 18)))
want("events after the 15th", [name for name, _ in events(17, Last_Event_ID="15")], ["16", "17"])

# Sent again, because the answer was lost, say: trained once.
answer = call(MODEL + "/batches", TABLE, **table)
want("the same table again", (answer.status, answer.json["batch"]), (200, 17))
want_problem("another table under its key", call(MODEL + "/batches", b"0,0,0", **table), 422)

# ---- predict ----

answer = call(MODEL + "/predictions", {"inputs": [[0, 1]], "min_step": 17}, token=READ)
want("a prediction", (answer.status, answer.json["model"], answer.json["step"]),
     (200, "urllib", 17))
want("its probabilities", abs(sum(answer.json["predictions"][0]["probabilities"]) - 1) < 1e-6, True)
answer = call(MODEL + "/evaluations", BATCH)
want("an evaluation", (answer.status, answer.json["examples"]), (200, 4))

# ---- refused ----

form = urllib.parse.urlencode({"inputs": "[[0,1]]"}).encode()
want_problem("data without a type is a form", call(MODEL + "/batches", form), 415)


def post(text):
    return call(MODEL + "/batches", text, Content_Type="application/json")


want_problem("broken JSON", post(b'{"inputs": [[0,0]], "labels": [0'), 400)
want_problem("a label out of range", post(b'{"inputs": [[0,0]], "labels": [7]}'), 422, "/labels/0")
want_problem("a row too wide", post(b'{"inputs": [[0,0,0]], "labels": [1]}'), 422, "/inputs/0")
want_problem("no such model", call(MODELS + "/nobody"), 404)
want_problem("a trailing slash", call(MODELS + "/"), 404)
answer = call(MODEL, {}, "PUT")
want_problem("PUT", answer, 405)
want("PUT: Allow", "GET, HEAD, PATCH, DELETE" in answer.headers["Allow"], True)
want("HEAD", call(MODEL, method="HEAD").status, 200)
want("OPTIONS without a token", call(MODEL, method="OPTIONS", token=None).status, 204)

# urllib sends all of a body before it looks for an answer.  What is refused and not
# far over its limit is read to its end, so that it sees the answer; 64 MiB and a
# byte are not, and all that it reports is its broken pipe (http_client.py can see more).
want_problem("a description of more than 1 MiB",
             call(MODELS, bytes((1 << 20) + 1), Content_Type="application/json"), 413)
try:
    found = call(MODEL + "/batches", bytes(LARGE), Content_Type="application/json").status
except urllib.error.URLError as error:
    found = type(error.reason)
want("a large body", found in (413, BrokenPipeError, ConnectionResetError), True)

# ---- the end ----

answer = call(MODEL + "?weights_sha256=true")
want("after all that", (answer.status, answer.json["step"]), (200, 17))
want("the settings are as they were", answer.headers["ETag"], etag)
print("weights", answer.json["weights_sha256"])
want("delete", call(MODEL, method="DELETE").status, 204)
want_problem("the deleted model", call(MODEL), 404)
end()
