#include <doctest/doctest.h>

#include <thread>

#include "core/autograd.h"
#include "core/backend.h"
#include "core/ops/add.h"
#include "core/ops/add_relu.h"
#include "layers/layers.h"
#include "tests/golden/golden.h"

// Kernels may write into gradients nobody else holds. Whoever does hold one must never see it change.

using namespace fanin;

namespace {

/// Every layer and fused operator a ResNeXt has, an identity shortcut, and one part that is used twice.
class Net final : public Module {
 public:
  Tensor forward(const Tensor& x) override {
    const Tensor h = bn_1.then_relu(conv_1(x));
    const Tensor once = add_relu(bn_2(conv_2(h)), h);
    const Tensor twice = add_relu(bn_2(conv_2(once)), once);
    return fc(flatten(pool(max(twice))));
  }
  void visit(ModuleVisitor& v) override {
    v.child("conv_1", conv_1);
    v.child("bn_1", bn_1);
    v.child("conv_2", conv_2);
    v.child("bn_2", bn_2);
    v.child("max", max);
    v.child("pool", pool);
    v.child("flatten", flatten);
    v.child("fc", fc);
  }
  std::string_view type() const override { return "Net"; }

  Conv2d conv_1{3, 16, {.kernel = 3, .padding = 1, .bias = false}};
  BatchNorm2d bn_1{16};
  Conv2d conv_2{16, 16, {.kernel = 3, .padding = 1, .groups = 4}};
  BatchNorm2d bn_2{16};
  MaxPool2d max{{.kernel = 3, .stride = 2, .padding = 1}};
  AdaptiveAvgPool2d pool{1};
  Flatten flatten;
  Linear fc{16, 5};
};

constexpr std::array every_backend{Backend::automatic, Backend::reference, Backend::blas, Backend::onednn};

Tensor images() { return golden::noise("images", {2, 3, 9, 7}).as(DType::f32); }

}  // namespace

TEST_CASE("gradients and outputs that hooks keep do not change afterwards") {
  for (const Backend backend : every_backend) {
    CAPTURE(name_of(backend));
    const BackendScope scope(backend);
    Net net;
    golden::fill(net);
    std::vector<std::pair<Tensor, std::vector<double>>> kept;
    const auto keep = [&](Module&, const Tensor& t) { kept.emplace_back(t.detach(), t.values()); };
    for (const NamedModule& entry : named_modules(net)) {
      entry.module->on_output(keep);
      entry.module->on_gradient(keep);
    }
    const Tensor y = net(images());
    const Tensor dy = golden::noise("dy", y.shape()).as(DType::f32);
    const std::vector<double> given = dy.values();
    backward(y, dy);
    CHECK(dy.values() == given);
    CHECK(kept.size() >= 20);
    for (const auto& [tensor, values] : kept) CHECK(tensor.values() == values);
  }
}

TEST_CASE("hooks that look on change no gradient") {
  for (const Backend backend : every_backend) {
    CAPTURE(name_of(backend));
    const BackendScope scope(backend);
    std::vector<StateDict> found;
    for (const bool watched : {false, true}) {
      Net net;
      golden::fill(net);
      Tensors held;
      if (watched)
        for (const NamedModule& entry : named_modules(net))
          entry.module->on_gradient([&](Module&, const Tensor& g) { held.push_back(g); });
      const Tensor y = net(images());
      backward(y, golden::noise("dy", y.shape()).as(DType::f32));
      StateDict& gradients = found.emplace_back();
      for (const auto& [name, parameter] : parameters(net)) gradients.emplace_back(name, parameter.grad());
    }
    for (std::size_t i = 0; i < found[0].size(); ++i) {
      CAPTURE(found[0][i].first);
      CHECK(found[0][i].second.values() == found[1][i].second.values());
    }
  }
}

TEST_CASE("a part used twice gets the sum of both gradients") {
  Net net;
  golden::fill(net);
  to(net, DType::f64);
  net.eval();  // so that the running statistics stay where they are
  const Tensor x = images().as(DType::f64);
  const auto value = [&] {
    const NoGrad off;
    const Tensor y = net(x);
    return golden::dot(y, golden::noise("dy", y.shape()));
  };
  const Tensor y = net(x);
  backward(y, golden::noise("dy", y.shape()));
  const double gradient = net.conv_2.weight.grad().values()[7];
  const double step = 1e-6;
  net.conv_2.weight.mutable_data<double>()[7] += step;
  const double above = value();
  net.conv_2.weight.mutable_data<double>()[7] -= 2 * step;
  CHECK((above - value()) / (2 * step) == doctest::Approx(gradient).epsilon(1e-6));
}

TEST_CASE("one network may evaluate in several threads at once") {
  Net net;
  golden::fill(net);
  net.eval();
  const NoGrad off;
  const std::vector<double> expected = net(images()).values();
  std::array<std::vector<double>, 4> seen;
  std::vector<std::thread> threads;
  for (auto& result : seen)
    threads.emplace_back([&] {
      const NoGrad scope;
      for (int i = 0; i < 10; ++i) result = net(images()).values();
    });
  for (std::thread& thread : threads) thread.join();
  for (const auto& result : seen) CHECK(result == expected);
}

TEST_CASE("gradients written by one step do not leak into the next") {
  Net net;
  golden::fill(net);
  net.eval();
  std::vector<std::vector<double>> rounds;
  for (int round = 0; round < 3; ++round) {
    zero_grad(net);
    const Tensor y = net(images());
    backward(y, golden::noise("dy", y.shape()).as(DType::f32));
    rounds.push_back(net.conv_1.weight.grad().values());
  }
  CHECK(rounds[0] == rounds[1]);
  CHECK(rounds[0] == rounds[2]);
}
