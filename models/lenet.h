#pragma once

#include "layers/conv2d.h"
#include "layers/linear.h"

namespace fanin {

struct LeNetOptions {
  Dim classes = 10;
  Dim in_channels = 1;
  Dim image_size = 28;  // images are square
};

/// LeNet-5 as it is built today: two 5×5 convolutions of 6 and 16 channels, each with ReLU and 2×2 max pooling, then
/// linear layers of 120, 84 and `classes`. Images smaller than 32 are padded to 32 with zeros, as in the paper.
///
/// x  [N, in_channels, image_size, image_size]  →  logits [N, classes]
///
/// 61,706 parameters on 28 × 28 digits. State-dict names: conv1 conv2 fc1 fc2 fc3.
/// Source: LeCun et al. 1998, "Gradient-based learning applied to document recognition", section II.B.
class LeNet final : public Module {
 public:
  explicit LeNet(const LeNetOptions& options = {});
  Tensor forward(const Tensor& x) override;
  void visit(ModuleVisitor& v) override;
  std::string_view type() const override { return "LeNet"; }
  std::string describe() const override;

  LeNetOptions options;
  Conv2d conv1, conv2;
  Linear fc1, fc2, fc3;
};

}  // namespace fanin
