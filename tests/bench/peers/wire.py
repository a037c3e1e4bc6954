"""What both services share: their options, bodies to arrays, arrays to answers.

Import it before anything that computes: the threads of BLAS and OpenMP are set once, through
the environment.  OpenMP's threads sleep while they wait, as the cores have other work.
rapidjson with native numbers is the fastest JSON parser among Debian's packages.
"""
import argparse
import math
import os
import socket

parser = argparse.ArgumentParser()
parser.add_argument("--threads", default="1", help="of the arithmetic")
parser.add_argument("--port-file", required=True, help="written with the port once it listens")
options = parser.parse_args()
os.environ.update(OPENBLAS_NUM_THREADS=options.threads, OMP_NUM_THREADS=options.threads,
                  OMP_WAIT_POLICY="passive")

import numpy  # noqa: E402
import rapidjson  # noqa: E402

TYPES = {"F32": numpy.float32, "U8": numpy.uint8, "I32": numpy.int32, "I64": numpy.int64}


def parse(text):
    return rapidjson.loads(text, number_mode=rapidjson.NM_NATIVE)


def arrays(body, media_type):
    """Inputs [n, d] as float32, and labels [n] as int64 or None where there are none, out of
    a JSON document or a safetensors file."""
    if media_type == "application/json":
        tensors = parse(body)
    else:
        start = 8 + int.from_bytes(body[:8], "little")
        tensors = {name: view(body, start, **about) for name, about in parse(body[8:start]).items()}
    labels = tensors.get("labels")
    return (numpy.array(tensors["inputs"], numpy.float32),
            None if labels is None else numpy.array(labels, numpy.int64))


def view(body, start, dtype, shape, data_offsets):
    return numpy.frombuffer(body, TYPES[dtype], math.prod(shape),
                            start + data_offsets[0]).reshape(shape)


def answer(probabilities):
    return rapidjson.dumps({"predictions": [{"probabilities": row} for row in probabilities.tolist()]})


def listen():
    """A socket on a free port of the loopback."""
    listening = socket.create_server(("127.0.0.1", 0), backlog=1024)
    with open(options.port_file, "w", encoding="ascii") as file:
        print(listening.getsockname()[1], file=file)
    return listening
