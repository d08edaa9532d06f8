#include <doctest/doctest.h>

#include "core/autograd.h"
#include "core/ops/cross_entropy.h"
#include "core/optim/sgd.h"
#include "core/random.h"
#include "core/storage.h"
#include "init/rules.h"
#include "models/resnext.h"

using namespace fanin;

namespace {

void train(CifarResNeXt& net, Sgd& sgd, Dim batch) {
  sgd.zero_grad();
  backward(cross_entropy(net(Tensor::full({batch, 3, 16, 16}, 0.5)), Tensor::zeros({batch}, DType::i64)));
  sgd.step();
}

}  // namespace

TEST_CASE("a thousand steps with batches of every size take no more memory than the first few of the largest") {
  CifarResNeXt net({.cardinality = 4, .depth = 11, .classes = 3, .base_width = 8, .widen_factor = 0.5});
  Generator generator(1);
  initialise(net, parse_rules("resnext"), generator);
  Sgd sgd(parameters(net), {.lr = 1e-3, .momentum = 0.9});
  constexpr Dim largest = 48;
  release_cached_memory();
  for (int i = 0; i < 3; ++i) train(net, sgd, largest);
  const MemoryUse first = memory_use();
  Stream stream(1);
  for (int i = 0; i < 1000; ++i) train(net, sgd, 1 + stream.below(largest));
  const MemoryUse last = memory_use();
  CHECK(last.live == first.live);
  CHECK(last.reserved <= first.reserved * 5 / 4);
}

TEST_CASE("a training in its steady state asks the system for nothing") {
  CifarResNeXt net({.cardinality = 4, .depth = 11, .classes = 3, .base_width = 8, .widen_factor = 0.5});
  Generator generator(1);
  initialise(net, parse_rules("resnext"), generator);
  Sgd sgd(parameters(net), {.lr = 1e-3, .momentum = 0.9});
  for (int i = 0; i < 3; ++i) train(net, sgd, 8);
  const std::size_t before = memory_use().allocations;
  for (int i = 0; i < 20; ++i) train(net, sgd, 8);
  CHECK(memory_use().allocations == before);
}
