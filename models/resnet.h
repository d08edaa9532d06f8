#pragma once

#include "layers/batch_norm2d.h"
#include "layers/conv2d.h"
#include "layers/linear.h"
#include "layers/sequential.h"

namespace fanin {

/// Two 3×3 convolutions with batch norm, plus x or its projection.
/// Source: He et al. 2016 (arXiv:1512.03385), figure 5 left. State-dict names are torchvision's BasicBlock's.
class BasicBlock final : public Module {
 public:
  BasicBlock(Dim in, Dim out, Dim stride);
  Tensor forward(const Tensor& x) override;
  void visit(ModuleVisitor& v) override;
  void visit_as_built(ModuleVisitor& v) override;  // torchvision makes the projection first
  std::string_view type() const override { return "BasicBlock"; }

  Conv2d conv1;
  BatchNorm2d bn1;
  Conv2d conv2;
  BatchNorm2d bn2;
  Sequential downsample;  // empty: the identity
};

struct ResNet18Options {
  Dim classes = 10;
  Dim in_channels = 3;
  Dim width = 64;  // channels of the stem and first stage; each further stage doubles them
};

/// ResNet-18 for small images: torchvision's, with a 3×3 stem of stride 1 and without the max pooling, as is usual for
/// CIFAR. Four stages of two basic blocks, mean over the image, linear classifier `fc`.
///
/// x  [N, in_channels, H, W], any size  →  logits [N, classes]
///
/// 11,173,962 parameters with ten classes.
/// Source: He et al. 2016 (arXiv:1512.03385), table 1.
class ResNet18 final : public Module {
 public:
  explicit ResNet18(const ResNet18Options& options = {});
  Tensor forward(const Tensor& x) override;
  void visit(ModuleVisitor& v) override;
  std::string_view type() const override { return "ResNet18"; }
  std::string describe() const override;

  ResNet18Options options;
  Conv2d conv1;
  BatchNorm2d bn1;
  Sequential layer1, layer2, layer3, layer4;
  Linear fc;
};

}  // namespace fanin
