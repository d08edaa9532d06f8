#pragma once

#include "core/ops/reshape.h"
#include "layers/module.h"

namespace fanin {

/// [N, C, H, W] → [N, C·H·W], any number of dimensions from the second on.
class Flatten final : public Module {
 public:
  Tensor forward(const Tensor& x) override { return flatten(x, 1); }
  void visit(ModuleVisitor&) override {}
  std::string_view type() const override { return "Flatten"; }
};

}  // namespace fanin
