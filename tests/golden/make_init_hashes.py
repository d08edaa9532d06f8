#!/usr/bin/python3
"""Writes init_hashes.txt: what PyTorch's networks start from, for tests/init/hashes_test.cpp.

A line: network, rules, seed, parameter, first 16 digits of sha256 over its little-endian f32. `pytorch` is the network
as its constructors leave it after torch.manual_seed(seed); `resnext` and `torchvision` are drawn over it, as the
published scripts do.
"""
import hashlib
import pathlib

import torch
import torch.nn as nn
from torch.nn import init

import networks

NETWORKS = {
    "resnext": (lambda: networks.CifarResNeXt(cardinality=3, depth=20, classes=7, base_width=3, widen_factor=0.140625),
                (0, 123456789012)),
    "lenet": (networks.LeNet, (0, 42)),
    "resnet18": (lambda: networks.ResNet18(width=8), (1,)),
    "resnext50-32x4d": (networks.ResNeXt50, (3,)),
    "c3d": (lambda: networks.C3D(image_size=16, width=2), (5,)),
}


def resnext(net):
    """prlz77/ResNeXt.pytorch, with the layers found by type: the classifier first, then the state dict in order."""
    for module in net.modules():
        if isinstance(module, nn.Linear):
            init.kaiming_normal_(module.weight)
    owners = dict(net.named_modules())
    for key, tensor in net.state_dict().items():
        owner, name = owners[key.rpartition(".")[0]], key.rpartition(".")[2]
        if name == "weight" and isinstance(owner, (nn.Conv2d, nn.Conv3d)):
            init.kaiming_normal_(tensor, mode="fan_out")
        elif name == "weight" and isinstance(owner, nn.BatchNorm2d):
            tensor[...] = 1
        elif name == "bias":
            tensor[...] = 0


def torchvision(net):
    """torchvision/models/resnet.py."""
    for module in net.modules():
        if isinstance(module, (nn.Conv2d, nn.Conv3d)):
            init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        elif isinstance(module, nn.BatchNorm2d):
            init.constant_(module.weight, 1)
            init.constant_(module.bias, 0)


RULES = {"pytorch": lambda net: None, "resnext": resnext, "torchvision": torchvision}

lines = []
for network, (build, seeds) in NETWORKS.items():
    for rules, redraw in RULES.items():
        for seed in seeds:
            torch.manual_seed(seed)
            net = build()
            redraw(net)
            for name, parameter in net.named_parameters():
                digest = hashlib.sha256(parameter.detach().numpy().tobytes()).hexdigest()[:16]
                lines.append(f"{network} {rules} {seed} {name} {digest}")
text = "\n".join(lines) + "\n"
assert len(text) < 200_000
(pathlib.Path(__file__).parent / "init_hashes.txt").write_text(text)
print(f"init_hashes.txt: {len(lines)} tensors, {len(text)} bytes")
