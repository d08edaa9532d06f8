#include "core/ops/arguments.h"

#include <algorithm>

namespace fanin {

void check_floating(std::string_view op, const Tensor& x) {
  check(x.defined(), op, ": the input is an undefined tensor");
  check<DTypeError>(is_floating(x.dtype()), op, ": expected f32, f64 or bf16, got ", x.dtype());
}

int wrap_dim(std::string_view op, int dim, int rank) {
  check(-rank <= dim && dim < rank, op, ": a tensor of ", rank, " dimensions has no dimension ", dim);
  return dim < 0 ? dim + rank : dim;
}

bool all_within(Dim low, std::initializer_list<Dim> values) {
  return std::ranges::all_of(values, [=](Dim value) { return value >= low && value < Dim{1} << 31; });
}

}  // namespace fanin
