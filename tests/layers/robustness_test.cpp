#include <doctest/doctest.h>

#include <algorithm>
#include <array>

#include "core/autograd.h"
#include "core/ops/add.h"
#include "core/ops/relu.h"
#include "layers/layers.h"

// What users do to modules besides calling them: share, move, freeze, convert, hook, and throw in the middle.

using namespace fanin;

namespace {

/// y = x + weight, or an exception.
class Shift final : public Module {
 public:
  explicit Shift(double value = 0) { weight.fill_(value); }
  Tensor forward(const Tensor& x) override {
    seen_path = std::string(current_module());
    check<NumericError>(!throws, "forward was told to fail");
    return add(x, weight);
  }
  void visit(ModuleVisitor& v) override { v.parameter("weight", weight); }
  std::string_view type() const override { return "Shift"; }

  Tensor weight = Tensor::zeros({2}).requires_grad_();
  bool throws = false;
  std::string seen_path;
};

/// Two in a row.
class Pair final : public Module {
 public:
  Tensor forward(const Tensor& x) override { return second(relu(first(x))); }
  void visit(ModuleVisitor& v) override {
    v.child("first", first);
    v.child("second", second);
  }
  std::string_view type() const override { return "Pair"; }

  Shift first{1}, second{2};
};

class Tower final : public Module {
 public:
  Tensor forward(const Tensor& x) override { return right(left(x)); }
  void visit(ModuleVisitor& v) override {
    v.child("left", left);
    v.child("right", right);
  }
  std::string_view type() const override { return "Tower"; }

  Pair left, right;
};

/// Lists one part under two names.
class Twins final : public Module {
 public:
  Tensor forward(const Tensor& x) override { return one(one(x)); }
  void visit(ModuleVisitor& v) override {
    v.child("one", one);
    v.child("other", one);
  }
  std::string_view type() const override { return "Twins"; }

  Shift one;
};

const Tensor ones = Tensor::full({2}, 1);

}  // namespace

TEST_CASE("paths are those of the walk, and none is left behind") {
  Tower tower;
  tower(ones);
  CHECK(tower.left.second.seen_path == "left.second");
  CHECK(tower.right.first.seen_path == "right.first");
  CHECK(current_module().empty());
  tower.right(ones);  // called alone, a part is a root of its own
  CHECK(tower.right.first.seen_path == "first");
}

TEST_CASE("an exception in the middle leaves no scope behind, and the network works afterwards") {
  Tower tower;
  tower.right.first.throws = true;
  CHECK_THROWS_WITH_AS(tower(ones), doctest::Contains("'right.first'"), NumericError);
  CHECK(current_module().empty());
  CHECK(grad_enabled());
  tower.right.first.throws = false;
  const Tensor y = tower(ones);
  CHECK(tower.right.first.seen_path == "right.first");
  CHECK(y.values() == std::vector<double>{7, 7});
  backward(y, ones);
  CHECK(tower.left.first.weight.grad().values() == std::vector<double>{1, 1});
}

TEST_CASE("modules can be moved, also after they ran") {
  std::vector<Tower> towers;
  for (int i = 0; i < 5; ++i) {
    towers.emplace_back();
    towers.front()(ones);
  }
  const Tensor y = towers[0](ones);
  backward(y, ones);
  CHECK(towers[0].left.first.weight.grad().defined());
  CHECK_FALSE(towers[1].left.first.weight.grad().defined());
  CHECK(towers[0].left.second.seen_path == "left.second");
}

TEST_CASE("a part listed twice is refused with both names") {
  Twins twins;
  CHECK_THROWS_WITH_AS(state_dict(twins), doctest::Contains("one"), StateDictError);
  CHECK_THROWS_WITH_AS(state_dict(twins), doctest::Contains("other"), StateDictError);
}

TEST_CASE("hooks may add and clear hooks while they run") {
  Shift shift;
  int calls = 0;
  for (int i = 0; i < 3; ++i)
    shift.on_output([&](Module& m, const Tensor&) {
      ++calls;
      for (int k = 0; k < 20; ++k) m.on_output([&](Module&, const Tensor&) { calls += 100; });
    });
  shift(ones);
  CHECK(calls == 3);  // those added meanwhile begin with the next call
  shift.clear_hooks();
  int cleared = 0;
  shift.on_output([&](Module& m, const Tensor&) {
    ++cleared;
    m.clear_hooks();
  });
  shift(ones);
  shift(ones);
  CHECK(cleared == 1);
}

TEST_CASE("gradient hooks see the gradient at the output, once for each use, and only where there is one") {
  Pair pair;
  std::vector<double> seen;
  pair.first.on_gradient([&](Module&, const Tensor& g) { seen.push_back(g.values()[0]); });
  const Tensor both = add(pair(ones), pair(ones));
  backward(both, Tensor::full({2}, 3));
  CHECK(seen == std::vector<double>{3, 3});
  seen.clear();
  {
    const NoGrad off;
    pair(ones);
  }
  CHECK(seen.empty());
}

TEST_CASE("a hook that throws leaves the network usable") {
  Tower tower;
  tower.left.on_output([](Module&, const Tensor&) { fail<NumericError>("hook"); });
  CHECK_THROWS_AS(tower(ones), NumericError);
  CHECK(current_module().empty());
  tower.left.clear_hooks();
  tower(ones);
  tower.left.on_gradient([](Module&, const Tensor&) { fail<NumericError>("hook"); });
  CHECK_THROWS_AS(backward(tower(ones), ones), NumericError);
  CHECK(current_module().empty());
  CHECK(grad_enabled());
}

TEST_CASE("freezing by name takes gradients and memory away, and can be undone") {
  Tower tower;
  backward(tower(ones), ones);
  CHECK(set_requires_grad(tower, "left.*", false) == 2);
  CHECK_FALSE(tower.left.first.weight.grad().defined());  // or an optimiser would go on with the old one
  zero_grad(tower);
  backward(tower(ones), ones);
  CHECK_FALSE(tower.left.first.weight.grad().defined());
  CHECK(tower.right.first.weight.grad().defined());
  CHECK(set_requires_grad(tower, "*", true) == 4);
  backward(tower(ones), ones);
  CHECK(tower.left.first.weight.grad().defined());
}

TEST_CASE("freezing between forward and backward takes effect at once") {
  Pair pair;
  const Tensor y = pair(ones);
  set_requires_grad(pair, "first.*", false);
  backward(y, ones);
  CHECK_FALSE(pair.first.weight.grad().defined());
  CHECK(pair.second.weight.grad().defined());
}

TEST_CASE("converting keeps values, what is frozen and what is unset") {
  Tower tower;
  set_requires_grad(tower, "left.first.weight", false);
  tower.right.second.weight = Tensor::unset({2}).requires_grad_();
  to(tower, DType::f64);
  CHECK(tower.left.first.weight.dtype() == DType::f64);
  CHECK_FALSE(tower.left.first.weight.requires_grad());
  CHECK(tower.left.second.weight.requires_grad());
  CHECK(tower.left.second.weight.values() == std::vector<double>{2, 2});
  CHECK_FALSE(tower.right.second.weight.is_set());
  CHECK_THROWS_WITH_AS(check_all_set(tower), doctest::Contains("right.second.weight"), UnsetError);
}

TEST_CASE("a state dict loads into itself, into another dtype, and not at all if anything is wrong") {
  Tower from;
  Tower into;
  from.left.first.weight.fill_(9);
  load_state_dict(from, state_dict(from));
  CHECK(from.left.first.weight.values() == std::vector<double>{9, 9});
  to(into, DType::f64);
  load_state_dict(into, state_dict(from));
  CHECK(into.left.first.weight.dtype() == DType::f64);
  CHECK(into.left.first.weight.values() == std::vector<double>{9, 9});

  from.left.first.weight.fill_(5);
  StateDict wrong = state_dict(from);
  wrong[1].first = "left.sceond.weight";
  wrong[2].second = Tensor::zeros({3});
  try {
    load_state_dict(into, wrong);
    FAIL("a wrong state dict was loaded");
  } catch (const StateDictError& error) {
    const std::string message = error.what();
    for (const char* name : {"left.second.weight", "left.sceond.weight", "right.first.weight", "[3]"})
      CHECK(message.find(name) != std::string::npos);
  }
  CHECK(into.left.first.weight.values() == std::vector<double>{9, 9});
  StateDict twice = state_dict(from);
  twice.push_back(twice.front());
  CHECK_THROWS_WITH_AS(load_state_dict(into, twice), doctest::Contains("left.first.weight"), StateDictError);
  StateDict unset = state_dict(from);
  unset[3].second = Tensor::unset({2});
  CHECK_THROWS_AS(load_state_dict(into, unset), Error);
  CHECK(into.left.first.weight.values() == std::vector<double>{9, 9});
}

TEST_CASE("a state dict shares the bytes: it is not a snapshot") {
  Pair pair;
  const StateDict shared = state_dict(pair);
  pair.first.weight.fill_(4);
  CHECK(shared[0].second.values() == std::vector<double>{4, 4});
}

TEST_CASE("what an optimiser is given are handles of what is not frozen") {
  Tower tower;
  set_requires_grad(tower, "left.*", false);
  const StateDict trained = parameters(tower);
  REQUIRE(trained.size() == 2);
  CHECK(trained[0].first == "right.first.weight");
  backward(tower(ones), ones);
  CHECK(trained[0].second.grad().defined());
}

TEST_CASE("an unset parameter is named by the layer that reads it, whichever layer that is") {
  Sequential net(Conv2d(2, 3), BatchNorm2d(3), Flatten(), Linear(3, 2));
  const Tensor x = Tensor::zeros({2, 2, 1, 1});
  CHECK_THROWS_WITH_AS(net(x), doctest::Contains("'0'"), UnsetError);
  apply(net, [](Conv2d& conv) { conv.weight.fill_(1), conv.bias.fill_(0); });
  CHECK_THROWS_WITH_AS(net(x), doctest::Contains("'1'"), UnsetError);
  apply(net, [](BatchNorm2d& norm) { norm.weight.fill_(1), norm.bias.fill_(0); });
  CHECK_THROWS_WITH_AS(net(x), doctest::Contains("'3'"), UnsetError);
  apply(net, [](Linear& linear) { linear.weight.fill_(1), linear.bias.fill_(0); });
  CHECK(net(x).shape() == Shape{2, 2});
}

TEST_CASE("training mode reaches every part") {
  Tower tower;
  tower.eval();
  CHECK_FALSE(tower.right.second.training());
  tower.left.train();
  CHECK(tower.left.second.training());
  CHECK_FALSE(tower.right.second.training());
}

TEST_CASE("globs match as documented, and fast whatever the pattern") {
  CHECK(matches_glob("stage_1.bn.weight", "stage_1.*"));
  CHECK(matches_glob("stage_1.bn.weight", "*.bn.*"));
  CHECK(matches_glob("stage_1", "stage_?"));
  CHECK(matches_glob("", "*"));
  CHECK(matches_glob("", ""));
  CHECK(matches_glob("abc", "***c"));
  CHECK_FALSE(matches_glob("abc", "ab"));
  CHECK_FALSE(matches_glob("abc", "abc?"));
  CHECK_FALSE(matches_glob("", "?"));
  CHECK_FALSE(matches_glob("stage_10", "stage_?"));
  std::string pattern;
  for (int i = 0; i < 500; ++i) pattern += "*a";  // exponential for a naive matcher
  CHECK_FALSE(matches_glob(std::string(2000, 'a'), pattern + "b"));
}
