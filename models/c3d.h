#pragma once

#include "layers/conv3d.h"
#include "layers/dropout.h"
#include "layers/linear.h"

namespace fanin {

struct C3DOptions {
  Dim classes = 487;  // of Sports-1M
  Dim in_channels = 3;
  Dim image_size = 112;  // frames are square
  Dim width = 64;        // channels of conv1; the others are 2, 4 and 8 times as wide, fc6 and fc7 64 times
  double dropout = 0.5;
};

/// C3D: eight 3×3×3 convolutions with ReLU, five max poolings, two hidden linear layers with dropout. The first
/// pooling is 1×2×2, which keeps time whole; the others are 2×2×2, the last one padded by 1 in space.
///
/// x  [N, in_channels, 16, image_size, image_size]: clips of 16 frames  →  logits [N, classes]
///
/// 78,409,573 parameters with 101 classes. State-dict names as in the published PyTorch code: conv1 conv2 conv3a conv3b
/// conv4a conv4b conv5a conv5b fc6 fc7 fc8.
/// Source: Tran et al. 2015 (arXiv:1412.0767), section 3.3 and figure 3.
class C3D final : public Module {
 public:
  static constexpr Dim frames = 16;

  explicit C3D(const C3DOptions& options = {});
  Tensor forward(const Tensor& x) override;
  void visit(ModuleVisitor& v) override;
  std::string_view type() const override { return "C3D"; }
  std::string describe() const override;

  C3DOptions options;
  Conv3d conv1, conv2, conv3a, conv3b, conv4a, conv4b, conv5a, conv5b;
  Linear fc6, fc7, fc8;
  Dropout dropout6, dropout7;
};

}  // namespace fanin
