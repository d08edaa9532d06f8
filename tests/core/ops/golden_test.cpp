#include <doctest/doctest.h>

#include <array>
#include <functional>

#include "core/autograd.h"
#include "core/backend.h"
#include "core/ops/adaptive_avg_pool2d.h"
#include "core/ops/batch_norm2d/batch_norm2d.h"
#include "core/ops/conv2d/conv2d.h"
#include "core/ops/cross_entropy.h"
#include "core/ops/pool2d/pool2d.h"
#include "core/ops/reshape.h"
#include "core/ops/softmax.h"
#include "tests/golden/golden.h"

using namespace fanin;

namespace {

const StateDict& expected() {
  static const StateDict all = golden::load("operators");
  return all;
}

constexpr std::array every_backend{Backend::automatic, Backend::reference, Backend::blas, Backend::onednn};

/// Runs `call` on the golden inputs `names` of `label` in `dtype`; output and gradients must be PyTorch's.
void compare(const std::string& label, const std::vector<std::string>& names, DType dtype,
             const std::function<Tensor(const Tensors&)>& call) {
  const double tolerance = dtype == DType::f64 ? 1e-12 : 2e-5;
  CAPTURE(label);
  CAPTURE(name_of(dtype));
  Tensors inputs;
  for (const std::string& name : names)
    inputs.push_back(golden::get(expected(), label + "." + name).as(dtype).clone().requires_grad_());
  const Tensor y = call(inputs);
  const Tensor wanted = golden::get(expected(), label + ".y");
  CHECK(golden::largest_difference(y, wanted) < tolerance);
  backward(y, golden::noise(label + ".dy", y.shape()).as(dtype));
  for (std::size_t i = 0; i < names.size(); ++i) {
    CAPTURE(names[i]);
    const Tensor gradient = golden::get(expected(), label + ".d" + names[i]);
    CHECK(golden::largest_difference(inputs[i].grad(), gradient) < tolerance);
  }
}

/// compare() in both dtypes on every backend.
void compare_all(const std::string& label, const std::vector<std::string>& names,
                 const std::function<Tensor(const Tensors&)>& call) {
  for (const Backend backend : every_backend) {
    CAPTURE(name_of(backend));
    const BackendScope scope(backend);
    for (const DType dtype : {DType::f64, DType::f32}) compare(label, names, dtype, call);
  }
}

}  // namespace

TEST_CASE("conv2d is PyTorch's: stride, padding, dilation and groups at once; depthwise with two outputs a channel") {
  compare_all("conv_mixed", {"x", "weight", "bias"}, [](const Tensors& in) {
    return conv2d(in[0], in[1], in[2], {.stride = {2, 1}, .padding = {1, 2}, .dilation = {1, 2}, .groups = 3});
  });
  compare_all("conv_depthwise", {"x", "weight"},
              [](const Tensors& in) { return conv2d(in[0], in[1], {}, {.stride = 2, .padding = 1, .groups = 5}); });
}

TEST_CASE("max_pool2d is PyTorch's: padding never wins, and of equal values the first gets the gradient") {
  compare_all("max_pool_padded", {"x"},
              [](const Tensors& in) { return max_pool2d(in[0], {.kernel = 3, .stride = 2, .padding = 1}); });
  compare_all("max_pool_ties", {"x"}, [](const Tensors& in) { return max_pool2d(in[0], {.kernel = 2, .stride = 1}); });
  compare_all("max_pool_overlap", {"x"}, [](const Tensors& in) {
    return max_pool2d(in[0], {.kernel = {3, 2}, .stride = {1, 2}, .padding = {1, 1}});
  });
}

TEST_CASE("avg_pool2d is PyTorch's: padding counts or not") {
  compare_all("avg_pool_padded", {"x"},
              [](const Tensors& in) { return avg_pool2d(in[0], {.kernel = 3, .stride = 2, .padding = 1}); });
  compare_all("avg_pool_uncounted", {"x"}, [](const Tensors& in) {
    return avg_pool2d(in[0], {.kernel = 3, .stride = 2, .padding = 1, .count_include_pad = false});
  });
  compare_all("avg_pool_uneven", {"x"}, [](const Tensors& in) {
    return avg_pool2d(in[0], {.kernel = {2, 3}, .stride = {3, 1}, .padding = {1, 0}});
  });
}

TEST_CASE("adaptive_avg_pool2d is PyTorch's for sizes that do not divide, also upwards") {
  compare_all("adaptive_pool_down", {"x"}, [](const Tensors& in) { return adaptive_avg_pool2d(in[0], {3, 2}); });
  compare_all("adaptive_pool_up", {"x"}, [](const Tensors& in) { return adaptive_avg_pool2d(in[0], {4, 5}); });
}

TEST_CASE("batch_norm2d is PyTorch's, down to two values a channel") {
  for (const std::string label : {"norm_two", "norm_pair", "norm_image"})
    compare_all(label, {"x", "weight", "bias"}, [&](const Tensors& in) {
      Tensor mean = Tensor::zeros(in[1].shape(), in[0].dtype());
      Tensor variance = Tensor::full(in[1].shape(), 1, in[0].dtype());
      const Tensor y = batch_norm2d(in[0], in[1], in[2], mean, variance);
      CHECK(golden::largest_difference(mean, golden::get(expected(), label + ".running_mean")) < 1e-6);
      CHECK(golden::largest_difference(variance, golden::get(expected(), label + ".running_var")) < 1e-6);
      return y;
    });
}

TEST_CASE("cross_entropy and log_softmax are PyTorch's, with smoothing and with logits in the hundreds") {
  const Tensor labels = golden::get(expected(), "labels");
  compare("smoothing", {"x"}, DType::f64,
          [&](const Tensors& in) { return reshape(cross_entropy(in[0], labels, 0.1), {1}); });
  compare("large_loss", {"x"}, DType::f64,
          [&](const Tensors& in) { return reshape(cross_entropy(in[0], labels), {1}); });
  compare("log_softmax", {"x"}, DType::f64, [](const Tensors& in) { return log_softmax(in[0], 1); });
}

TEST_CASE("a logit of minus infinity for another class is a probability of zero, not a loss of NaN") {
  Tensor x = Tensor::from(std::vector<double>{1, -INFINITY, 1}, {1, 3});
  x.requires_grad_();
  const Tensor loss = cross_entropy(x, Tensor::from(std::vector<std::int64_t>{2}, {1}));
  CHECK(loss.item() == doctest::Approx(std::log(2)));
  backward(loss);
  CHECK(golden::largest_difference(x.grad(), Tensor::from(std::vector<double>{0.5, 0, -0.5}, {1, 3})) < 1e-15);
}
