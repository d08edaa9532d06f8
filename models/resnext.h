#pragma once

#include <array>

#include "layers/batch_norm2d.h"
#include "layers/conv2d.h"
#include "layers/linear.h"
#include "layers/sequential.h"

namespace fanin {

/// Bottleneck of type C: 1×1 reduce to D channels, 3×3 in `cardinality` groups, 1×1 expand, each followed by batch
/// norm; plus x itself, or its projection where widths differ.
///
///   y = relu(bn(expand(relu(bn(conv(relu(bn(reduce(x)))))))) + shortcut(x))
///
/// x  [N, in, H, W]  →  [N, out, ⌈H / stride⌉, ⌈W / stride⌉]
/// Source: Xie et al. 2017 (arXiv:1611.05431), figure 3c.
class ResNeXtBottleneck final : public Module {
 public:
  ResNeXtBottleneck(Dim in, Dim out, Dim stride, Dim width, Dim cardinality);
  Tensor forward(const Tensor& x) override;
  void visit(ModuleVisitor& v) override;
  std::string_view type() const override { return "ResNeXtBottleneck"; }

  Conv2d conv_reduce;
  BatchNorm2d bn_reduce;
  Conv2d conv_conv;
  BatchNorm2d bn;
  Conv2d conv_expand;
  BatchNorm2d bn_expand;
  Sequential shortcut;  // empty: the identity
};

struct CifarResNeXtOptions {
  Dim cardinality = 8;  // C, groups of the 3×3 convolutions
  Dim depth = 29;       // weight layers, 9n + 2
  Dim classes = 10;
  Dim base_width = 64;      // d, channels a group in the first stage
  double widen_factor = 4;  // w; stages are 64w, 128w, 256w wide, which must be whole: 0.25 gives 16, 32, 64
  Dim in_channels = 3;
};

/// The ResNeXt for small images: stem 3×3 with 64 channels, three stages of n = (depth − 2)/9 bottlenecks at strides
/// 1, 2, 2, mean over what is left of the image, linear classifier. A stage `out` wide has bottlenecks of
/// D = C · ⌊d · out / (64w)⌋ channels.
///
/// x  [N, in_channels, H, W], any size  →  logits [N, classes]
///
/// State-dict names are those of the published PyTorch reference, so its checkpoints load. 29 layers 8×64d with ten
/// classes have 34,426,698 parameters.
/// Throws ShapeError if the depth fits no n, or an option is no positive number.
/// Source: Xie et al. 2017 (arXiv:1611.05431), section 5.3.
class CifarResNeXt final : public Module {
 public:
  explicit CifarResNeXt(const CifarResNeXtOptions& options = {});
  Tensor forward(const Tensor& x) override;
  void visit(ModuleVisitor& v) override;
  std::string_view type() const override { return "CifarResNeXt"; }
  std::string describe() const override;

  CifarResNeXtOptions options;
  Conv2d conv_1_3x3;
  BatchNorm2d bn_1;
  Sequential stage_1, stage_2, stage_3;
  Linear classifier;
};

}  // namespace fanin
