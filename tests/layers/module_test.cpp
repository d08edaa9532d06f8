#include "layers/module.h"

#include <doctest/doctest.h>

#include "core/autograd.h"
#include "core/ops/add_relu.h"
#include "core/ops/relu.h"
#include "core/random.h"
#include "layers/apply.h"
#include "layers/batch_norm2d.h"
#include "layers/conv2d.h"
#include "layers/dropout.h"
#include "layers/flatten.h"
#include "layers/identity.h"
#include "layers/linear.h"
#include "layers/pooling.h"
#include "layers/relu.h"
#include "layers/sequential.h"
#include "layers/summary.h"

using namespace fanin;

namespace {

Sequential small_net() {
  Sequential net;
  net.add("conv", Conv2d(3, 8, {.kernel = 3, .padding = 1, .bias = false}));
  net.add("bn", BatchNorm2d(8));
  net.add("relu", ReLU());
  net.add("pool", AdaptiveAvgPool2d(1));
  net.add("flatten", Flatten());
  net.add("fc", Linear(8, 4));
  return net;
}

void set_all(Module& net) {
  Generator rng(1);
  for (const NamedParameter& p : named_parameters(net)) {
    if (p.tensor->dtype() != DType::f32 && p.tensor->dtype() != DType::f64) continue;
    rng.normal(*p.tensor, 0, 0.5);
  }
}

Tensor noise(const Shape& shape, std::uint64_t seed) {
  Tensor x = Tensor::empty(shape);
  Generator(seed).normal(x);
  return x;
}

Tensor image() { return noise({2, 3, 5, 5}, 3); }

}  // namespace

TEST_CASE("names and order are those of the definition") {
  Sequential net = small_net();
  std::vector<std::string> names;
  for (const auto& [name, tensor] : state_dict(net)) names.push_back(name);
  CHECK(names == std::vector<std::string>{"conv.weight", "bn.weight", "bn.bias", "bn.running_mean", "bn.running_var",
                                          "bn.num_batches_tracked", "fc.weight", "fc.bias"});
  CHECK(parameter_count(net) == 8 * 3 * 9 + 16 + 36);
}

TEST_CASE("then_add_relu equals add_relu after forward, in training and evaluation") {
  BatchNorm2d a(4), b(4);
  for (BatchNorm2d* bn : {&a, &b}) {
    bn->weight.copy_(Tensor::from(std::vector<float>{1, -2, 0.5, 3}, {4}));
    bn->bias.copy_(Tensor::from(std::vector<float>{0, 1, -1, 0.5}, {4}));
  }
  const Tensor x = noise({2, 4, 3, 5}, 1), addend = noise({2, 4, 3, 5}, 2);
  for (const bool training : {true, false}) {
    a.train(training);
    b.train(training);
    CHECK(a.then_add_relu(x, addend).values() == add_relu(b(x), addend).values());
    CHECK(a.running_var.values() == b.running_var.values());
  }
}

TEST_CASE("then_relu equals relu after forward, in training and evaluation") {
  for (const bool training : {true, false}) {
    BatchNorm2d a(3), b(3);
    for (BatchNorm2d* bn : {&a, &b}) {
      bn->weight.fill_(0.5);
      bn->bias.fill_(0.1);
      bn->train(training);
    }
    const Tensor x = image();
    CHECK(a.then_relu(x).values() == relu(b(x)).values());
    CHECK(a.running_var.values() == b.running_var.values());
    CHECK(a.num_batches_tracked.item() == (training ? 1 : 0));
  }
}

TEST_CASE("apply runs the first rule that fits, by the rule's own argument type, and counts") {
  Sequential net = small_net();
  std::string order;
  const int matched = apply(
      net, [&](Conv2d&) { order += "c"; }, [&](Linear&) { order += "l"; }, [&](Conv2d&) { order += "never"; });
  CHECK(order == "cl");
  CHECK(matched == 2);
  CHECK(apply(net, [](Module&) {}) == 7);
}

TEST_CASE("an unset parameter is named where it is met") {
  Sequential net = small_net();
  CHECK_THROWS_WITH_AS(net(image()), doctest::Contains("in 'conv'"), UnsetError);
  CHECK_THROWS_WITH_AS(check_all_set(net), doctest::Contains("fc.bias [4]"), UnsetError);
  set_all(net);
  CHECK_NOTHROW(check_all_set(net));
  CHECK(net(image()).shape() == Shape{2, 4});
}

TEST_CASE("loading is strict, lists everything that is wrong, and then changes nothing") {
  Sequential net = small_net();
  set_all(net);
  const std::vector<double> before = state_dict(net)[0].second.values();
  StateDict state;
  for (const auto& [name, tensor] : state_dict(net)) state.emplace_back(name, Tensor::zeros(tensor.shape()));
  state[0].first = "conv.weigth";
  state[6].second = Tensor::zeros({4, 9});
  CHECK_THROWS_WITH_AS(load_state_dict(net, state), doctest::Contains("missing     conv.weight"), StateDictError);
  CHECK_THROWS_WITH_AS(load_state_dict(net, state), doctest::Contains("unexpected  conv.weigth"), StateDictError);
  CHECK_THROWS_WITH_AS(load_state_dict(net, state), doctest::Contains("the model has [4, 8], the file [4, 9]"),
                       StateDictError);
  CHECK(state_dict(net)[0].second.values() == before);
}

TEST_CASE("a module can be moved without losing parts, hooks or gradients") {
  Sequential net = small_net();
  set_all(net);
  const std::vector<double> expected = [&] {
    net.eval();
    return net(image()).values();
  }();
  std::vector<Sequential> nets;
  nets.push_back(std::move(net));
  nets.emplace_back(small_net());
  CHECK(nets[0](image()).values() == expected);
}

TEST_CASE("hooks see a module's output and the gradient at it") {
  Sequential net = small_net();
  set_all(net);
  Shape seen, gradient;
  net[0].on_output([&](Module& module, const Tensor& y) {
    CHECK(module.type() == "Conv2d");
    CHECK(current_module() == "conv");
    seen = y.shape();
  });
  net[0].on_gradient([&](Module&, const Tensor& dy) { gradient = dy.shape(); });
  backward(net(image()), Tensor::full({2, 4}, 1));
  CHECK(seen == Shape{2, 8, 5, 5});
  CHECK(gradient == Shape{2, 8, 5, 5});
}

TEST_CASE("a gradient hook is given the module where it is by then, and is not called once it is gone") {
  const Module* seen = nullptr;
  const auto hooked = [&] {
    Sequential net = small_net();
    set_all(net);
    net.on_gradient([&](Module& module, const Tensor&) { seen = &module; });
    return net;
  };
  Sequential made = hooked();
  const Tensor y = made(image());
  const Sequential moved = std::move(made);
  backward(y, Tensor::full({2, 4}, 1));
  CHECK(seen == &moved);

  seen = nullptr;
  Tensor left;
  {
    Sequential net = hooked();
    left = net(image());
  }
  backward(left, Tensor::full({2, 4}, 1));
  CHECK(seen == nullptr);
}

TEST_CASE("frozen parameters get no gradient, the others do") {
  Sequential net = small_net();
  set_all(net);
  const std::size_t all = parameters(net).size();
  CHECK(set_requires_grad(net, "bn.*", false) == 2);
  CHECK(set_requires_grad(net, "conv.*", false) == 1);
  CHECK(parameters(net).size() == all - 3);
  backward(net(image()), Tensor::full({2, 4}, 1));
  for (const NamedParameter& p : named_parameters(net)) CHECK(p.tensor->grad().defined() == p.name.starts_with("fc."));
}

TEST_CASE("after an EvalScope every module is in its own mode again") {
  Sequential net(Conv2d(3, 4, {.kernel = 1}), BatchNorm2d(4), Sequential(BatchNorm2d(4), BatchNorm2d(4)));
  const std::vector<NamedModule> all = named_modules(net);
  all[2].module->eval();           // a frozen norm in a net that trains
  all[3].module->train(false);     // a frozen part,
  all.back().module->train(true);  // of which one norm trains
  std::vector<bool> before, after;
  for (const NamedModule& entry : all) before.push_back(entry.module->training());
  {
    const EvalScope scope(net);
    for (const NamedModule& entry : all) CHECK_FALSE(entry.module->training());
  }
  for (const NamedModule& entry : all) after.push_back(entry.module->training());
  CHECK(before == after);
  CHECK(before == std::vector<bool>{true, true, false, false, false, true});
}

TEST_CASE("summary() lists every module with its own parameters and options, and the totals") {
  Sequential net;
  net.add("stem", Conv2d(3, 8, {.kernel = 3, .groups = 1}));
  net.add("tail", Sequential(ReLU(), Linear(8, 10)));
  set_requires_grad(net, "stem.*", false);
  const std::string page = summary(net);
  CAPTURE(page);
  CHECK(page.find("  stem  Conv2d               224  " + Conv2d(3, 8, {.kernel = 3}).describe() + "\n") != page.npos);
  CHECK(page.find("    1   Linear                90  8 → 10\n") != page.npos);
  CHECK(page.find("    0   ReLU\n") != page.npos);
  CHECK(page.ends_with("314 parameters, 90 of them trained\n"));
}

TEST_CASE("a network converted to f64 computes in f64") {
  Sequential net = small_net();
  set_all(net);
  to(net, DType::f64);
  CHECK(net(image().as(DType::f64)).dtype() == DType::f64);
  for (const NamedParameter& p : named_parameters(net)) CHECK(p.tensor->requires_grad());
}

TEST_CASE("dropout depends on seed, step and path only, keeps the mean, and rests in evaluation") {
  Dropout layer(0.25);
  const Tensor x = Tensor::full({100, 100}, 1);
  CHECK_THROWS_AS(layer(x), NumericError);
  const auto at = [&](std::uint64_t seed, std::uint64_t step) {
    const DropoutScope scope(seed, step);
    return layer(x).values();
  };
  CHECK(at(1, 2) == at(1, 2));
  CHECK(at(1, 2) != at(1, 3));
  CHECK(at(1, 2) != at(2, 2));
  double sum = 0;
  for (double v : at(1, 2)) sum += v;
  CHECK(sum / 10000 == doctest::Approx(1).epsilon(0.03));
  layer.eval();
  CHECK(layer(x).values() == x.values());
}

TEST_CASE("a part that stands in two places is refused with both names") {
  class Twice final : public Module {
   public:
    Tensor forward(const Tensor& x) override { return x; }
    void visit(ModuleVisitor& v) override {
      v.child("a", part);
      v.child("b", part);
    }
    std::string_view type() const override { return "Twice"; }
    Identity part;
  } twice;
  CHECK_THROWS_WITH_AS(named_modules(twice), doctest::Contains("'a' is met again as 'b'"), StateDictError);
}

TEST_CASE("globs") {
  CHECK(matches_glob("stage_1.bn.weight", "stage_?.*weight"));
  CHECK(matches_glob("abcabc", "*abc"));
  CHECK_FALSE(matches_glob("abcab", "*abc"));
  CHECK(matches_glob("", "*"));
  CHECK_FALSE(matches_glob("a", ""));
}
