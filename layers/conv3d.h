#pragma once

#include "core/ops/conv3d/conv3d.h"
#include "layers/module.h"

namespace fanin {

struct Conv3dLayerOptions {
  Size3 kernel = 1;
  Size3 stride = 1;
  Size3 padding = 0;
  Size3 dilation = 1;
  Dim groups = 1;
  bool bias = true;
};

/// 3-D convolution with its weights; see conv3d() for the formula.
///
/// [N, in_channels, D, H, W] → [N, out_channels, D', H', W']
/// weight [out_channels, in_channels / groups, KD, KH, KW], bias [out_channels]: unset until initialised.
class Conv3d final : public Module {
 public:
  /// Throws ShapeError if groups does not divide the channels or an option makes no sense.
  Conv3d(Dim in_channels, Dim out_channels, Conv3dLayerOptions options = {});

  Tensor forward(const Tensor& x) override;
  void visit(ModuleVisitor& v) override;
  std::string_view type() const override { return "Conv3d"; }
  std::string describe() const override;
  WeightUse weight_use() const override { return {.groups = options.groups}; }

  Tensor weight, bias;
  Conv3dLayerOptions options;
};

}  // namespace fanin
