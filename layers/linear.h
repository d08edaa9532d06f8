#pragma once

#include "layers/module.h"

namespace fanin {

struct LinearLayerOptions {
  bool bias = true;
};

/// y = x · Wᵀ + b; see linear(). [N, in_features] → [N, out_features].
/// weight [out_features, in_features], bias [out_features]: unset until initialised.
class Linear final : public Module {
 public:
  Linear(Dim in_features, Dim out_features, LinearLayerOptions options = {});

  Tensor forward(const Tensor& x) override;
  void visit(ModuleVisitor& v) override;
  std::string_view type() const override { return "Linear"; }
  std::string describe() const override;

  Tensor weight, bias;
};

}  // namespace fanin
