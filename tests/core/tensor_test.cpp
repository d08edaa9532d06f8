#include "core/tensor.h"

#include <doctest/doctest.h>

#include <cmath>

using namespace fanin;

TEST_CASE("a blocked tensor holds the same elements, and zeros in its padding lanes") {
  for (const Dim C : {1, 3, 8, 16, 21})
    for (const Dim block : {8, 16, 21}) {
      const Shape shape{2, C, 3, 5};
      std::vector<float> values(static_cast<std::size_t>(shape.numel()));
      for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(i + 1);
      const Tensor x = Tensor::from(values, shape);
      const Tensor blocked = x.to({block});
      CHECK(blocked.plain().values() == x.values());
      double sum = 0;
      for (float v : blocked.raw<float>()) sum += v;
      CHECK(sum == static_cast<double>(shape.numel() * (shape.numel() + 1) / 2));
      CHECK(blocked.to({8}).to({1}).values() == x.values());
    }
}

TEST_CASE("bf16 rounds to nearest, ties to even, and keeps NaN and infinity") {
  CHECK(static_cast<float>(bfloat16(1.00390625F)) == 1.0F);       // halfway, down to even
  CHECK(static_cast<float>(bfloat16(1.01171875F)) == 1.015625F);  // halfway, up to even
  CHECK(static_cast<float>(bfloat16(3.4e38F)) == INFINITY);
  CHECK(std::isnan(static_cast<float>(bfloat16(NAN))));
}

TEST_CASE("an unset parameter says so when read, and is set by its first write") {
  Tensor weight = Tensor::unset({2, 2});
  CHECK_FALSE(weight.is_set());
  CHECK_THROWS_AS((void)weight.data<float>(), UnsetError);
  weight.fill_(1);
  CHECK(weight.values() == std::vector<double>{1, 1, 1, 1});
}

TEST_CASE("copying from an unset tensor is refused, and does not count as setting the target") {
  Tensor target = Tensor::unset({4});
  CHECK_THROWS_AS(target.copy_(Tensor::unset({4})), UnsetError);
  CHECK_FALSE(target.is_set());
}

TEST_CASE("copying a tensor onto itself changes nothing") {
  Tensor x = Tensor::from(std::vector<float>{1, 2, 3}, {3});
  x.copy_(x);
  CHECK(x.values() == std::vector<double>{1, 2, 3});
}

TEST_CASE("sizes whose product cannot be counted are refused") {
  constexpr Dim large = Dim{1} << 32;
  CHECK_THROWS_WITH_AS(Tensor::empty({large, large}), doctest::Contains("can be counted"), ShapeError);
  CHECK_THROWS_WITH_AS(Tensor::unset({large, large, 0}), doctest::Contains("can be counted"), ShapeError);
}

TEST_CASE("a frozen tensor may be asked to forget its gradient, and takes none") {
  Tensor x = Tensor::zeros({2}).requires_grad_();
  x.set_grad(Tensor::zeros({2}));
  x.requires_grad_(false);
  CHECK_THROWS_AS(x.set_grad(Tensor::zeros({2})), NumericError);
  x.set_grad({});
  CHECK_FALSE(x.grad().defined());
  Tensor never = Tensor::zeros({2});
  never.set_grad({});
}

TEST_CASE("reading with the wrong type or layout is refused") {
  const Tensor x = Tensor::zeros({1, 16, 2, 2}, DType::f32, Layout::channel_blocked(16));
  CHECK_THROWS_AS((void)x.raw<double>(), DTypeError);
  CHECK_THROWS_AS((void)x.data<float>(), ShapeError);
}

TEST_CASE("freed blocks are used again") {
  { const Tensor warm = Tensor::empty({1000, 1000}); }
  const std::size_t before = memory_use().allocations;
  for (int i = 0; i < 10; ++i) const Tensor x = Tensor::empty({1000, 1000});
  CHECK(memory_use().allocations == before);
}

TEST_CASE("what freed tensors leave is joined: tensors of other sizes fit, and nothing more is taken") {
  release_cached_memory();
  { const Tensor whole = Tensor::empty({64 << 18}); }
  {
    Tensors pieces;
    for (int i = 0; i < 64; ++i) pieces.push_back(Tensor::empty({1 << 18}));
  }
  const MemoryUse before = memory_use();
  for (Dim count = 1; count < 64; count += 5) {
    const Tensor a = Tensor::empty({count << 18});
    const Tensor b = Tensor::empty({(63 - count) << 18});
  }
  CHECK(memory_use().reserved == before.reserved);
  CHECK(memory_use().allocations == before.allocations);
  release_cached_memory();
  CHECK(memory_use().reserved + (std::size_t{63} << 20) <= before.reserved);
}

TEST_CASE("shapes that a caller or a file got wrong are refused before they are counted") {
  CHECK_THROWS_WITH_AS((Shape{2, -1}), doctest::Contains("negative"), ShapeError);
  CHECK_THROWS_WITH_AS((Shape{1, 1, 1, 1, 1, 1, 1}), doctest::Contains("at most 6"), ShapeError);
  constexpr Dim large = Dim{1} << 40;
  CHECK_THROWS_WITH_AS((Shape{large, large}), doctest::Contains("can be counted"), ShapeError);
  Shape changed{2, 3};
  changed[1] = -3;
  CHECK_THROWS_WITH_AS(Tensor::zeros(changed), doctest::Contains("negative"), ShapeError);
}

TEST_CASE("layouts that fit no tensor are refused") {
  CHECK_THROWS_WITH_AS(Tensor::empty({2, 3}, DType::f32, {0}), doctest::Contains("blocks of 0"), ShapeError);
  CHECK_THROWS_WITH_AS(Tensor::empty({2, 3}, DType::f32, {-8}), doctest::Contains("blocks of -8"), ShapeError);
  CHECK_THROWS_WITH_AS(Tensor::empty({2, 3}, DType::f32, {Dim{1} << 40}), doctest::Contains("blocks of"), ShapeError);
  CHECK_THROWS_WITH_AS((void)Tensor::zeros({2}).to({8}), doctest::Contains("no channels"), ShapeError);
  CHECK(Layout::channels_last({2, 0, 3}).is_plain());
}

TEST_CASE("tensors without elements go through every conversion") {
  for (const Shape& shape : {Shape{0, 3, 2, 2}, Shape{2, 0, 2, 2}, Shape{2, 3, 0, 2}}) {
    const Tensor x = Tensor::zeros(shape);
    CHECK(x.to({8}).plain().to({16}).values().empty());
    CHECK(x.as(DType::bf16).as(DType::i64).numel() == 0);
    CHECK(x.clone().view({0}).values().empty());
    Tensor target = Tensor::empty(shape, DType::f64, {8});
    target.copy_(x);
    target.plain().fill_(1);
  }
}

TEST_CASE("whole numbers cut fractions off and stay within their range") {
  const Tensor x = Tensor::from(std::vector<double>{2.9, -2.9, 300, -1e30, 1e30, NAN, INFINITY}, {7});
  constexpr double end = 0x1p63;
  CHECK(x.as(DType::u8).values() == std::vector<double>{2, 0, 255, 0, 255, 0, 255});
  CHECK(x.as(DType::i64).values() == std::vector<double>{2, -2, 300, -end, end, 0, end});
  CHECK(x.as(DType::bf16).as(DType::u8).values() == std::vector<double>{2, 0, 255, 0, 255, 0, 255});
  CHECK(Tensor::full({1}, -5, DType::i64).as(DType::u8).item() == 0);
  CHECK(Tensor::full({1}, 1e10, DType::u8).item() == 255);
}

TEST_CASE("an undefined tensor is copied as such, and has no gradient") {
  CHECK_FALSE(Tensor().clone().defined());
  CHECK_THROWS_AS(Tensor().requires_grad_(), ShapeError);
  CHECK_THROWS_AS((void)Tensor().values(), ShapeError);
  Tensor x = Tensor::zeros({2}).requires_grad_();
  CHECK_THROWS_AS(x.set_grad(Tensor::zeros({2}, DType::f64)), DTypeError);
}
