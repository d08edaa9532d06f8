#!/usr/bin/python3
"""PyTorch's side of vs_pytorch: the CIFAR ResNeXt-29 on synthetic images, one measurement, one JSON document."""
import argparse
import json
import resource
import statistics
import time

import torch
from torch import nn
from torch.nn import functional as F


def unit(inputs, outputs, kernel=1, stride=1, groups=1):
    return [nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False), nn.BatchNorm2d(outputs)]


class Bottleneck(nn.Module):
    def __init__(self, inputs, outputs, stride, width, cardinality):
        super().__init__()
        relu = nn.ReLU(inplace=True)
        self.residual = nn.Sequential(*unit(inputs, width), relu, *unit(width, width, 3, stride, cardinality), relu,
                                      *unit(width, outputs))
        self.shortcut = nn.Sequential(*unit(inputs, outputs, 1, stride)) if inputs != outputs else nn.Identity()

    def forward(self, x):
        return F.relu(self.shortcut(x) + self.residual(x), inplace=True)


def resnext(cardinality, base_width, widen_factor, blocks=3):
    layers = [*unit(3, 64, 3), nn.ReLU(inplace=True)]
    inputs = 64
    for stage in range(3):
        outputs = int(64 * widen_factor) << stage
        width = cardinality * int(base_width * outputs / (64 * widen_factor))
        for block in range(blocks):
            stride = 2 if stage and not block else 1
            layers.append(Bottleneck(inputs, outputs, stride, width, cardinality))
            inputs = outputs
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(inputs, 10))


def main():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--cardinality", type=int)
    p.add_argument("--base_width", type=int)
    p.add_argument("--widen_factor", type=float)
    p.add_argument("--batch", type=int)
    p.add_argument("--precision", choices=["f32", "bf16"])
    p.add_argument("--mode", choices=["train", "forward"])
    p.add_argument("--steps", type=int)
    p.add_argument("--warmup", type=int)
    p.add_argument("--threads", type=int)
    p.add_argument("--channels-last", action="store_true")
    p.add_argument("--compile", action="store_true")
    p.add_argument("--freeze", action="store_true", help="for forward: traced, batch norm folded, prepared for inference")
    a = p.parse_args()
    torch.set_num_threads(a.threads)
    torch.set_flush_denormal(True)
    torch.manual_seed(0)
    net = resnext(a.cardinality, a.base_width, a.widen_factor).train(a.mode == "train")
    x = torch.randn(a.batch, 3, 32, 32)
    labels = torch.randint(0, 10, (a.batch,))
    if a.channels_last:
        net, x = net.to(memory_format=torch.channels_last), x.to(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(net.parameters(), 0.05, momentum=0.9, weight_decay=5e-4, nesterov=True)
    forward = torch.compile(net) if a.compile else net
    # No cache of casts: a trace would keep the copies that it holds.
    autocast = torch.autocast("cpu", dtype=torch.bfloat16, enabled=a.precision == "bf16", cache_enabled=not a.freeze)
    if a.freeze:
        with torch.no_grad(), autocast:
            forward = torch.jit.optimize_for_inference(torch.jit.freeze(torch.jit.trace(net, x)))

    def train():
        with autocast:
            logits = forward(x)
        loss = F.cross_entropy(logits.float(), labels)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()

    def infer():
        with torch.inference_mode(), autocast:
            forward(x)

    step = train if a.mode == "train" else infer
    times = []
    for _ in range(a.warmup + a.steps):
        start = time.perf_counter()
        step()
        times.append(1000 * (time.perf_counter() - start))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps({"torch": torch.__version__, "step_ms": {"median": statistics.median(times[a.warmup:])},
                      "first_step_ms": times[0], "peak_rss_bytes": peak}))


if __name__ == "__main__":
    main()
