"""Operators where libraries differ in convention, or where mistakes like to hide: values and gradients from PyTorch."""
import torch
import torch.nn.functional as F

import golden


def case(name, function, **inputs):
    """Runs `function` on tensors of noise of the given shapes (or on given tensors); keeps inputs, output, gradients."""
    tensors = {}
    for key, value in inputs.items():
        tensors[key] = value if torch.is_tensor(value) else golden.noise_tensor(f"{name}.{key}", *value)
        tensors[key].requires_grad_()
    y = function(**tensors)
    (y * golden.noise_tensor(f"{name}.dy", *y.shape)).sum().backward()
    found = {key: value for key, value in tensors.items()}
    found["y"] = y
    found |= {f"d{key}": value.grad for key, value in tensors.items()}
    return {f"{name}.{key}": value for key, value in found.items()}


def ties(*shape):
    """Small integers, many of them equal: which of them gets the gradient of a maximum?"""
    return torch.floor(golden.noise_tensor("ties", *shape) * 2)


def batch_norm(name, shape):
    """Training mode; running statistics before are 0 and 1."""
    mean, variance = torch.zeros(shape[1]).double(), torch.ones(shape[1]).double()
    found = case(name, lambda x, weight, bias: F.batch_norm(x, mean, variance, weight, bias, True, 0.1, 1e-5),
                 x=shape, weight=shape[1:2], bias=shape[1:2])
    return found | {f"{name}.running_mean": mean, f"{name}.running_var": variance}


def numbers():
    labels = torch.tensor([3, 0, 4, 4, 1])
    found = {"labels": labels}
    found |= case("avg_pool_padded", lambda x: F.avg_pool2d(x, 3, 2, 1), x=(2, 3, 7, 6))
    found |= case("avg_pool_uncounted", lambda x: F.avg_pool2d(x, 3, 2, 1, count_include_pad=False), x=(2, 3, 7, 6))
    found |= case("avg_pool_uneven", lambda x: F.avg_pool2d(x, (2, 3), (3, 1), (1, 0)), x=(1, 9, 8, 5))
    found |= case("adaptive_pool_down", lambda x: F.adaptive_avg_pool2d(x, (3, 2)), x=(2, 3, 7, 5))
    found |= case("adaptive_pool_up", lambda x: F.adaptive_avg_pool2d(x, (4, 5)), x=(1, 2, 3, 2))
    found |= case("max_pool_padded", lambda x: F.max_pool2d(x, 3, 2, 1), x=golden.noise_tensor("low", 2, 9, 7, 6) - 3)
    found |= case("max_pool_ties", lambda x: F.max_pool2d(x, 2, 1), x=ties(1, 3, 6, 5))
    found |= case("max_pool_overlap", lambda x: F.max_pool2d(x, (3, 2), (1, 2), (1, 1)), x=(2, 2, 5, 8))
    found |= case("conv_mixed", lambda x, weight, bias: F.conv2d(x, weight, bias, (2, 1), (1, 2), (1, 2), 3),
                  x=(2, 9, 7, 8), weight=(6, 3, 3, 2), bias=(6,))
    found |= case("conv_depthwise", lambda x, weight: F.conv2d(x, weight, None, 2, 1, 1, 5), x=(2, 5, 6, 7),
                  weight=(10, 1, 3, 3))
    found |= case("smoothing", lambda x: F.cross_entropy(x, labels, label_smoothing=0.1).reshape(1), x=(5, 5))
    found |= case("large_loss", lambda x: F.cross_entropy(x, labels).reshape(1), x=golden.noise_tensor("far", 5, 5) * 300)
    found |= case("log_softmax", lambda x: F.log_softmax(x, 1), x=golden.noise_tensor("further", 3, 7) * 800)
    found |= batch_norm("norm_two", (1, 3, 2, 1))
    found |= batch_norm("norm_pair", (2, 5, 1, 1))
    found |= batch_norm("norm_image", (3, 9, 4, 5))
    return found
