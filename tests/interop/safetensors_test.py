#!/usr/bin/env python3
"""What fanin writes, read by a program that shares no line with it, and the other way round.

  safetensors_test.py PROGRAM     fanin's program; Python's standard library is all this needs
"""
import hashlib
import json
import struct
import subprocess
import sys
import tempfile


def run(*arguments):
    return subprocess.run([sys.argv[1], *arguments], check=True, capture_output=True, text=True).stdout


def read(path):
    """(metadata, {name: (dtype, shape, bytes)}), every rule of the format checked."""
    with open(path, "rb") as file:
        data = file.read()
    (length,) = struct.unpack_from("<Q", data)
    assert length % 8 == 0, "the data after the header are not aligned"
    header = json.loads(data[8:8 + length])
    metadata = header.pop("__metadata__")
    assert all(isinstance(text, str) for text in metadata.values())
    body = data[8 + length:]
    tensors, covered = {}, 0
    for name, entry in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
        begin, end = entry["data_offsets"]
        assert begin == covered, f"a hole or an overlap before {name}"
        covered = end
        tensors[name] = (entry["dtype"], entry["shape"], body[begin:end])
    assert covered == len(body), "bytes that belong to no tensor"
    return metadata, tensors


def write(path, metadata, tensors):
    header, body = {"__metadata__": metadata}, b""
    for name, (dtype, shape, data) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(body), len(body) + len(data)]}
        body += data
    text = json.dumps(header).encode()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + body)


with tempfile.TemporaryDirectory() as folder:
    path = folder + "/lenet.safetensors"
    run("init", "--model", "lenet", "--init", "*.bias=0.25; pytorch", "--seed", "3", "--output", path, "--quiet")
    metadata, tensors = read(path)
    assert metadata["format"] == "pt" and metadata["model"] == "lenet" and metadata["init.seed"] == "3", metadata
    biases = 0
    for name, (dtype, shape, data) in tensors.items():
        count = 1
        for size in shape:
            count *= size
        values = struct.unpack(f"<{count}f", data)
        assert dtype == "F32"
        assert metadata["sha256." + name] == hashlib.sha256(data).hexdigest(), name
        if name.endswith(".bias"):
            biases += 1
            assert set(values) == {0.25}, name
        else:
            assert len(set(values)) > count // 2, name
    assert biases == 5

    copy = folder + "/copy.safetensors"
    write(copy, metadata, dict(reversed(tensors.items())))  # another order, a header of any length
    first, second = (json.loads(run("inspect", file, "--json"))["tensors"] for file in (path, copy))
    assert first == second and len(first) == len(tensors)
