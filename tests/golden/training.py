#!/usr/bin/python3
"""Writes training_golden.h: the losses of a short training in f64, on the images that tests/tools/program.cpp draws.

Run from this folder:  ./training.py > training_golden.h
"""
import numpy as np
import torch
import torch.nn.functional as F

import networks

IMAGES, BATCH, STEPS = 25, 10, 9
MEAN, STD = (0.4914, 0.4822, 0.4465), (0.25, 0.25, 0.5)


def draw():
    """write_cifar() of the test program."""
    state, images = 1, np.empty((IMAGES, 3, 1024), np.uint8)
    for i in range(IMAGES):
        for channel in range(3):
            colour = i % 10 * (40 + 30 * channel) % 200
            for pixel in range(1024):
                state = (state * 1664525 + 1013904223) % 2**32
                images[i, channel, pixel] = colour + (state >> 24) % 56
    return images.reshape(IMAGES, 3, 32, 32)


def losses(make_optimizer, smoothing):
    torch.manual_seed(5)
    net = networks.CifarResNeXt(cardinality=2, depth=11, base_width=4, widen_factor=0.125).double().train()
    optimizer = make_optimizer(net.parameters())
    pixels = torch.tensor(draw()).float() / 255
    images = ((pixels - torch.tensor(MEAN).reshape(3, 1, 1)) / torch.tensor(STD).reshape(3, 1, 1)).double()
    labels = torch.arange(IMAGES) % 10
    batches = [slice(begin, begin + BATCH) for begin in range(0, IMAGES, BATCH)]
    values = []
    for step in range(STEPS):
        rows = batches[step % len(batches)]
        loss = F.cross_entropy(net(images[rows]), labels[rows], label_smoothing=smoothing)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        values.append(loss.item())
    return values


RUNS = {
    "sgd": (lambda p: torch.optim.SGD(p, 0.05, momentum=0.9, weight_decay=5e-4, nesterov=True), 0),
    "adamw": (lambda p: torch.optim.AdamW(p, 0.002, weight_decay=0.05), 0.1),
}

torch.set_num_threads(1)
print("#pragma once\n\n#include <vector>\n")
print(f"// Written by training.py with PyTorch {torch.__version__}.\n// clang-format off\nnamespace golden {{\n")
for name, (make, smoothing) in RUNS.items():
    print(f"inline const std::vector<double> losses_{name}{{{', '.join(map(repr, losses(make, smoothing)))}}};")
print("\n}  // namespace golden")
