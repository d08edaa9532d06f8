#include "layers/fold_batch_norm.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <functional>
#include <limits>
#include <map>

#include "core/autocast.h"
#include "core/autograd.h"
#include "core/backend.h"
#include "core/ops/add.h"
#include "core/ops/pool2d/pool2d.h"
#include "core/ops/relu.h"
#include "layers/activations.h"
#include "layers/layers.h"
#include "models/models.h"
#include "tests/golden/golden.h"

using namespace fanin;

namespace {

struct Case {
  std::string model;
  ModelArguments arguments;
  Shape images;
};

const std::vector<Case> all{
    {"resnext", {{"depth", "11"}, {"cardinality", "4"}, {"base_width", "5"}, {"widen_factor", "0.5"}}, {3, 3, 16, 12}},
    {"resnext50-32x4d", {{"classes", "5"}}, {1, 3, 64, 64}},
    {"resnet18", {{"width", "9"}}, {3, 3, 17, 12}},
    {"lenet", {}, {3, 1, 28, 28}},
    {"mlp", {{"depth", "1"}, {"width", "20"}}, {3, 1, 28, 28}},
    {"plain", {{"depth", "5"}, {"width", "13"}}, {3, 3, 14, 11}},
    {"plain", {{"depth", "4"}, {"width", "10"}, {"norm", "none"}}, {3, 3, 10, 13}},
};

/// With statistics and biases that are neither 0 nor 1, in evaluation mode.
std::unique_ptr<Module> filled(const Case& one, DType dtype) {
  auto net = choose_model(one.model, one.arguments).build();
  to(*net, dtype);
  golden::fill(*net);
  net->eval();
  return net;
}

Shape image_of(const Shape& images) { return {images[1], images[2], images[3]}; }

std::vector<std::string> executed(Module& net, const Tensor& x) {
  const NoGrad no_grad;
  const Trace trace;
  net(x);
  std::vector<std::string> names;
  for (const TraceEntry& entry : trace.entries()) names.emplace_back(entry.op.name);
  return names;
}

}  // namespace

TEST_CASE("a folded network computes what the network computes in evaluation") {
  for (const Case& one : all) {
    CAPTURE(one.model);
    for (const DType dtype : {DType::f64, DType::f32}) {
      CAPTURE(dtype);
      const auto net = filled(one, dtype);
      const auto folded = fold_batch_norm(*net, image_of(one.images), dtype);
      REQUIRE(folded);
      const Tensor x = golden::noise("input", one.images).as(dtype);
      const Tensor expected = (*net)(x);
      for (int again = 0; again < 2; ++again)  // nothing of the first run is left in weights or images
        CHECK(golden::relative_difference((*folded)(x), expected) < (dtype == DType::f64 ? 1e-12 : 1e-5));
    }
  }
}

TEST_CASE("a network folded in bf16 follows the f32 one to its precision, on the reference and as fast as it goes") {
  for (const Case& one : all) {
    if (one.model == "resnext50-32x4d") continue;  // the reference takes long
    CAPTURE(one.model);
    const auto net = filled(one, DType::f32);
    const auto folded = fold_batch_norm(*net, image_of(one.images), DType::bf16);
    REQUIRE(folded);
    const Tensor x = golden::noise("input", one.images).as(DType::f32);
    for (const Backend backend : {Backend::reference, Backend::automatic}) {
      const BackendScope scope(backend);
      const Tensor y = (*folded)(x);
      CHECK(y.dtype() == DType::bf16);
      CHECK(golden::relative_difference(y, (*net)(x)) < 5e-2);
    }
  }
}

TEST_CASE("of a residual network nothing is left but convolutions, the mean and the classifier") {
  const auto net = filled(all[0], DType::f32);
  const auto folded = fold_batch_norm(*net, {3, 16, 12});
  REQUIRE(folded);
  std::vector<std::string> names = executed(*folded, Tensor::zeros({1, 3, 16, 12}));
  CHECK(std::ranges::count(names, "conv2d") == 1 + 3 * 3 + 3);  // stem, three blocks, their projections
  std::erase(names, "conv2d");
  CHECK(names == std::vector<std::string>{"adaptive_avg_pool2d", "reshape", "linear"});
  for (const auto& [name, tensor] : state_dict(*folded)) {
    CHECK(name.find("running") == std::string::npos);
    CHECK(name.find("bn") == std::string::npos);
    CHECK_FALSE(tensor.requires_grad());
  }
  CHECK(state_dict(*folded)[0].first == "conv_1_3x3.weight");
  CHECK(state_dict(*folded)[1].first == "conv_1_3x3.bias");
}

namespace {

/// A residual block: `shortcut` gives the addend, from the block's input.
class Block final : public Module {
 public:
  using Shortcut = std::function<Tensor(const Tensor&)>;
  explicit Block(Shortcut shortcut) : shortcut_(std::move(shortcut)) {}
  Tensor forward(const Tensor& x) override {
    const Tensor h = conv(x);
    return bn.then_add_relu(h, shortcut_(x));
  }
  void visit(ModuleVisitor& v) override {
    v.child("conv", conv);
    v.child("bn", bn);
  }
  std::string_view type() const override { return "Block"; }
  Conv2d conv{4, 4, {.kernel = 3, .padding = 1}};
  BatchNorm2d bn{4};

 private:
  Shortcut shortcut_;
};

}  // namespace

TEST_CASE("a block's tail is folded whatever its shortcut is") {
  const std::map<std::string, Block::Shortcut> shortcuts{
      {"identity", [](const Tensor& x) { return x; }},
      {"twice itself", [](const Tensor& x) { return add(x, x); }},
      {"pool", [](const Tensor& x) { return avg_pool2d(x, {.kernel = 3, .stride = 1, .padding = 1}); }},
      {"relu", [](const Tensor& x) { return relu(x); }}};
  for (const auto& [name, shortcut] : shortcuts) {
    CAPTURE(name);
    Block net(shortcut);
    golden::fill(net);
    net.eval();
    const auto folded = fold_batch_norm(net, {4, 6, 5});
    REQUIRE(folded);
    const Tensor x = golden::noise("input", {2, 4, 6, 5}).as(DType::f32);
    const NoGrad no_grad;
    CHECK(golden::relative_difference((*folded)(x), net(x)) < 1e-5);
    CHECK_FALSE(std::ranges::count(executed(*folded, x), "batch_norm2d"));
  }
}

TEST_CASE("folding copies: the network keeps its mode and weights, the folded one its own") {
  const auto net = filled(all[0], DType::f32);
  const Tensor x = golden::noise("input", {1, 3, 16, 12}).as(DType::f32);
  const Tensor before = (*net)(x);
  net->train();
  const auto folded = fold_batch_norm(*net, {3, 16, 12});
  CHECK(net->training());
  net->eval();
  CHECK(golden::largest_difference((*net)(x), before) == 0);
  for (const NamedParameter& parameter : named_parameters(*net)) parameter.tensor->detach().fill_(0);
  CHECK(golden::relative_difference((*folded)(x), before) < 1e-5);
}

TEST_CASE("an Autocast scope around folding changes nothing") {
  const auto net = filled(all[0], DType::f32);
  const Autocast autocast;
  CHECK(fold_batch_norm(*net, {3, 16, 12}) != nullptr);
}

TEST_CASE("what cannot be folded is left to the network itself") {
  const auto fold = [](Sequential net) {
    golden::fill(net);
    return fold_batch_norm(net, {4, 6, 6});
  };
  CHECK(fold(Sequential(Conv2d(4, 5), BatchNorm2d(5), ReLU())));
  CHECK_FALSE(fold(Sequential(BatchNorm2d(4), Conv2d(4, 5))));             // nothing in front
  CHECK_FALSE(fold(Sequential(Conv2d(4, 5), ReLU(), BatchNorm2d(5))));     // a ReLU between
  CHECK_FALSE(fold(Sequential(Conv2d(4, 5), BatchNorm2d(5), Sigmoid())));  // not known
  CHECK(fold(Sequential(Conv2d(4, 5), ReLU(), Conv2d(5, 4), ReLU(), MaxPool2d({.kernel = 2}))));
  Sequential net(Conv2d(4, 5), ReLU());
  golden::fill(net);
  static_cast<Conv2d&>(net[0]).weight.detach().mutable_data<float>()[0] = std::numeric_limits<float>::quiet_NaN();
  CHECK_FALSE(fold_batch_norm(net, {4, 6, 6}));
  CHECK_THROWS_WITH_AS(fold_batch_norm(net, {1, 4, 6, 6}), doctest::Contains("[C, H, W]"), ShapeError);
}
