#include <doctest/doctest.h>

#include "core/autocast.h"
#include "core/autograd.h"
#include "core/backend.h"
#include "core/ops/cross_entropy.h"
#include "init/rules.h"
#include "models/resnext.h"

// Layouts are carried through: what a residual block is given, it hands on.

using namespace fanin;

namespace {

/// Traces a training step of a narrow net; groups of 8, 16 and 32 channels.
void check_no_reorder_in_blocks(Backend backend) {
  CifarResNeXt net({.cardinality = 4, .depth = 20, .classes = 3, .base_width = 8, .widen_factor = 0.5});
  Generator generator(1);
  initialise(net, parse_rules("resnext"), generator);
  const Tensor images = Tensor::full({2, 3, 16, 16}, 0.5);
  const BackendScope scope(backend);
  const Trace trace;
  backward(cross_entropy(net(images), Tensor::zeros({2}, DType::i64)));

  bool blocked = false;
  for (const TraceEntry& entry : trace.entries()) blocked = blocked || !entry.output.layout.is_plain();
  for (const TraceEntry& entry : trace.entries()) {
    if (entry.op.name != "conv2d" || !blocked) continue;
    CAPTURE(entry.module);
    CHECK_FALSE(entry.output.layout.is_plain());
  }
  bool around_the_pool = false;
  for (const TraceReorder& reorder : trace.reorders()) {
    INFO(reorder.module, ": ", reorder.shape, ' ', reorder.from, " to ", reorder.to);
    const bool stem = reorder.shape == images.shape();
    const bool pooled = reorder.shape.rank() == 4 && reorder.shape[2] == 1 && reorder.shape[3] == 1;
    CHECK((stem || pooled));
    CHECK_FALSE(reorder.module.starts_with("stage_"));
    around_the_pool = around_the_pool || pooled;
  }
  CHECK(around_the_pool == blocked);  // the classifier reads plain features: the trace does see reorders
  if (backend == Backend::onednn)
    for (const TraceEntry& entry : trace.entries())
      if (entry.op.kernel == "onednn" && entry.op.name == "conv2d") CHECK(blocked);
}

}  // namespace

TEST_CASE("a training step reorders activations only at the stem's input and around the global pool") {
  for (const Backend backend : {Backend::automatic, Backend::onednn})
    for (const bool mixed : {false, true}) {
      if (mixed && !multiplies_bf16()) continue;
      CAPTURE(backend);
      CAPTURE(mixed);
      const Autocast autocast(mixed);
      check_no_reorder_in_blocks(backend);
    }
}
