#pragma once

#include "layers/linear.h"

namespace fanin {

struct MlpOptions {
  Dim depth = 2;  // hidden layers; 0 gives a linear classifier
  Dim width = 512;
  Dim classes = 10;
  Dim in_channels = 1;
  Dim image_size = 28;  // images are square
};

/// A multilayer perceptron on pixels: `depth` hidden layers of `width` units with ReLU, then a linear classifier.
///
/// x  [N, in_channels, image_size, image_size]  →  logits [N, classes]
///
/// State-dict names: hidden_1 … hidden_depth, classifier.
class Mlp final : public Module {
 public:
  explicit Mlp(const MlpOptions& options = {});
  Tensor forward(const Tensor& x) override;
  void visit(ModuleVisitor& v) override;
  std::string_view type() const override { return "Mlp"; }
  std::string describe() const override;

  MlpOptions options;
  std::vector<Linear> hidden;
  Linear classifier;
};

}  // namespace fanin
