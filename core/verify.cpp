#include "core/verify.h"

#include <algorithm>
#include <cmath>
#include <iomanip>

namespace fanin {

namespace {

thread_local VerifyScope* innermost = nullptr;

/// What rounding in another order makes of long sums, with room; a wrong kernel is further off.
double tolerance_of(DType dtype) { return dtype == DType::f64 ? 1e-10 : dtype == DType::f32 ? 2e-4 : 3e-2; }

/// Where element `place` in row-major order is.
Shape index_of(Dim place, const Shape& shape) {
  Shape index = shape;
  for (int i = shape.rank() - 1; i >= 0; --i) {
    index[i] = place % shape[i];
    place /= shape[i];
  }
  return index;
}

struct Differences {
  double worst = 0;
  Dim count = 0;  // above the tolerance
  Dim first = 0;
  double got = 0, expected = 0;  // at the first
};

Differences differences(const Tensor& got, const Tensor& expected, double allowed) {
  Differences found;
  dispatch(got.dtype(), [&]<class T>() {
    const T* p = got.data<T>().data();
    const T* q = expected.data<T>().data();
    for (Dim i = 0; i < got.numel(); ++i) {
      const auto a = static_cast<double>(p[i]);
      const auto b = static_cast<double>(q[i]);
      if (a == b || (std::isnan(a) && std::isnan(b))) continue;
      const double difference = std::abs(a - b);
      if (difference > found.worst) found.worst = difference;
      if (difference <= allowed) continue;
      if (found.count++ == 0) found.first = i, found.got = a, found.expected = b;
    }
  });
  return found;
}

}  // namespace

VerifyScope::VerifyScope() : outer_(innermost) { innermost = this; }
VerifyScope::~VerifyScope() { innermost = outer_; }

bool verifying() { return innermost != nullptr; }

double largest(const Tensor& tensor) {
  if (!tensor.defined()) return 0;
  return dispatch(tensor.dtype(), [&]<class T>() {
    double most = 0;
    for (const T value : tensor.raw<T>())
      if (const double size = std::abs(static_cast<double>(value)); std::isfinite(size)) most = std::max(most, size);
    return most;
  });
}

void Verification::compare(const std::vector<KernelResult>& got, const std::vector<KernelResult>& expected) const {
  for (std::size_t i = 0; i < expected.size(); ++i) compare(got[i], expected[i]);
}

void Verification::compare(const KernelResult& got, const KernelResult& expected) const {
  const Tensor& a = got.value;
  const Tensor& b = expected.value;
  check<MismatchError>(a.shape() == b.shape() && a.dtype() == b.dtype(), op_, ": the ", got.name, " of kernel ",
                       name_of(kernel_), " is ", a.dtype(), a.shape(), ", the reference's ", b.dtype(), b.shape());
  const double scale = std::max(largest(b), expected.size);
  const DType precision = expected.operands.value_or(a.dtype());
  const double tolerance = tolerance_of(precision);
  const Differences found = differences(a.plain(), b.plain(), tolerance * scale);
  double& worst = innermost->compared_[text(op_, " ", name_of(kernel_), " ", precision, ": ", got.name)];
  if (found.worst > 0) worst = std::max(worst, found.worst / scale);
  if (found.count == 0) return;
  std::string inputs;
  for (const Tensor* input : inputs_)
    if (input->defined()) inputs += (inputs.empty() ? "" : ", ") + text(input->dtype(), input->shape());
  fail<MismatchError>(op_, ": kernel ", name_of(kernel_), " differs from the reference in the ", got.name, ": element ",
                      index_of(found.first, a.shape()), " of ", a.dtype(), a.shape(), " is ",
                      std::setprecision(a.dtype() == DType::f64 ? 17 : 9), found.got, ", the reference has ",
                      found.expected, std::setprecision(6), " (", found.count, " of ", a.numel(),
                      " elements differ by more than ", tolerance, " times ", scale, "; inputs ", inputs,
                      "); --backend reference does without this kernel");
}

}  // namespace fanin
