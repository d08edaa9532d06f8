#include "core/ops/dropout.h"

#include <cmath>

#include "core/threads.h"
#include "tests/core/ops/expect.h"

using namespace fanin;

TEST_CASE("dropout drops the share p and scales the rest") {
  const Dim count = 100'000;
  const Tensor y = dropout(Tensor::full({count}, 3), 0.25, Stream(5));
  Dim dropped = 0;
  for (float v : y.data<float>()) {
    REQUIRE((v == 0 || v == 4));
    dropped += v == 0 ? 1 : 0;
  }
  const double deviation = std::sqrt(0.25 * 0.75 * static_cast<double>(count));
  CHECK(std::abs(static_cast<double>(dropped) - 0.25 * static_cast<double>(count)) < 4 * deviation);
}

TEST_CASE("dropout's element i is decided by word i of the stream, whatever layout, dtype and threads") {
  const Shape shape{2, 5, 31, 33};
  const double p = 0.5;
  Stream stream(1, 2, 3);
  std::vector<double> expected;
  for (Dim i = 0; i < shape.numel(); ++i) expected.push_back(stream.bits() < 0x80000000U ? 0 : 2);
  const int outer = threads();
  for (const int count : {1, 2, 3}) {
    set_threads(count);
    for (const DType dtype : {DType::f32, DType::f64, DType::bf16}) {
      const Tensor x = Tensor::full(shape, 1, dtype);
      CHECK(dropout(x, p, Stream(1, 2, 3)).values() == expected);
      CHECK(dropout(x.to({8}), p, Stream(1, 2, 3)).values() == expected);
    }
  }
  set_threads(outer);
}

TEST_CASE("dropout's gradient goes through the mask of the forward pass") {
  const Tensor x = leaf(std::vector<double>(50, 1), {50});
  const Tensor y = dropout(x, 0.3, Stream(9));
  backward(y, Tensor::full({50}, 1, DType::f64));
  CHECK(x.grad().values() == y.values());
}

TEST_CASE("Stream::discard leaps over as many words as bits() would take") {
  for (const std::uint64_t words : {0, 1, 3, 4, 5, 8, 1001}) {
    Stream walked(3, 1);
    Stream leapt(3, 1);
    CHECK(walked.bits() == leapt.bits());
    for (std::uint64_t i = 0; i < words; ++i) walked.bits();
    leapt.discard(words);
    CHECK(walked.bits() == leapt.bits());
  }
}

TEST_CASE("Stream::bits fills with the words that as many calls would give, from any place") {
  for (const std::size_t skipped : {0, 1, 4, 7})
    for (const std::size_t count : {0, 1, 5, 63, 64, 65, 200}) {
      Stream one(3, 1);
      Stream many(3, 1);
      one.discard(skipped);
      for (std::size_t i = 0; i < skipped; ++i) many.bits();
      std::vector<std::uint32_t> expected(count), words(count);
      for (std::uint32_t& word : expected) word = one.bits();
      many.bits(words);
      CHECK(words == expected);
      CHECK(many.bits() == one.bits());
    }
  Stream far(3, 1);  // blocks whose counter passes 2³²
  far.discard(((std::uint64_t{1} << 32) - 2) * 4);
  Stream again = far;
  std::vector<std::uint32_t> words(64);
  far.bits(words);
  for (const std::uint32_t word : words) CHECK(word == again.bits());
}
