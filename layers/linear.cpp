#include "layers/linear.h"

#include "core/ops/linear.h"

namespace fanin {

Linear::Linear(Dim in_features, Dim out_features, LinearLayerOptions options) {
  check(in_features >= 1 && out_features >= 1, "Linear: features must be at least 1, got ", in_features, " and ",
        out_features);
  weight = Tensor::unset({out_features, in_features}).requires_grad_();
  if (options.bias) bias = Tensor::unset({out_features}).requires_grad_();
}

Tensor Linear::forward(const Tensor& x) { return linear(x, weight, bias); }

void Linear::visit(ModuleVisitor& v) {
  v.parameter("weight", weight);
  if (bias.defined()) v.parameter("bias", bias);
}

std::string Linear::describe() const {
  return text(weight.dim(1), " → ", weight.dim(0), bias.defined() ? "" : ", no bias");
}

}  // namespace fanin
