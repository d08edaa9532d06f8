#pragma once

#include "core/ops/relu.h"
#include "layers/module.h"

namespace fanin {

/// relu() as a layer: max(x, 0), any shape.
class ReLU final : public Module {
 public:
  Tensor forward(const Tensor& x) override { return relu(x); }
  void visit(ModuleVisitor&) override {}
  std::string_view type() const override { return "ReLU"; }
};

}  // namespace fanin
