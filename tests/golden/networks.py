"""The networks of models/ in PyTorch, under the names that published checkpoints use, built in the published order."""
import torch.nn as nn
import torch.nn.functional as F


class ResNeXtBottleneck(nn.Module):
    def __init__(self, inputs, outputs, stride, cardinality, base_width, widen_factor):
        super().__init__()
        width = cardinality * int(base_width * outputs / (64 * widen_factor))
        self.conv_reduce = nn.Conv2d(inputs, width, 1, bias=False)
        self.bn_reduce = nn.BatchNorm2d(width)
        self.conv_conv = nn.Conv2d(width, width, 3, stride, 1, groups=cardinality, bias=False)
        self.bn = nn.BatchNorm2d(width)
        self.conv_expand = nn.Conv2d(width, outputs, 1, bias=False)
        self.bn_expand = nn.BatchNorm2d(outputs)
        self.shortcut = nn.Sequential()
        if inputs != outputs:
            self.shortcut.add_module("shortcut_conv", nn.Conv2d(inputs, outputs, 1, stride, bias=False))
            self.shortcut.add_module("shortcut_bn", nn.BatchNorm2d(outputs))

    def forward(self, x):
        h = F.relu(self.bn_reduce(self.conv_reduce(x)))
        h = F.relu(self.bn(self.conv_conv(h)))
        return F.relu(self.bn_expand(self.conv_expand(h)) + self.shortcut(x))


class CifarResNeXt(nn.Module):
    """Xie et al. 2017, CIFAR section. A fractional widen_factor gives stages narrower than 64 channels."""

    def __init__(self, cardinality=8, depth=29, classes=10, base_width=64, widen_factor=4, in_channels=3):
        super().__init__()
        assert (depth - 2) % 9 == 0
        widths = [64] + [int(64 * widen_factor) << s for s in range(3)]
        self.conv_1_3x3 = nn.Conv2d(in_channels, 64, 3, 1, 1, bias=False)
        self.bn_1 = nn.BatchNorm2d(64)
        for s in (1, 2, 3):
            stage = nn.Sequential()
            for b in range((depth - 2) // 9):
                stride = 2 if b == 0 and s > 1 else 1
                stage.add_module(f"stage_{s}_bottleneck_{b}", ResNeXtBottleneck(
                    widths[s] if b else widths[s - 1], widths[s], stride, cardinality, base_width, widen_factor))
            self.add_module(f"stage_{s}", stage)
        self.classifier = nn.Linear(widths[3], classes)

    def forward(self, x):
        x = F.relu(self.bn_1(self.conv_1_3x3(x)))
        x = self.stage_3(self.stage_2(self.stage_1(x)))
        return self.classifier(x.mean((2, 3)))


class BasicBlock(nn.Module):
    expansion = 1

    def __init__(self, inputs, planes, stride, downsample, groups, base_width):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, planes, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.downsample = downsample

    def forward(self, x):
        h = F.relu(self.bn1(self.conv1(x)))
        return F.relu(self.bn2(self.conv2(h)) + (self.downsample(x) if self.downsample else x))


class Bottleneck(nn.Module):
    expansion = 4

    def __init__(self, inputs, planes, stride, downsample, groups, base_width):
        super().__init__()
        width = int(planes * base_width / 64) * groups
        self.conv1 = nn.Conv2d(inputs, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1, groups=groups, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, 4 * planes, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(4 * planes)
        self.downsample = downsample

    def forward(self, x):
        h = F.relu(self.bn1(self.conv1(x)))
        h = F.relu(self.bn2(self.conv2(h)))
        return F.relu(self.bn3(self.conv3(h)) + (self.downsample(x) if self.downsample else x))


class ResNet(nn.Module):
    """torchvision's ResNet, which builds a stage's projection before the block that holds it."""

    def __init__(self, block, blocks, classes, in_channels=3, groups=1, base_width=64, width=64, cifar=False):
        super().__init__()
        self.inputs, self.cifar = width, cifar
        self.conv1 = nn.Conv2d(in_channels, width, *((3, 1, 1) if cifar else (7, 2, 3)), bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        for s, count in enumerate(blocks):
            self.add_module(f"layer{s + 1}", self.stage(block, width << s, count, 2 if s else 1, groups, base_width))
        self.fc = nn.Linear(self.inputs, classes)

    def stage(self, block, planes, count, stride, groups, base_width):
        outputs, downsample, members = planes * block.expansion, None, []
        if stride != 1 or self.inputs != outputs:
            downsample = nn.Sequential(nn.Conv2d(self.inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))
        for b in range(count):
            members.append(block(self.inputs, planes, 1 if b else stride, None if b else downsample, groups, base_width))
            self.inputs = outputs
        return nn.Sequential(*members)

    def forward(self, x):
        x = F.relu(self.bn1(self.conv1(x)))
        if not self.cifar:
            x = F.max_pool2d(x, 3, 2, 1)
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(x.mean((2, 3)))


def ResNeXt50(classes=1000, in_channels=3):
    return ResNet(Bottleneck, (3, 4, 6, 3), classes, in_channels, groups=32, base_width=4)


def ResNet18(classes=10, in_channels=3, width=64):
    return ResNet(BasicBlock, (2, 2, 2, 2), classes, in_channels, width=width, cifar=True)


class LeNet(nn.Module):
    """LeCun et al. 1998 with ReLU and max pooling; images smaller than 32 are padded to 32."""

    def __init__(self, classes=10, in_channels=1, image_size=28):
        super().__init__()
        padding = max(0, (33 - image_size) // 2)
        side = ((image_size + 2 * padding - 4) // 2 - 4) // 2
        self.conv1 = nn.Conv2d(in_channels, 6, 5, padding=padding)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(16 * side * side, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, classes)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        return self.fc3(F.relu(self.fc2(F.relu(self.fc1(x.flatten(1))))))


class Mlp(nn.Module):
    """`depth` hidden layers; none of them: a linear classifier."""

    def __init__(self, depth=2, width=512, classes=10, in_channels=1, image_size=28):
        super().__init__()
        inputs, self.depth = in_channels * image_size * image_size, depth
        for i in range(depth):
            self.add_module(f"hidden_{i + 1}", nn.Linear(inputs, width))
            inputs = width
        self.classifier = nn.Linear(inputs, classes)

    def forward(self, x):
        x = x.flatten(1)
        for i in range(self.depth):
            x = F.relu(getattr(self, f"hidden_{i + 1}")(x))
        return self.classifier(x)


class C3D(nn.Module):
    """Tran et al. 2015, on clips of 16 frames."""

    def __init__(self, classes=487, in_channels=3, image_size=112, width=64, dropout=0.5):
        super().__init__()
        w, side = width, image_size // 16 // 2 + 1
        self.conv1 = nn.Conv3d(in_channels, w, 3, padding=1)
        self.conv2 = nn.Conv3d(w, 2 * w, 3, padding=1)
        self.conv3a = nn.Conv3d(2 * w, 4 * w, 3, padding=1)
        self.conv3b = nn.Conv3d(4 * w, 4 * w, 3, padding=1)
        self.conv4a = nn.Conv3d(4 * w, 8 * w, 3, padding=1)
        self.conv4b = nn.Conv3d(8 * w, 8 * w, 3, padding=1)
        self.conv5a = nn.Conv3d(8 * w, 8 * w, 3, padding=1)
        self.conv5b = nn.Conv3d(8 * w, 8 * w, 3, padding=1)
        self.fc6 = nn.Linear(8 * w * side * side, 64 * w)
        self.fc7 = nn.Linear(64 * w, 64 * w)
        self.fc8 = nn.Linear(64 * w, classes)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x):
        x = F.max_pool3d(F.relu(self.conv1(x)), (1, 2, 2))
        x = F.max_pool3d(F.relu(self.conv2(x)), 2)
        x = F.max_pool3d(F.relu(self.conv3b(F.relu(self.conv3a(x)))), 2)
        x = F.max_pool3d(F.relu(self.conv4b(F.relu(self.conv4a(x)))), 2)
        x = F.max_pool3d(F.relu(self.conv5b(F.relu(self.conv5a(x)))), 2, padding=(0, 1, 1))
        x = self.dropout(F.relu(self.fc6(x.flatten(1))))
        return self.fc8(self.dropout(F.relu(self.fc7(x))))


class PlainLayer(nn.Module):
    def __init__(self, inputs, width, stride, norm):
        super().__init__()
        self.conv = nn.Conv2d(inputs, width, 3, stride, 1, bias=not norm)
        if norm:
            self.bn = nn.BatchNorm2d(width)

    def forward(self, x):
        h = self.conv(x)
        return F.relu(self.bn(h) if hasattr(self, "bn") else h)


class PlainNet(nn.Module):
    """depth - 1 convolutions of one width and a classifier; strides of 2 after one and two thirds."""

    def __init__(self, depth=20, width=64, norm=True, classes=10, in_channels=3):
        super().__init__()
        convolutions = depth - 1
        self.layers = nn.Sequential()
        for i in range(convolutions):
            stride = 2 if i > 0 and i in (convolutions // 3, 2 * convolutions // 3) else 1
            self.layers.add_module(f"{i + 1}", PlainLayer(width if i else in_channels, width, stride, norm))
        self.classifier = nn.Linear(width, classes)

    def forward(self, x):
        return self.classifier(self.layers(x).mean((2, 3)))
