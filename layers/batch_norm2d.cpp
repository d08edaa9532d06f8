#include "layers/batch_norm2d.h"

#include "core/ops/batch_norm2d/batch_norm2d.h"

namespace fanin {

BatchNorm2d::BatchNorm2d(Dim channels, BatchNorm2dLayerOptions o) : options(o) {
  check(channels >= 1, "BatchNorm2d: channels must be at least 1, got ", channels);
  check(o.eps >= 0, "BatchNorm2d: eps cannot be negative, got ", o.eps);
  weight = Tensor::unset({channels}).requires_grad_();
  bias = Tensor::unset({channels}).requires_grad_();
  running_mean = Tensor::zeros({channels});
  running_var = Tensor::full({channels}, 1);
  num_batches_tracked = Tensor::zeros({}, DType::i64);
}

Tensor BatchNorm2d::then_relu(const Tensor& x) {
  return call(x, [this](const Tensor& in) { return normalise(in, true, {}); });
}

Tensor BatchNorm2d::then_add_relu(const Tensor& x, const Tensor& addend) {
  return call(x, [&](const Tensor& in) { return normalise(in, true, addend); });
}

Tensor BatchNorm2d::normalise(const Tensor& x, bool relu, const Tensor& addend) {
  const Tensor y =
      batch_norm2d(x, weight, bias, running_mean, running_var,
                   {.training = training(), .momentum = options.momentum, .eps = options.eps, .relu = relu}, addend);
  if (training()) num_batches_tracked.mutable_data<std::int64_t>()[0] += 1;
  return y;
}

void BatchNorm2d::visit(ModuleVisitor& v) {
  v.parameter("weight", weight);
  v.parameter("bias", bias);
  v.buffer("running_mean", running_mean);
  v.buffer("running_var", running_var);
  v.buffer("num_batches_tracked", num_batches_tracked);
}

std::string BatchNorm2d::describe() const { return text(weight.dim(0)); }

}  // namespace fanin
