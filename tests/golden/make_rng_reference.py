"""Writes tests/golden/rng_reference.txt: what PyTorch's CPU generator draws, for tests/core/random_test.cpp and
tests/init/schemes_test.cpp.

    /usr/bin/python3 tests/golden/make_rng_reference.py > tests/golden/rng_reference.txt

A line: seed, n, quantity, path, first 16 digits of sha256 over the little-endian bytes, the last value, the first 8;
floats as their bits. Path `simd` is PyTorch on a machine with AVX2 or AVX-512, `scalar` the same with
ATEN_CPU_CAPABILITY=default, `both` says that they agree. The seed is set anew for every line, but for the quantities
seq_a … seq_g and dl1 … dlafter, drawn one after the other. trunc_normal_ hangs on libm and
orthogonal_ on LAPACK in the last digits.
"""
import hashlib
import math
import os
import subprocess
import sys

import torch

SEEDS = (0, 1, 42, 123456789012)
SIZES = (1, 5, 15, 16, 17, 31, 100, 1000, 1728)


def show(seed, n, name, tensor):
    array = tensor.detach().contiguous().numpy()
    flat = array.reshape(-1)
    digits = "%d"
    if flat.dtype.kind == "f":
        size = flat.dtype.itemsize
        digits = "%%0%dx" % (2 * size)
        flat = flat.view("u%d" % size)
    values = [digits % v for v in [flat[-1], *flat[:8]]]
    print(seed, n, name, hashlib.sha256(array.tobytes()).hexdigest()[:16], *values)


def sized(n):
    bound = 1 / math.sqrt(27)
    f32 = lambda: torch.empty(n)
    f64 = lambda: torch.empty(n, dtype=torch.float64)
    return {
        "u01": lambda: f32().uniform_(0, 1),
        "uab": lambda: f32().uniform_(-0.37, 0.91),
        "usym": lambda: f32().uniform_(-bound, bound),
        "u01d": lambda: f64().uniform_(0, 1),
        "uabd": lambda: f64().uniform_(-0.37, 0.91),
        "n01": lambda: f32().normal_(0, 1),
        "n0s": lambda: f32().normal_(0, math.sqrt(2 / 27)),
        "nms": lambda: f32().normal_(0.3, 0.7),
        "n01d": lambda: f64().normal_(0, 1),
        "nmsd": lambda: f64().normal_(0.3, 0.7),
        "nstr": lambda: torch.empty(n, 2)[:, 0].normal_(0.3, 0.7),
        "bern": lambda: f32().bernoulli_(0.3),
        "bernt": lambda: torch.bernoulli(torch.full((n,), 0.3)),
        "perm": lambda: torch.randperm(n),
        "rint": lambda: torch.randint(-5, 1000, (n,)),
        "rintw": lambda: torch.randint(-5, 1 << 40, (n,)),
        "trunc": lambda: torch.nn.init.trunc_normal_(torch.empty(n)),
        "trunc02": lambda: torch.nn.init.trunc_normal_(torch.empty(n), std=0.02),
    }


def layers():
    nn = torch.nn
    return nn.Sequential(nn.Conv2d(3, 64, 3), nn.BatchNorm2d(64), nn.ReLU(),
                         nn.Conv2d(64, 32, 3, groups=4, bias=False), nn.Linear(7, 11),
                         nn.ConvTranspose2d(6, 10, 3, groups=2))


def sequence(seed):
    torch.manual_seed(seed)
    yield "seq_a", torch.randn(1)
    yield "seq_b", torch.randn(16)
    yield "seq_c", torch.randn(2)
    yield "seq_d", torch.rand(3)
    yield "seq_e", torch.randn(20)
    yield "seq_f", torch.randn(3)
    yield "seq_g", torch.empty((), dtype=torch.int64).random_()


def loader_order(seed):
    """Two epochs of a shuffled DataLoader, and what the generator gives after them."""
    torch.manual_seed(seed)
    loader = torch.utils.data.DataLoader(range(50), batch_size=7, shuffle=True)
    yield "dl1", torch.cat(list(loader))
    yield "dl2", torch.cat(list(loader))
    yield "dlafter", torch.rand(2)


def everything():
    init = torch.nn.init
    for seed in SEEDS:
        for n in SIZES:
            for name, draw in sized(n).items():
                torch.manual_seed(seed)
                show(seed, n, name, draw())
        for name, tensor in [*sequence(seed), *loader_order(seed)]:
            show(seed, tensor.numel(), name, tensor)
        torch.manual_seed(seed)
        for name, tensor in layers().named_parameters():
            if not name.startswith("1."):
                show(seed, tensor.numel(), "net_" + name, tensor)
        single = {
            "kn": lambda: init.kaiming_normal_(torch.empty(64, 3, 3, 3), mode="fan_out", nonlinearity="relu"),
            "xu": lambda: init.xavier_uniform_(torch.empty(64, 3, 3, 3)),
            "sparse": lambda: init.sparse_(torch.empty(20, 6), 0.35),
            "orth_tall": lambda: init.orthogonal_(torch.empty(20, 6)),
            "orth_wide": lambda: init.orthogonal_(torch.empty(6, 20), gain=1.5),
            "orth_kernel": lambda: init.orthogonal_(torch.empty(16, 4, 3, 3), gain=math.sqrt(2)),
        }
        for name, draw in single.items():
            torch.manual_seed(seed)
            tensor = draw()
            show(seed, tensor.numel(), name, tensor)


def run(path):
    capability = {"simd": "avx2", "scalar": "default"}[path]
    out = subprocess.run([sys.executable, __file__, "draw"], check=True, stdout=subprocess.PIPE, text=True,
                         env={**os.environ, "ATEN_CPU_CAPABILITY": capability})
    return [line.split(" ", 3) for line in out.stdout.splitlines()]


if sys.argv[1:] == ["draw"]:
    everything()
else:
    for simd, scalar in zip(run("simd"), run("scalar")):
        if simd == scalar:
            print(*simd[:3], "both", simd[3])
        else:
            print(*simd[:3], "simd", simd[3])
            print(*scalar[:3], "scalar", scalar[3])
