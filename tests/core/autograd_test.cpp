#include "core/autograd.h"

#include <doctest/doctest.h>
#include <pthread.h>

#include <cmath>
#include <thread>

#include "core/ops/add.h"
#include "core/ops/arithmetic.h"
#include "core/ops/batch_norm2d/batch_norm2d.h"
#include "core/ops/conv2d/conv2d.h"
#include "core/ops/reduce.h"
#include "core/ops/relu.h"
#include "core/ops/unary.h"

using namespace fanin;

namespace {
Tensor leaf(double value) {
  Tensor x = Tensor::full({2}, value, DType::f64);
  return x.requires_grad_();
}
const Tensor ones = Tensor::full({2}, 1, DType::f64);
}  // namespace

TEST_CASE("a diamond adds the gradients of both ways") {
  const Tensor x = leaf(3);
  const Tensor a = relu(x);
  backward(add(add(a, a), relu(a)), ones);
  CHECK(x.grad().values() == std::vector<double>{3, 3});
}

TEST_CASE("a gradient comes as two summands to those who ask, and as one sum to all others, however many there are") {
  Tensor x = Tensor::full({2}, 1).requires_grad_();
  for (const int users : {1, 2, 3, 4}) {
    x.set_grad({});
    bool two = false;
    const Tensor asks = record({"asks"}, x, {x}, [&](Incoming dy, Needs) -> Tensors {
      two = dy.more.defined();
      return {std::move(dy)};
    });
    const Tensor does_not = record({"does_not"}, x, {x}, [](const Tensor& dy, Needs) -> Tensors { return {dy}; });
    Tensor y = add(asks, does_not);
    for (int i = 1; i < users; ++i) y = add(y, mul(add(asks, does_not), Tensor::full({2}, 10)));
    backward(sum(y));
    CHECK(two == (users > 1));
    CHECK(x.grad().values() == std::vector<double>(2, 2 * (1 + 10 * (users - 1))));
  }
}

TEST_CASE("gradients of leaves accumulate over backward passes") {
  const Tensor x = leaf(3);
  for (int i = 0; i < 3; ++i) backward(relu(x), ones);
  CHECK(x.grad().values() == std::vector<double>{3, 3});
}

TEST_CASE("two leaves never share the bytes of their gradients") {
  const Tensor x = leaf(1);
  const Tensor y = leaf(2);
  backward(add(x, y), ones);
  Tensor g = x.grad();
  g.fill_(7);
  CHECK(y.grad().values() == std::vector<double>{1, 1});
  CHECK(ones.values() == std::vector<double>{1, 1});
}

TEST_CASE("a write to a saved tensor is caught") {
  const Tensor x = leaf(3);
  Tensor y = relu(x);
  y.fill_(0);
  CHECK_THROWS_WITH_AS(backward(y, ones), doctest::Contains("saved for backward"), NumericError);
}

TEST_CASE("a second backward through the same graph is refused") {
  const Tensor x = leaf(3);
  const Tensor y = relu(x);
  backward(y, ones);
  CHECK_THROWS_WITH_AS(backward(y, ones), doctest::Contains("second time"), NumericError);
}

TEST_CASE("a gradient of another shape or dtype than the output is refused before anything runs") {
  const Tensor x = leaf(3);
  const Tensor y = relu(x);
  CHECK_THROWS_WITH_AS(backward(y, Tensor::full({3}, 1, DType::f64)), doctest::Contains("[3]"), ShapeError);
  CHECK_THROWS_WITH_AS(backward(y, Tensor::full({2}, 1)), doctest::Contains("f32"), DTypeError);
  CHECK_THROWS_WITH_AS(backward(y), doctest::Contains("second argument"), ShapeError);
  backward(y, ones);
  CHECK(x.grad().values() == std::vector<double>{1, 1});
}

TEST_CASE("under NoGrad nothing is recorded, but a trace still sees it") {
  const Tensor x = leaf(3);
  const NoGrad off;
  const Trace trace;
  CHECK_FALSE(relu(x).requires_grad());
  REQUIRE(trace.entries().size() == 1);
  CHECK(trace.entries()[0].op.name == "relu");
}

TEST_CASE("a trace links outputs to inputs, knows the module, and times the backward") {
  const Tensor x = leaf(3);
  const Trace trace;
  {
    const ModuleScope scope("stage.relu");
    backward(add(relu(x), x), ones);
  }
  REQUIRE(trace.entries().size() == 2);
  CHECK(trace.entries()[0].module == "stage.relu");
  CHECK(trace.entries()[1].inputs[0].id == trace.entries()[0].output.id);
  CHECK(trace.entries()[0].backward_seconds > 0);
}

TEST_CASE("a trace knows when what it times began, and sees every change of layout") {
  const Tensor x = Tensor::zeros({1, 16, 2, 2}).requires_grad_();
  const Trace trace;
  const double before = Trace::now();
  const Tensor y = relu(x.to(Layout::channel_blocked(8)));
  y.to(y.layout());  // nothing to do
  {
    const Trace inner;
    x.to(Layout::channel_blocked(16));
    CHECK(inner.reorders().size() == 1);
  }
  {
    const ModuleScope scope("pool");
    backward(y, Tensor::zeros(y.shape()));  // plain: relu brings it into y's layout
  }
  REQUIRE(trace.entries().size() == 1);
  const TraceEntry& entry = trace.entries()[0];
  CHECK(entry.inputs[0].requires_grad);
  CHECK(entry.forward_start <= before);
  CHECK(entry.forward_start + entry.forward_seconds <= entry.backward_start);
  CHECK(entry.backward_start + entry.backward_seconds <= Trace::now());
  REQUIRE(trace.reorders().size() == 2);
  const TraceReorder& first = trace.reorders()[0];
  CHECK(first.from == Layout::plain());
  CHECK(first.to == Layout::channel_blocked(8));
  CHECK(first.shape == x.shape());
  CHECK_FALSE(first.in_backward);
  CHECK(first.start >= before);
  CHECK(trace.reorders()[1].in_backward);
  CHECK(trace.reorders()[1].start >= entry.backward_start);
}

TEST_CASE("saved tensors are freed as soon as their node has run") {
  const Tensor x = Tensor::zeros({1 << 20}).requires_grad_();
  const std::size_t before = memory_use().live;
  Tensor y = relu(relu(relu(x)));
  backward(y, Tensor::full({1 << 20}, 1));
  x.meta()->grad = Tensor();
  CHECK(memory_use().live <= before + (std::size_t{4} << 20) * 9 / 8);  // only y is left, though its graph still stands
}

TEST_CASE("a chain of a million operations runs backward and is freed under a small stack") {
  const auto run = [](void*) -> void* {
    const Tensor x = leaf(1);
    Tensor y = x;
    for (int i = 0; i < 1'000'000; ++i) y = add(y, x);
    backward(y, ones);
    CHECK(x.grad().values()[0] == 1'000'001);
    Tensor unused = x;
    for (int i = 0; i < 1'000'000; ++i) unused = add(unused, x);
    return nullptr;
  };
  pthread_attr_t small;
  REQUIRE(pthread_attr_init(&small) == 0);
  REQUIRE(pthread_attr_setstacksize(&small, std::size_t{512} << 10) == 0);
  pthread_t thread{};
  REQUIRE(pthread_create(&thread, &small, run, nullptr) == 0);
  pthread_join(thread, nullptr);
  pthread_attr_destroy(&small);
}

TEST_CASE("a graph may be made in one thread, continued in another and run backward in a third") {
  const Tensor x = leaf(1);
  Tensor y;
  std::thread([&] {
    for (int i = 0; i < 100; ++i) y = relu(x);
  }).join();
  std::thread([&] { y = add(relu(y), y); }).join();  // a fresh thread's nodes must come after those it builds on
  std::thread([&] { backward(y, ones); }).join();
  CHECK(x.grad().values() == std::vector<double>{2, 2});
}

TEST_CASE("results do not keep their own graph alive") {
  const Tensor x = leaf(1);
  std::weak_ptr<GraphMeta> record;
  {
    const Tensor y = relu(x);  // its closure holds the output
    record = y.meta();
  }
  CHECK(record.expired());
}

TEST_CASE("a backward that returns a gradient of the wrong shape or dtype is told so") {
  const Tensor x = leaf(1);
  const auto broken = [&](const Tensor& gradient) {
    return record({"broken"}, x.clone(), {x}, [=](const Tensor&, Needs) -> Tensors { return {gradient}; });
  };
  CHECK_THROWS_WITH_AS(backward(broken(Tensor::zeros({3}, DType::f64)), ones), doctest::Contains("broken"),
                       NumericError);
  CHECK_THROWS_WITH_AS(backward(broken(Tensor::zeros({2})), ones), doctest::Contains("f32[2]"), NumericError);
  CHECK_THROWS_WITH_AS(backward(broken({}), ones), doctest::Contains("left out"), NumericError);
}

namespace {

/// Gradients of x, the norm's weight and bias, and the convolution's weight; `through` stands between norm and
/// convolution.
template <class Through>
std::vector<Tensor> conv_after_norm(DType dtype, Layout layout, bool training, const Through& through) {
  Tensor x = Tensor::empty({3, 16, 5, 5}, DType::f32);
  for (std::size_t i = 0; i < x.data<float>().size(); ++i)
    x.mutable_data<float>()[i] = static_cast<float>(std::sin(3.7 * static_cast<double>(i)));
  x = x.as(dtype).to(layout);
  x.requires_grad_();
  Tensor weight = Tensor::full({16}, 1.3).requires_grad_(), bias = Tensor::full({16}, 0.1).requires_grad_();
  Tensor mean = Tensor::full({16}, 0.2), variance = Tensor::full({16}, 0.7);
  Tensor filter = Tensor::full({4, 16, 3, 3}, 0.25, dtype).requires_grad_();
  const Tensor y = batch_norm2d(x, weight, bias, mean, variance, {.training = training, .relu = true});
  backward(sum(conv2d(through(y), filter, {}, {.padding = 1})));
  return {x.grad(), weight.grad(), bias.grad(), filter.grad()};
}

}  // namespace

TEST_CASE("an output made again in backward gives the gradients of the saved one, bit for bit") {
  const auto saved = [](const Tensor& y) {  // has no remake of its own
    return record({"saved"}, y, {y}, [](const Tensor& dy, Needs) -> Tensors { return {dy}; });
  };
  const auto remade = [](const Tensor& y) { return y; };
  for (const DType dtype : {DType::f32, DType::bf16})
    for (const Layout layout : {Layout::plain(), Layout::channel_blocked(16), Layout::channel_blocked(8)})
      for (const bool training : {true, false}) {
        const auto a = conv_after_norm(dtype, layout, training, saved);
        const auto b = conv_after_norm(dtype, layout, training, remade);
        for (std::size_t i = 0; i < a.size(); ++i) CHECK(a[i].values() == b[i].values());
      }
}

TEST_CASE("a convolution behind batch norm keeps no bytes of its input, and finds out what was written since") {
  Tensor x = Tensor::zeros({8, 16, 64, 64}, DType::f32, Layout::channel_blocked(16)).requires_grad_();
  Tensor weight = Tensor::full({16}, 1).requires_grad_(), bias = Tensor::zeros({16}).requires_grad_();
  Tensor mean = Tensor::zeros({16}), variance = Tensor::full({16}, 1);
  const Tensor filter = Tensor::full({16, 16, 1, 1}, 1).requires_grad_();
  const std::size_t before = memory_use().live;
  const auto run = [&] { return conv2d(batch_norm2d(x, weight, bias, mean, variance), filter, {}); };
  Tensor y = run();
  CHECK(memory_use().live < before + x.bytes() * 5 / 4);  // y; the norm's output would be as much again
  backward(sum(y));
  y = run();
  bias.fill_(1);
  CHECK_THROWS_WITH_AS(backward(sum(y)), doctest::Contains("saved for backward"), NumericError);
}

TEST_CASE("what is made again is kept for the operator's own backward where that reads it, and only there") {
  const Layout blocked = Layout::channel_blocked(16);
  Tensor x = Tensor::zeros({2, 16, 3, 3}, DType::f32, blocked).requires_grad_();
  Tensor weight = Tensor::full({16}, 1), bias = Tensor::zeros({16}), mean = bias.clone(), variance = weight.clone();
  for (const bool adds : {true, false}) {
    const Tensor addend = adds ? Tensor::zeros(x.shape(), DType::f32, blocked) : Tensor();
    const Tensor y = batch_norm2d(x, weight, bias, mean, variance, {.relu = true}, addend);
    REQUIRE(has_remake(y));
    const Saved saved(y);
    const Tensor first = saved.get();
    CHECK((saved.get().storage() == first.storage()) == adds);
    CHECK(first.storage().use_count() == (adds ? 2 : 1));
    backward(sum(y));
    CHECK(first.unique());
  }
}

TEST_CASE("no remake stands for bytes that were written since, or for a copy in another layout") {
  Tensor x = Tensor::empty({2, 21, 4, 4});
  for (std::size_t i = 0; i < x.data<float>().size(); ++i)
    x.mutable_data<float>()[i] = static_cast<float>(std::sin(3.7 * static_cast<double>(i)));
  x = x.to(Layout::channel_blocked(16));
  Tensor weight = Tensor::full({21}, 1.3).requires_grad_(), bias = Tensor::full({21}, 5).requires_grad_();
  Tensor mean = Tensor::zeros({21}), variance = Tensor::full({21}, 1);
  const auto filter = [] { return Tensor::full({4, 21, 3, 3}, 0.25).requires_grad_(); };
  Tensor y = batch_norm2d(x, weight, bias, mean, variance, {.training = true});
  CHECK(has_remake(y));
  CHECK(has_remake(Tensor(y)));
  CHECK_FALSE(has_remake(y.plain()));
  // Behind log, which is no function of the padding lanes' zeros.
  x.requires_grad_();
  backward(sum(fanin::log(batch_norm2d(x, weight, bias, mean, variance, {.training = true}))));
  for (const double g : x.grad().values()) CHECK(std::isfinite(g));
  for (const float g : x.grad().raw<float>()) CHECK(std::isfinite(g));  // the padding lanes, too

  y.mutable_raw<float>()[3] = 40;
  CHECK_FALSE(has_remake(y));
  Tensor through = filter(), alone = filter();
  backward(sum(conv2d(y, through, {}, {.padding = 1})));
  backward(sum(conv2d(y.detach().clone(), alone, {}, {.padding = 1})));
  CHECK(through.grad().values() == alone.grad().values());
}

TEST_CASE("what a remake holds is freed once its node has run, though its output lives on") {
  Tensor weight = Tensor::full({16}, 1).requires_grad_(), bias = Tensor::zeros({16}).requires_grad_();
  Tensor mean = Tensor::zeros({16}), variance = Tensor::full({16}, 1);
  std::weak_ptr<Storage> input;
  Tensor y;
  {
    const Tensor x = Tensor::full({2, 16, 4, 4}, 1);
    input = x.storage();
    y = batch_norm2d(x, weight, bias, mean, variance);
  }
  CHECK_FALSE(input.expired());
  backward(sum(y));
  CHECK(input.expired());
}
