#include "core/autocast.h"

namespace fanin {

namespace {
thread_local bool on_now = false;
}

Autocast::Autocast(bool on) : outer_(on_now) { on_now = on; }
Autocast::~Autocast() { on_now = outer_; }

bool autocast_enabled() { return on_now; }

bool wants_bf16(const Tensor& a, const Tensor& b) {
  const auto is = [&](DType dtype) { return a.dtype() == dtype || b.dtype() == dtype; };
  return on_now && is(DType::f32) && (a.dtype() == b.dtype() || is(DType::bf16));
}

}  // namespace fanin
