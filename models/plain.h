#pragma once

#include <optional>

#include "layers/batch_norm2d.h"
#include "layers/conv2d.h"
#include "layers/linear.h"
#include "layers/sequential.h"

namespace fanin {

/// A 3×3 convolution, batch norm if wanted, ReLU. Without batch norm the convolution has a bias.
class PlainLayer final : public Module {
 public:
  PlainLayer(Dim in, Dim out, Dim stride, bool norm);
  Tensor forward(const Tensor& x) override;
  void visit(ModuleVisitor& v) override;
  std::string_view type() const override { return "PlainLayer"; }

  Conv2d conv;
  std::optional<BatchNorm2d> bn;
};

struct PlainNetOptions {
  Dim depth = 20;  // weight layers, at least 2
  Dim width = 64;
  bool norm = true;
  Dim classes = 10;
  Dim in_channels = 3;
};

/// A deep stack without shortcuts, what papers on initialisation train: depth − 1 convolutions of one width, mean over
/// the image, linear classifier. The convolutions after one and two thirds of the stack have stride 2.
///
/// x  [N, in_channels, H, W], any size  →  logits [N, classes]
///
/// State-dict names: layers.1.conv … layers.{depth − 1}.conv (and .bn), classifier.
/// Source: of the kind in He et al. 2015 (arXiv:1502.01852), section 2.2, and Xiao et al. 2018 (arXiv:1806.05393).
class PlainNet final : public Module {
 public:
  explicit PlainNet(const PlainNetOptions& options = {});
  Tensor forward(const Tensor& x) override;
  void visit(ModuleVisitor& v) override;
  std::string_view type() const override { return "PlainNet"; }
  std::string describe() const override;

  PlainNetOptions options;
  Sequential layers;
  Linear classifier;
};

}  // namespace fanin
