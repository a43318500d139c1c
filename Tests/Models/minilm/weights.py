"""Reads a safetensors file: a length, a JSON header, numbers."""

import json

import numpy

TYPES = {"F32": numpy.float32, "F16": numpy.float16, "I64": numpy.int64}


def read(path):
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    tensors = {}
    for name, facts in header.items():
        if name == "__metadata__":
            continue
        begin, end = facts["data_offsets"]
        values = numpy.frombuffer(data[8 + length + begin : 8 + length + end], TYPES[facts["dtype"]])
        tensors[name.removeprefix("bert.")] = values.reshape(facts["shape"])
    return tensors
