#pragma once

#include "core/ops/conv2d/conv2d.h"
#include "layers/module.h"

namespace fanin {

struct Conv2dLayerOptions {
  Size2 kernel = 1;
  Size2 stride = 1;
  Size2 padding = 0;
  Size2 dilation = 1;
  Dim groups = 1;
  bool bias = true;
};

/// 2-D convolution with its weights; see conv2d() for the formula.
///
/// [N, in_channels, H, W] → [N, out_channels, H', W']
/// weight [out_channels, in_channels / groups, kernel, kernel], bias [out_channels]: unset until initialised.
class Conv2d final : public Module {
 public:
  /// Throws ShapeError if groups does not divide the channels or an option makes no sense.
  Conv2d(Dim in_channels, Dim out_channels, Conv2dLayerOptions options = {});

  Tensor forward(const Tensor& x) override;
  void visit(ModuleVisitor& v) override;
  std::string_view type() const override { return "Conv2d"; }
  std::string describe() const override;
  WeightUse weight_use() const override { return {.groups = options.groups}; }

  Tensor weight, bias;
  Conv2dLayerOptions options;
};

}  // namespace fanin
