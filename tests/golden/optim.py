#!/usr/bin/python3
"""Writes optim_golden.h: what PyTorch's optimisers and schedules do to two small parameters.

Run from this folder:  ./optim.py > optim_golden.h
"""
import torch

STEPS = 6


def parameters(dtype):
    return [torch.tensor([(3 * i - 7) / 8 for i in range(5)], dtype=dtype, requires_grad=True),
            torch.tensor([[(5 - 2 * i) / 4 for i in range(3)]], dtype=dtype, requires_grad=True)]


def gradient(parameter, which, step):
    count = parameter.numel()
    values = [((7 * i + 3 * step + 5 * which) % 11 - 5) / 4 for i in range(count)]
    return torch.tensor(values, dtype=parameter.dtype).reshape(parameter.shape)


def train(make, dtype, clip=None):
    tensors = parameters(dtype)
    optimizer = make(tensors)
    for step in range(STEPS):
        for which, tensor in enumerate(tensors):
            # the second parameter sits out a step, as one without gradient does
            tensor.grad = None if which == 1 and step == 2 else gradient(tensor, which, step)
        if clip is not None:
            torch.nn.utils.clip_grad_norm_(tensors, clip)
        optimizer.step()
    return [value for tensor in tensors for value in tensor.detach().flatten().tolist()]


OPTIMIZERS = {
    "sgd": (lambda p: torch.optim.SGD(p, lr=0.1), None),
    "sgd_momentum": (lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=0.01), None),
    "sgd_dampening": (lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, dampening=0.5), None),
    "sgd_nesterov": (lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=0.01, nesterov=True), None),
    "sgd_clipped": (lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9), 1.5),
    "adam": (lambda p: torch.optim.Adam(p, lr=0.05), None),
    "adam_decay": (lambda p: torch.optim.Adam(p, lr=0.05, betas=(0.8, 0.95), weight_decay=0.1), None),
    "adamw": (lambda p: torch.optim.AdamW(p, lr=0.05, weight_decay=0.1), None),
}

SCHEDULES = {
    "step": (lambda o: torch.optim.lr_scheduler.StepLR(o, 3, 0.1), 10),
    "multistep": (lambda o: torch.optim.lr_scheduler.MultiStepLR(o, [4, 7], 0.2), 10),
    "cosine": (lambda o: torch.optim.lr_scheduler.CosineAnnealingLR(o, 10, 0.01), 10),
    "onecycle_20": (lambda o: torch.optim.lr_scheduler.OneCycleLR(o, 0.4, 20, cycle_momentum=False), 20),
    "onecycle_7": (lambda o: torch.optim.lr_scheduler.OneCycleLR(o, 0.4, 7, cycle_momentum=False), 7),
}
PLATEAU_LOSSES = [1.0, 0.9, 0.95, 0.9, 0.91, 0.8, 0.79999, 0.8, 0.85, 0.9, 0.7, 0.71, 0.72, 0.73]


def rates(make, steps):
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.4)
    schedule = make(optimizer)
    values = []
    for _ in range(steps):
        values.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return values


def plateau():
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.4)
    schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.1, patience=2)
    values = []
    for loss in PLATEAU_LOSSES:
        values.append(optimizer.param_groups[0]["lr"])
        schedule.step(loss)
    return values


def array(name, values, kind="double"):
    numbers = ", ".join(f"{value!r}" for value in values)
    print(f"inline const std::vector<{kind}> {name}{{{numbers}}};")


print("#pragma once\n\n#include <vector>\n")
print(f"// Written by optim.py with PyTorch {torch.__version__}.\n// clang-format off\nnamespace golden {{\n")
for name, (make, clip) in OPTIMIZERS.items():
    array(f"{name}_f64", train(make, torch.float64, clip))
    array(f"{name}_f32", train(make, torch.float32, clip))
for name, (make, steps) in SCHEDULES.items():
    array(f"rates_{name}", rates(make, steps))
array("plateau_losses", PLATEAU_LOSSES)
array("rates_plateau", plateau())
print("\n}  // namespace golden")
