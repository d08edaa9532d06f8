#include "layers/dropout.h"

#include "core/ops/dropout.h"

namespace fanin {

namespace {

thread_local const DropoutScope* innermost = nullptr;

/// FNV-1a: the same on every machine, unlike std::hash.
std::uint64_t hash(std::string_view text) {
  std::uint64_t value = 0xcbf29ce484222325U;
  for (const char c : text) value = (value ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  return value;
}

}  // namespace

DropoutScope::DropoutScope(std::uint64_t seed, std::uint64_t step) : seed_(seed), step_(step), outer_(innermost) {
  innermost = this;
}
DropoutScope::~DropoutScope() { innermost = outer_; }

Dropout::Dropout(double p) : p_(p) { check<NumericError>(p >= 0 && p < 1, "Dropout: p must be in [0, 1), got ", p); }

Tensor Dropout::forward(const Tensor& x) {
  if (!training() || p_ == 0) return x;
  check<NumericError>(
      innermost != nullptr,
      "Dropout draws random numbers in training: open a DropoutScope scope(seed, step) around the step");
  return dropout(x, p_, Stream(innermost->seed_, innermost->step_, hash(current_module())));
}

}  // namespace fanin
