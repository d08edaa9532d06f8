#include <doctest/doctest.h>

#include <algorithm>

#include "core/autograd.h"
#include "core/backend.h"
#include "core/ops/cross_entropy.h"
#include "core/optim/sgd.h"
#include "models/resnext.h"
#include "tests/golden/golden.h"

using namespace fanin;

namespace {

constexpr Dim batch_size = 4;

CifarResNeXt narrow() {
  return CifarResNeXt({.cardinality = 3, .depth = 20, .classes = 7, .base_width = 3, .widen_factor = 0.140625});
}

/// Batch number `step` of the three that take turns.
Tensor batch_of(const Tensor& all, int step) {
  Shape shape = all.shape();
  const Dim row = all.shape().numel_from(1);
  shape[0] = batch_size;
  Tensor part = Tensor::empty(shape, all.dtype());
  dispatch_all(all.dtype(), [&]<class T>() {
    const auto from =
        all.data<T>().subspan(static_cast<std::size_t>(step % 3 * batch_size * row), part.data<T>().size());
    std::ranges::copy(from, part.mutable_data<T>().begin());
  });
  return part;
}

struct Followed {
  Tensor logits;
  StateDict gradients;
  StateDict buffers;  // after the first batch
  std::vector<double> losses;
};

/// What narrow_resnext() of make_golden.py does.
Followed follow(DType dtype, int steps) {
  const StateDict start = golden::load("resnext_start");
  StateDict state = start;
  std::erase_if(state, [](const auto& entry) { return entry.first == "images" || entry.first == "labels"; });
  CifarResNeXt net = narrow();
  to(net, dtype);
  load_state_dict(net, state);
  Sgd sgd(parameters(net), {.lr = 0.05, .momentum = 0.9, .weight_decay = 5e-4, .nesterov = true});
  Followed seen;
  for (int step = 0; step < steps; ++step) {
    const Tensor logits = net(batch_of(golden::get(start, "images").as(dtype), step));
    const Tensor loss = cross_entropy(logits, batch_of(golden::get(start, "labels"), step));
    zero_grad(net);
    backward(loss);
    if (step == 0) {
      seen.logits = logits.detach();
      for (const NamedParameter& p : named_parameters(net))
        seen.gradients.emplace_back(p.name, p.tensor->grad().clone());
      for (const NamedParameter& b : named_buffers(net)) seen.buffers.emplace_back(b.name, b.tensor->clone());
    }
    sgd.step();
    seen.losses.push_back(loss.item());
  }
  return seen;
}

}  // namespace

TEST_CASE("in f64 a narrow ResNeXt trains as in PyTorch: logits, every gradient, statistics, ten losses") {
  const StateDict expected = golden::load("resnext_f64");
  for (const Backend backend : {Backend::automatic, Backend::reference}) {
    CAPTURE(name_of(backend));
    const BackendScope scope(backend);
    const Followed seen = follow(DType::f64, 10);
    CHECK(golden::largest_difference(seen.logits, golden::get(expected, "logits")) < 1e-8);
    CHECK(seen.gradients.size() == golden::under(expected, "grad.").size());
    for (const auto& entry : seen.gradients) {
      const auto& name = entry.first;
      const auto& gradient = entry.second;
      CAPTURE(name);
      CHECK(golden::largest_difference(gradient, golden::get(expected, "grad." + name)) < 1e-8);
    }
    CHECK(seen.buffers.size() == golden::under(expected, "after.").size());
    for (const auto& entry : seen.buffers) {
      const auto& name = entry.first;
      const auto& buffer = entry.second;
      CAPTURE(name);
      CHECK(golden::largest_difference(buffer, golden::get(expected, "after." + name)) < 1e-8);
    }
    const std::vector<double> losses = golden::get(expected, "losses").values();
    REQUIRE(seen.losses.size() == losses.size());
    for (std::size_t i = 0; i < losses.size(); ++i) CHECK(std::abs(seen.losses[i] - losses[i]) < 1e-8);
  }
}

// Summation order moves the last bits, and a ReLU near its kink can then fall on the other side: PyTorch differs from
// itself by as much between thread counts.
TEST_CASE("in f32 a narrow ResNeXt follows PyTorch on every backend") {
  const StateDict expected = golden::load("resnext_f32");
  for (const Backend backend : {Backend::automatic, Backend::reference, Backend::blas, Backend::onednn}) {
    CAPTURE(name_of(backend));
    const BackendScope scope(backend);
    const Followed seen = follow(DType::f32, 3);
    CHECK(golden::largest_difference(seen.logits, golden::get(expected, "logits")) < 1e-5);
    for (const auto& entry : seen.gradients) {
      const auto& name = entry.first;
      const auto& gradient = entry.second;
      CAPTURE(name);
      CHECK(golden::relative_difference(gradient, golden::get(expected, "grad." + name)) < 2e-2);
    }
    const std::vector<double> losses = golden::get(expected, "losses").values();
    for (std::size_t i = 0; i < 3; ++i) CHECK(std::abs(seen.losses[i] - losses[i]) < 5e-3);
  }
}
