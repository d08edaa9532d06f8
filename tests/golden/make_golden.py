#!/usr/bin/python3
"""Writes the golden files of this folder with PyTorch: tests/golden/make_golden.py. Debian's python3-torch will do."""
import torch
import torch.nn as nn
import torch.nn.functional as F

import golden
import networks
import operators

NARROW = dict(cardinality=3, depth=20, classes=7, base_width=3, widen_factor=0.140625)  # stages of 9, 18, 36 channels
STEPS = 10
BATCH = 4


def train(net, images, labels):
    """Ten steps of Nesterov SGD over three batches in turn; their losses, and what the first one saw."""
    optimiser = torch.optim.SGD(net.parameters(), 0.05, momentum=0.9, weight_decay=5e-4, nesterov=True)
    first, losses = {}, []
    for step in range(STEPS):
        rows = slice(step % 3 * BATCH, (step % 3 + 1) * BATCH)
        logits = net(images[rows])
        loss = F.cross_entropy(logits, labels[rows])
        optimiser.zero_grad()
        loss.backward()
        if step == 0:
            first["logits"] = logits
            first |= {f"grad.{name}": p.grad.clone() for name, p in net.named_parameters()}
            first |= {f"after.{name}": b.clone() for name, b in net.named_buffers()}
        optimiser.step()
        losses.append(loss.item())
    first["losses"] = torch.tensor(losses, dtype=images.dtype)
    return first


def narrow_resnext():
    torch.manual_seed(1)
    net = networks.CifarResNeXt(**NARROW)
    for name, p in net.named_parameters():  # away from 1 and 0, where mistakes could hide
        if p.dim() == 1:
            p.data.add_(0.2 * torch.randn_like(p))
    start = {name: value.clone() for name, value in net.state_dict().items()}
    images = torch.randn(3 * BATCH, 3, 13, 10)
    labels = torch.randint(0, NARROW["classes"], (3 * BATCH,))
    golden.save("resnext_start", start | {"images": images, "labels": labels})
    for dtype, suffix in ((torch.float64, "f64"), (torch.float32, "f32")):
        net.load_state_dict(start)
        net.to(dtype).train()
        golden.save(f"resnext_{suffix}", train(net, images.to(dtype), labels))
        net.eval()
        with torch.no_grad():
            logits = net(images.to(dtype))
        print(f"  after ten steps, evaluated: {logits[0].tolist()}")


def model_zoo():
    """Every other model at full width with noise for weights: names, and numbers that depend on every one of them."""
    nets = {
        "resnext29-8x64d": (networks.CifarResNeXt(), None),
        "resnext50-32x4d": (networks.ResNeXt50(), None),
        "resnext50-small": (networks.ResNeXt50(classes=5), (2, 3, 45, 33)),
        "resnet18": (networks.ResNet18(), None),
        "resnet18-small": (networks.ResNet18(width=9), (2, 3, 17, 12)),
        "lenet": (networks.LeNet(), (3, 1, 28, 28)),
        "lenet-colour": (networks.LeNet(in_channels=3, image_size=32), (2, 3, 32, 32)),
        "mlp": (networks.Mlp(), (3, 1, 28, 28)),
        "mlp-linear": (networks.Mlp(depth=0, in_channels=3, image_size=8), (3, 3, 8, 8)),
        "plain-batch": (networks.PlainNet(depth=11, width=13), (3, 3, 14, 11)),
        "plain-none": (networks.PlainNet(depth=8, width=10, norm=False, in_channels=1), (3, 1, 10, 13)),
        "c3d": (networks.C3D(), None),
        "c3d-small": (networks.C3D(classes=5, image_size=40, width=2, dropout=0), (2, 3, 16, 40, 40)),
    }
    lines, numbers = [], {}
    for name, (net, shape) in nets.items():
        lines.append(f"{name} {sum(p.numel() for p in net.parameters())}")
        for key, value in net.state_dict().items():
            lines.append(f"  {key} {'x'.join(map(str, value.shape)) or 'scalar'}")
        if shape:
            numbers |= {f"{name}.{key}": value for key, value in probe(net.double(), shape).items()}
    (golden.FOLDER / "names.txt").write_text("\n".join(lines) + "\n")
    golden.save("models", numbers)


def probe(net, shape):
    """Logits in training and evaluation, and for each gradient its length and its product with noise."""
    golden.fill(net)
    x = golden.noise_tensor("input", *shape).requires_grad_()
    evaluated = net.eval()(x).detach()
    logits = net.train()(x)
    (logits * golden.noise_tensor("cotangent", *logits.shape)).sum().backward()
    gradients = [(f"{name}.probe", p.grad) for name, p in net.named_parameters()] + [("input.probe", x.grad)]
    seen = [[g.norm().item(), (g * golden.noise_tensor(name, *g.shape)).sum().item()] for name, g in gradients]
    return {"evaluated": evaluated, "logits": logits, "gradients": torch.tensor(seen, dtype=torch.float64)}


if __name__ == "__main__":
    torch.set_num_threads(1)
    narrow_resnext()
    model_zoo()
    golden.save("operators", operators.numbers())
