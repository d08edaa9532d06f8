#include "tools/flops.h"

#include <algorithm>

namespace fanin {

double flops(const TraceEntry& entry) {
  const auto output = static_cast<double>(entry.output.shape.numel());
  if (entry.op.name.starts_with("conv") && entry.inputs.size() > 1)
    return 2 * output * static_cast<double>(entry.inputs[1].shape.numel_from(1));
  if ((entry.op.name == "linear" || entry.op.name == "matmul") && !entry.inputs.empty())
    return 2 * output * static_cast<double>(entry.inputs[0].shape[entry.inputs[0].shape.rank() - 1]);
  double largest = output;
  for (const TraceEntry::Value& input : entry.inputs)
    largest = std::max(largest, static_cast<double>(input.shape.numel()));
  return entry.op.name == "reshape" ? 0 : largest;
}

double product_flops(const TraceEntry& entry) {
  const std::string_view name = entry.op.name;
  if (!(name.starts_with("conv") || name == "linear" || name == "matmul") || entry.inputs.size() < 2) return 0;
  const int backwards = (entry.inputs[0].requires_grad ? 1 : 0) + (entry.inputs[1].requires_grad ? 1 : 0);
  return flops(entry) * (entry.backward_seconds > 0 ? 1 + backwards : 1);
}

double least_bytes(const TraceEntry& entry) {
  const bool norm = entry.op.name == "batch_norm2d";
  const bool with_addend = norm && entry.inputs.size() > 3;
  const double forward = with_addend || entry.op.name == "add_relu" ? 3 : norm ? 2 : 0;
  const double backward = with_addend ? 5 : forward > 0 ? 3 : 0;
  const double passes = forward + (entry.backward_seconds > 0 ? backward : 0);
  return passes * static_cast<double>(entry.output.shape.numel()) * static_cast<double>(size_of(entry.output.dtype));
}

}  // namespace fanin
