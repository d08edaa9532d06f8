#include <doctest/doctest.h>

#include <functional>
#include <memory>

#include "core/optim/adam.h"
#include "core/optim/clip.h"
#include "core/optim/ema.h"
#include "core/optim/sgd.h"
#include "core/threads.h"
#include "tests/golden/optim_golden.h"

using namespace fanin;

namespace {

constexpr int steps = 6;

/// The two parameters of tests/golden/optim.py.
StateDict parameters(DType dtype) {
  std::vector<double> first, second;
  for (int i = 0; i < 5; ++i) first.push_back((3 * i - 7) / 8.0);
  for (int i = 0; i < 3; ++i) second.push_back((5 - 2 * i) / 4.0);
  StateDict state{{"first", Tensor::from(first, {5}).as(dtype)}, {"second", Tensor::from(second, {1, 3}).as(dtype)}};
  for (auto& [name, tensor] : state) tensor.requires_grad_();
  return state;
}

void set_gradients(StateDict& state, int step) {
  for (int which = 0; which < 2; ++which) {
    Tensor& tensor = state[static_cast<std::size_t>(which)].second;
    std::vector<double> values;
    for (Dim i = 0; i < tensor.numel(); ++i)
      values.push_back(static_cast<double>((7 * i + 3 * step + 5 * which) % 11 - 5) / 4);
    const bool sits_out = which == 1 && step == 2;
    tensor.set_grad(sits_out ? Tensor{} : Tensor::from(values, tensor.shape()).as(tensor.dtype()));
  }
}

std::vector<double> values_of(const StateDict& state) {
  std::vector<double> all;
  for (const auto& [name, tensor] : state)
    for (double value : tensor.values()) all.push_back(value);
  return all;
}

using Make = std::function<std::unique_ptr<Optimizer>(StateDict)>;

void run(Optimizer& optimizer, StateDict& state, int from, int to, double clip = 0) {
  for (int step = from; step < to; ++step) {
    set_gradients(state, step);
    optimizer.step(clip > 0 ? clip_scale(gradient_norm(state), clip) : 1);
  }
}

void compare(const Make& make, const std::vector<double>& f64, const std::vector<double>& f32, double clip = 0) {
  for (const DType dtype : {DType::f64, DType::f32}) {
    CAPTURE(dtype);
    StateDict state = parameters(dtype);
    const auto optimizer = make(state);
    run(*optimizer, state, 0, steps, clip);
    const auto got = values_of(state);
    const auto& expected = dtype == DType::f64 ? f64 : f32;
    REQUIRE(got.size() == expected.size());
    // a few roundings of values below 2
    const double tolerance = dtype == DType::f64 ? 2e-15 : 1e-6;
    for (std::size_t i = 0; i < got.size(); ++i) CHECK(std::abs(got[i] - expected[i]) <= tolerance);
  }
}

Make sgd(const SgdOptions& options) {
  return [options](StateDict state) { return std::make_unique<Sgd>(std::move(state), options); };
}
Make adam(const AdamOptions& options) {
  return [options](StateDict state) { return std::make_unique<Adam>(std::move(state), options); };
}

}  // namespace

TEST_CASE("sgd takes PyTorch's steps") {
  compare(sgd({.lr = 0.1}), golden::sgd_f64, golden::sgd_f32);
  compare(sgd({.lr = 0.1, .momentum = 0.9, .weight_decay = 0.01}), golden::sgd_momentum_f64, golden::sgd_momentum_f32);
  compare(sgd({.lr = 0.1, .momentum = 0.9, .dampening = 0.5}), golden::sgd_dampening_f64, golden::sgd_dampening_f32);
  compare(sgd({.lr = 0.1, .momentum = 0.9, .weight_decay = 0.01, .nesterov = true}), golden::sgd_nesterov_f64,
          golden::sgd_nesterov_f32);
}

TEST_CASE("clipping scales all gradients together as PyTorch does") {
  compare(sgd({.lr = 0.1, .momentum = 0.9}), golden::sgd_clipped_f64, golden::sgd_clipped_f32, 1.5);
  CHECK(clip_scale(0.5, 1) == 1);
  CHECK(clip_scale(4, 1) == doctest::Approx(0.25));
}

TEST_CASE("adam and adamw take PyTorch's steps") {
  compare(adam({.lr = 0.05}), golden::adam_f64, golden::adam_f32);
  compare(adam({.lr = 0.05, .beta1 = 0.8, .beta2 = 0.95, .weight_decay = 0.1}), golden::adam_decay_f64,
          golden::adam_decay_f32);
  compare(adam({.lr = 0.05, .weight_decay = 0.1, .decoupled = true}), golden::adamw_f64, golden::adamw_f32);
}

TEST_CASE("an optimiser goes on from its saved state with the same bits") {
  for (const Make& make : {sgd({.lr = 0.1, .momentum = 0.9, .nesterov = true}), adam({.lr = 0.05})}) {
    StateDict whole = parameters(DType::f32);
    const auto uninterrupted = make(whole);
    run(*uninterrupted, whole, 0, steps);

    StateDict halved = parameters(DType::f32);
    StateDict saved;
    {
      const auto first = make(halved);
      run(*first, halved, 0, 3);
      for (const auto& [name, tensor] : first->state()) saved.emplace_back(name, tensor.clone());
    }
    const auto second = make(halved);
    second->load_state(saved);
    run(*second, halved, 3, steps);
    CHECK(values_of(halved) == values_of(whole));
  }
}

TEST_CASE("a state that does not fit is refused and changes nothing") {
  StateDict state = parameters(DType::f32);
  Sgd optimizer(state, {.lr = 0.1, .momentum = 0.9});
  run(optimizer, state, 0, 1);
  StateDict saved;
  for (const auto& [name, tensor] : optimizer.state()) saved.emplace_back(name, tensor.clone());
  StateDict missing{saved[0], saved[2]};
  CHECK_THROWS_WITH_AS(optimizer.load_state(missing), "optimizer state: 'momentum.second' is missing", StateDictError);
  StateDict strange = saved;
  strange.emplace_back("momentum.third", Tensor::zeros({1}));
  CHECK_THROWS_AS(optimizer.load_state(strange), StateDictError);
  CHECK(optimizer.state().size() == 3);
}

TEST_CASE("a step does not depend on the number of threads") {
  const int before = threads();
  std::vector<std::vector<double>> results;
  for (const int count : {1, 2, 3}) {
    set_threads(count);
    std::vector<float> values(200'003), gradients(200'003);
    for (std::size_t i = 0; i < values.size(); ++i) {
      values[i] = static_cast<float>(i % 101) / 7;
      gradients[i] = static_cast<float>(i % 89) / 11 - 3;
    }
    StateDict state{{"small", Tensor::from(values, {200'003})}, {"large", Tensor::from(values, {200'003})}};
    for (auto& [name, tensor] : state) tensor.requires_grad_().set_grad(Tensor::from(gradients, tensor.shape()));
    Adam optimizer(state, {.lr = 0.1, .weight_decay = 0.1});
    for (int step = 0; step < 3; ++step) optimizer.step(clip_scale(gradient_norm(state), 1));
    results.push_back(values_of(state));
  }
  set_threads(before);
  CHECK(results[0] == results[1]);
  CHECK(results[0] == results[2]);
}

TEST_CASE("optimisers refuse what makes no sense") {
  CHECK_THROWS_AS(Sgd(parameters(DType::f32), {.lr = -1}), ShapeError);
  CHECK_THROWS_AS(Sgd(parameters(DType::f32), {.nesterov = true}), ShapeError);
  CHECK_THROWS_AS(Adam(parameters(DType::f32), {.beta1 = 1}), ShapeError);
  CHECK_THROWS_AS(Sgd({{"labels", Tensor::zeros({2}, DType::i64)}}), DTypeError);
}

TEST_CASE("the average of weights follows its formula and can be swapped in") {
  Tensor weight = Tensor::full({3}, 1);
  Tensor count = Tensor::zeros({1}, DType::i64);
  Ema ema({{"weight", weight}, {"count", count}}, 0.75);
  weight.fill_(3);
  count.fill_(7);
  ema.update();
  ema.swap();
  CHECK(weight.values() == std::vector<double>{1.5, 1.5, 1.5});
  CHECK(count.values() == std::vector<double>{7});
  ema.swap();
  CHECK(weight.values() == std::vector<double>{3, 3, 3});
  CHECK_THROWS_AS(Ema({}, 1), ShapeError);
}
