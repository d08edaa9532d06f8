#include "core/ops/batch_norm2d/batch_norm2d.h"

#include <algorithm>
#include <cmath>

#include "core/autograd.h"
#include "core/ops/batch_norm2d/kernels.h"
#include "core/ops/cast.h"
#include "core/ops/relu.h"
#include "core/ops/tail.h"
#include "core/verify.h"

namespace fanin {

namespace {

void check_vector(const Tensor& v, const Tensor& x, std::string_view name) {
  const Shape wanted{x.dim(1)};
  const DType dtype = x.dtype() == DType::f64 ? DType::f64 : DType::f32;
  check(v.defined() && v.shape() == wanted, "batch_norm2d: ", name, " must be ", wanted, " for an input of ", x.dim(1),
        " channels, got ", v.shape());
  check<DTypeError>(v.dtype() == dtype, "batch_norm2d: ", name, " must be ", dtype, " for a ", x.dtype(),
                    " input, got ", v.dtype());
  check<UnsetError>(v.is_set(), "batch_norm2d: ", name,
                    " is read before it was set: apply an initialiser or load weights first");
}

void check_arguments(const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& running_mean,
                     const Tensor& running_var, const BatchNorm2dOptions& o, const Tensor& addend) {
  check(x.defined() && x.rank() == 4, "batch_norm2d: input must be [N, C, H, W], got ", x.shape());
  check<DTypeError>(is_floating(x.dtype()), "batch_norm2d: input must be floating, got ", x.dtype());
  check_vector(weight, x, "weight");
  check_vector(bias, x, "bias");
  check_vector(running_mean, x, "running_mean");
  check_vector(running_var, x, "running_var");
  check(o.eps >= 0, "batch_norm2d: eps cannot be negative, got ", o.eps);
  const Dim n = x.dim(0) * x.dim(2) * x.dim(3);
  check(!o.training || n != 1, "batch_norm2d: input ", x.shape(),
        " has one value a channel, which has no variance to train with; use larger batches or evaluation mode");
  if (!addend.defined()) return;
  check(addend.shape() == x.shape(), "batch_norm2d: the addend must be as the input is, ", x.shape(), ", got ",
        addend.shape());
  check<DTypeError>(addend.dtype() == x.dtype(), "batch_norm2d: input is ", x.dtype(), ", addend is ", addend.dtype());
}

void update_running(Tensor& running, const Tensor& batch, double momentum, double correction) {
  dispatch(running.dtype(), [&]<class T>() {
    const auto from = batch.data<T>();
    const auto to = running.mutable_data<T>();
    for (std::size_t c = 0; c < to.size(); ++c)
      to[c] = static_cast<T>((1 - momentum) * static_cast<double>(to[c]) +
                             momentum * correction * static_cast<double>(from[c]));
  });
}

/// Whether the kernels do all of the tail; if not, it is a pass of its own.
bool finishes(const BatchNorm2dKernels& kernels, const BatchNorm2dTail& tail) {
  return !tail.addend.defined() || (kernels.can.add && tail.relu);
}

BatchNorm2dResult run(const BatchNorm2dKernels& kernels, const Tensor& x, const Tensor& weight, const Tensor& bias,
                      Tensor& running_mean, Tensor& running_var, const BatchNorm2dOptions& o,
                      const BatchNorm2dTail& tail) {
  if (!o.training)
    return {verified(
                "batch_norm2d", {&x}, kernels, reference::batch_norm2d,
                [&](const BatchNorm2dKernels& k) {
                  const auto evaluate = [&](const BatchNorm2dTail& t) {
                    return k.evaluation(x, running_mean, running_var, weight, bias, o.eps, t);
                  };
                  if (finishes(k, tail)) return evaluate(tail);
                  Tensor y = evaluate({});
                  add_and_rectify(y, tail.addend, tail.relu);
                  return y;
                },
                "output"),
            running_mean.clone(),
            running_var.clone(),
            {}};
  BatchNorm2dResult result = verified(
      "batch_norm2d", {&x}, kernels, reference::batch_norm2d,
      [&](const BatchNorm2dKernels& k) {
        if (finishes(k, tail)) return k.training(x, weight, bias, o.eps, tail);
        BatchNorm2dResult r = k.training(x, weight, bias, o.eps, {});
        add_and_rectify(r.y, tail.addend, tail.relu);
        return r;
      },
      [&](const BatchNorm2dResult& r) {
        return std::vector<KernelResult>{
            {"batch mean", r.mean, largest(x)}, {"batch variance", r.variance, largest(x)}, {"output", r.y}};
      });
  const auto n = static_cast<double>(x.dim(0) * x.dim(2) * x.dim(3));
  if (n > 1) {
    update_running(running_mean, result.mean, o.momentum, 1);
    update_running(running_var, result.variance, o.momentum, n / (n - 1));
  }
  return result;
}

/// Largest |weight| / √(variance + eps).
double largest_factor(const BatchNorm2dSaved& saved) {
  const std::vector<double> weight = saved.weight.values();
  const std::vector<double> variance = saved.variance.values();
  double most = 0;
  for (std::size_t c = 0; c < weight.size(); ++c)
    most = std::max(most, std::abs(weight[c]) / std::sqrt(variance[c] + saved.eps));
  return most;
}

/// The gradients by kernels that are not told of an addend: the ReLU's mask is taken from y beforehand.
BatchNorm2dGradients by_mask(const BatchNorm2dKernels& k, const Tensor& dy, const Tensor& y,
                             const BatchNorm2dSaved& saved, bool through_statistics) {
  const Tensor none;
  const Tensor masked = saved.relu ? relu_gradient(dy, y) : dy;
  BatchNorm2dGradients d = k.backward(
      masked, none, {saved.x, saved.mean, saved.variance, saved.weight, saved.bias, none, none, saved.eps, false},
      through_statistics);
  d.daddend = masked;
  return d;
}

/// `y`, where it was kept, is the operator's output. On which side of the ReLU's kink a rounded value lies, the kernel
/// decides: the reference that verifies it takes the mask from y, too.
BatchNorm2dGradients run_backward(const BatchNorm2dKernels& kernels, Incoming incoming, const BatchNorm2dSaved& saved,
                                  bool through_statistics, bool has_addend, const Tensor& y) {
  const bool two = saved.y.defined() && !verifying();
  Tensor more = two ? std::exchange(incoming.more, {}) : Tensor();
  Tensor dy = std::move(incoming);
  const Tensor operand = verifying() ? dy.clone() : Tensor();  // kernels may write into dy
  return verified(
      "batch_norm2d", {&saved.x, &saved.weight, &saved.bias}, kernels, reference::batch_norm2d,
      [&](const BatchNorm2dKernels& k) {
        const bool chosen = &k == &kernels;
        Tensor d = operand;
        if (chosen) d = std::move(dy);
        const bool knows_addend = chosen && saved.y.defined();
        const bool by_y = chosen ? has_addend && !knows_addend : y.defined() || !saved.relu;
        return by_y ? by_mask(k, d, y, saved, through_statistics)
                    : k.backward(std::move(d), std::move(more), saved, through_statistics);
      },
      [&](const BatchNorm2dGradients& d) {
        const double size = largest(operand);
        std::vector<KernelResult> results{{"gradient of input 0", d.dx, size * largest_factor(saved)},
                                          {"gradient of input 1", d.dweight, size},
                                          {"gradient of input 2", d.dbias, size}};
        if (has_addend) results.push_back({"gradient of input 3", d.daddend, size});
        return results;
      });
}

}  // namespace

Tensor batch_norm2d(const Tensor& x, const Tensor& weight, const Tensor& bias, Tensor& running_mean,
                    Tensor& running_var, const BatchNorm2dOptions& options, const Tensor& addend) {
  check_arguments(x, weight, bias, running_mean, running_var, options, addend);
  const BatchNorm2dKernels& kernels = choose(batch_norm2d_kernels, x.shape(), x.dtype(), x.layout());
  const BatchNorm2dTail tail{addend.detach(), options.relu};
  const BatchNorm2dResult result = run(kernels, x, weight, bias, running_mean, running_var, options, tail);
  const bool has_addend = addend.defined();
  const bool kernel_adds = has_addend && finishes(kernels, tail);
  Tensors inputs{x, weight, bias};
  if (has_addend) inputs.push_back(addend);
  Remake remake;  // one pass; the convolution behind saves no activation of its own, nor does every other block
  const auto made = std::make_shared<Tensor>();  // what it made for others, where backward wants it next
  if (kernels.can.repeat && finishes(kernels, tail) && std::ranges::none_of(inputs, has_remake))
    remake = [&kernels, o = options, kernel_adds, made, sx = Saved(x), sw = Saved(weight), sb = Saved(bias),
              sa = Saved(addend), mean = result.mean, variance = result.variance] {
      if (made->defined()) return *made;
      const Tensor y = kernels.evaluation(sx.get(), mean, variance, sw.get(), sb.get(), o.eps, {sa.get(), o.relu});
      if (kernel_adds) *made = y;
      return y;
    };
  const bool keeps_y = options.relu && ((has_addend && !remake) || verifying());
  Backward backward = [&kernels, o = options, has_addend, kernel_adds, sx = Saved(x), sw = Saved(weight),
                       sb = Saved(bias), mean = result.mean, variance = result.variance, workspace = result.workspace,
                       sy = keeps_y ? Saved(result.y) : Saved(), again = kernel_adds ? remake : Remake(),
                       made](Incoming dy, Needs needs) -> Tensors {
    const Tensor none;
    const Tensor y = sy.defined() ? sy.get() : again ? again() : none;
    *made = none;
    const BatchNorm2dSaved saved{sx.get(), mean,  variance, sw.get(), sb.get(), workspace, kernel_adds ? y : none,
                                 o.eps,    o.relu};
    BatchNorm2dGradients d = run_backward(kernels, std::move(dy), saved, o.training, has_addend, y);
    Tensors gradients{needs[0] ? d.dx : Tensor(), needs[1] ? d.dweight : Tensor(), needs[2] ? d.dbias : Tensor()};
    if (has_addend) gradients.push_back(needs[3] ? d.daddend : Tensor());
    return gradients;
  };
  return record(
      {"batch_norm2d",
       {{"training", options.training}, {"momentum", options.momentum}, {"eps", options.eps}, {"relu", options.relu}},
       name_of(kernels.backend)},
      result.y, inputs, std::move(backward), std::move(remake));
}

namespace {

Sample sample(std::string label, const Shape& x, bool training, bool relu, bool has_addend = false) {
  const Shape C{x[1]};
  std::vector<Shape> inputs{x, C, C};
  if (has_addend) inputs.push_back(x);
  return {std::move(label), std::move(inputs), [=](const Tensors& in) {
            const DType dtype = in[0].dtype() == DType::f64 ? DType::f64 : DType::f32;
            Tensor mean = Tensor::full(C, 0.25, dtype);
            Tensor variance = Tensor::full(C, 1.5, dtype);
            return batch_norm2d(in[0], cast(in[1], dtype), cast(in[2], dtype), mean, variance,
                                {.training = training, .relu = relu}, has_addend ? in[3] : Tensor());
          }};
}

}  // namespace

OpInfo batch_norm2d_info() {
  std::vector<Sample> samples;
  for (const bool relu : {false, true}) {
    const std::string fused = relu ? ", relu" : "";
    samples.push_back(sample("training" + fused, {3, 5, 4, 3}, true, relu));
    samples.push_back(sample("evaluation" + fused, {3, 5, 4, 3}, false, relu));
    samples.push_back(sample("16 channels" + fused, {2, 16, 3, 3}, true, relu));
    samples.push_back(sample("21 channels" + fused, {2, 21, 1, 2}, true, relu));
    samples.push_back(sample("2 values" + fused, {2, 3, 1, 1}, true, relu));
    samples.push_back(sample("training, addend" + fused, {3, 5, 4, 3}, true, relu, true));
    samples.push_back(sample("evaluation, addend" + fused, {2, 21, 3, 2}, false, relu, true));
  }
  samples.push_back(sample("empty", {0, 3, 4, 4}, true, false));
  const auto call = [](const Shape& x, const Shape& vector) {
    return [=] {
      Tensor mean = Tensor::zeros(vector);
      Tensor variance = Tensor::full(vector, 1);
      batch_norm2d(Tensor::zeros(x), variance, mean, mean, variance);
    };
  };
  return {.name = "batch_norm2d",
          .samples = std::move(samples),
          .rejects = {{"rank", call({2, 3}, {3}), "[2, 3]"},
                      {"addend",
                       [] {
                         Tensor mean = Tensor::zeros({3}), variance = Tensor::full({3}, 1);
                         batch_norm2d(Tensor::zeros({2, 3, 4, 4}), variance, mean, mean, variance, {},
                                      Tensor::zeros({2, 3, 1, 1}));
                       },
                       "[2, 3, 4, 4], got [2, 3, 1, 1]"},
                      {"channels", call({2, 3, 4, 4}, {4}), "3 channels"},
                      {"one value", call({1, 3, 1, 1}, {3}), "one value a channel"}},
          .bf16_tolerance = 3e-2};
}

}  // namespace fanin
