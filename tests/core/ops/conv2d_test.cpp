#include "core/ops/conv2d/conv2d.h"

#include <doctest/doctest.h>

#include "core/backend.h"

using namespace fanin;

TEST_CASE("a convolution writes its result over an addend that nobody else holds, and over no other") {
  for (const Backend backend : {Backend::automatic, Backend::reference}) {
    CAPTURE(name_of(backend));
    const BackendScope scope(backend);
    const Tensor x = Tensor::full({1, 16, 2, 2}, 1);
    const Tensor weight = Tensor::full({16, 16, 1, 1}, 1);
    Tensor addend = conv2d(x, weight);  // 16, in the layout the kernel writes
    const Tensor kept = addend;
    CHECK(conv2d(x, weight, {}, {}, addend).values().front() == 32);
    CHECK(conv2d(x, weight, {}, {}, std::move(addend)).values().front() == 32);
    CHECK(kept.values().front() == 16);
    Tensor own = conv2d(x, weight);
    const std::byte* const bytes = own.raw_bytes();
    const Tensor y = conv2d(x, weight, {}, {.relu = true}, std::move(own));
    CHECK(y.values().front() == 32);
    const bool fused = backend == Backend::automatic && !y.layout().is_plain();
    CHECK((y.raw_bytes() == bytes) == fused);
  }
}
