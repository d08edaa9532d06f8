#pragma once

#include "layers/batch_norm2d.h"
#include "layers/conv2d.h"
#include "layers/linear.h"
#include "layers/sequential.h"

namespace fanin {

/// The same function as ResNeXtBottleneck, under torchvision's names (conv1 … bn3, downsample).
class Bottleneck final : public Module {
 public:
  Bottleneck(Dim in, Dim out, Dim stride, Dim width, Dim groups);
  Tensor forward(const Tensor& x) override;
  void visit(ModuleVisitor& v) override;
  void visit_as_built(ModuleVisitor& v) override;  // torchvision makes the projection first
  std::string_view type() const override { return "Bottleneck"; }

  Conv2d conv1;
  BatchNorm2d bn1;
  Conv2d conv2;
  BatchNorm2d bn2;
  Conv2d conv3;
  BatchNorm2d bn3;
  Sequential downsample;  // empty: the identity
};

struct ResNeXt50Options {
  Dim classes = 1000;
  Dim in_channels = 3;
};

/// ResNeXt-50 32×4d for photographs: 7×7 stem of stride 2, max pooling, stages of 3, 4, 6, 3 bottlenecks that are 256,
/// 512, 1024, 2048 wide (inside 128, 256, 512, 1024 in 32 groups), mean over the image, linear classifier `fc`.
///
/// x  [N, in_channels, H, W], made for 32 × 32 and larger  →  logits [N, classes]
///
/// State-dict names are torchvision's resnext50_32x4d's, so its checkpoints load. 25,028,904 parameters with a thousand
/// classes.
/// Source: Xie et al. 2017 (arXiv:1611.05431), table 1.
class ResNeXt50 final : public Module {
 public:
  explicit ResNeXt50(const ResNeXt50Options& options = {});
  Tensor forward(const Tensor& x) override;
  void visit(ModuleVisitor& v) override;
  std::string_view type() const override { return "ResNeXt50"; }
  std::string describe() const override { return text("32x4d, ", options.classes, " classes"); }

  ResNeXt50Options options;
  Conv2d conv1;
  BatchNorm2d bn1;
  Sequential layer1, layer2, layer3, layer4;
  Linear fc;
};

}  // namespace fanin
