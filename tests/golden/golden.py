"""What the golden scripts share: the file format, and weights that C++ can make again without a file."""
import json
import pathlib
import struct

import numpy as np
import torch

FOLDER = pathlib.Path(__file__).parent
LIMIT = 200_000  # bytes; the files live in the repository

KINDS = {torch.float32: "F32", torch.float64: "F64", torch.int64: "I64"}


def save(name, tensors):
    """Writes name.safetensors: eight bytes of length, a JSON header padded with blanks, the bytes one after the other."""
    header, blocks, offset = {"__metadata__": {"torch": torch.__version__}}, [], 0
    for key, tensor in tensors.items():
        tensor = tensor.detach().contiguous()
        block = tensor.numpy().tobytes()
        header[key] = {"dtype": KINDS[tensor.dtype], "shape": list(tensor.shape),
                       "data_offsets": [offset, offset + len(block)]}
        blocks.append(block)
        offset += len(block)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    whole = struct.pack("<Q", len(text)) + text + b"".join(blocks)
    assert len(whole) <= LIMIT, f"{name}: {len(whole)} bytes are too many"
    (FOLDER / f"{name}.safetensors").write_bytes(whole)
    print(f"{name}.safetensors: {len(tensors)} tensors, {len(whole)} bytes")


def noise(name, count):
    """`count` numbers in [-1, 1) that depend on `name` and position only: splitmix64 keyed by FNV-1a, top 24 bits."""
    key = 0xCBF29CE484222325
    for byte in name.encode():
        key = (key ^ byte) * 0x100000001B3 % 2**64
    with np.errstate(over="ignore"):
        z = np.uint64(key) + np.arange(1, count + 1, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    return (z >> np.uint64(40)).astype(np.float64) / 2**23 - 1


def noise_tensor(name, *shape):
    return torch.from_numpy(noise(name, int(np.prod(shape)))).reshape(shape)


def fill(net):
    """Sets every parameter and statistic of `net` from noise(its name): weights that keep the signal's size (bound
    sqrt(6 / fan_in), rounded to f32), batch norm around its usual start."""
    for name, tensor in net.state_dict().items():
        if name.endswith("num_batches_tracked"):
            continue
        u = noise_tensor(name, *tensor.shape)
        if tensor.dim() >= 2:
            u = u * float(np.sqrt(6 / tensor[0].numel()))
        elif name.endswith("running_var") or name.endswith("weight"):
            u = 1 + u / 2
        else:
            u = u / 4
        with torch.no_grad():
            tensor.copy_(u.float())
