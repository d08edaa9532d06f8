#pragma once

#include "core/ops/max_pool3d.h"
#include "core/ops/pool2d/pool2d.h"
#include "layers/module.h"

namespace fanin {

/// max_pool2d() as a layer: [N, C, H, W] → [N, C, H', W'].
class MaxPool2d final : public Module {
 public:
  explicit MaxPool2d(Pool2dOptions o) : options(o) {}
  Tensor forward(const Tensor& x) override { return max_pool2d(x, options); }
  void visit(ModuleVisitor&) override {}
  std::string_view type() const override { return "MaxPool2d"; }
  std::string describe() const override;
  Pool2dOptions options;
};

/// max_pool3d() as a layer: [N, C, D, H, W] → [N, C, D', H', W'].
class MaxPool3d final : public Module {
 public:
  explicit MaxPool3d(Pool3dOptions o) : options(o) {}
  Tensor forward(const Tensor& x) override { return max_pool3d(x, options); }
  void visit(ModuleVisitor&) override {}
  std::string_view type() const override { return "MaxPool3d"; }
  std::string describe() const override;
  Pool3dOptions options;
};

/// avg_pool2d() as a layer: [N, C, H, W] → [N, C, H', W'].
class AvgPool2d final : public Module {
 public:
  explicit AvgPool2d(Pool2dOptions o) : options(o) {}
  Tensor forward(const Tensor& x) override { return avg_pool2d(x, options); }
  void visit(ModuleVisitor&) override {}
  std::string_view type() const override { return "AvgPool2d"; }
  std::string describe() const override;
  Pool2dOptions options;
};

/// adaptive_avg_pool2d() as a layer: [N, C, H, W] → [N, C, output.h, output.w]. Output 1 is the global mean.
class AdaptiveAvgPool2d final : public Module {
 public:
  explicit AdaptiveAvgPool2d(Size2 output) : output_(output) {}
  Tensor forward(const Tensor& x) override;
  void visit(ModuleVisitor&) override {}
  std::string_view type() const override { return "AdaptiveAvgPool2d"; }
  std::string describe() const override { return text("to ", output_); }

 private:
  Size2 output_;
};

}  // namespace fanin
