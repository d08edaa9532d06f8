#include "tools/diagnose.h"

#include <algorithm>
#include <cmath>

#include "core/autograd.h"
#include "core/check.h"
#include "core/ops/cross_entropy.h"

namespace fanin {

namespace {

bool all_finite(const Tensor& tensor) {
  if (!is_floating(tensor.dtype())) return true;
  return dispatch(tensor.dtype(), [&]<class T>() {
    return std::ranges::all_of(tensor.raw<T>(),
                               [](T value) { return std::isfinite(static_cast<compute_t<T>>(value)); });
  });
}

}  // namespace

Diagnosis find_non_finite(Module& net, const Tensor& images, const Tensor& labels, double smoothing) {
  Diagnosis found;
  for (const NamedParameter& parameter : named_parameters(net))
    if (found.parameter.empty() && !all_finite(*parameter.tensor)) found.parameter = parameter.name;
  if (!all_finite(images)) {
    found.words = "the batch's images are not finite already; look at the data and at --mean and --std";
    return found;
  }
  const NoGrad no_grad;
  const Trace trace([&](const TraceEntry& entry, const Tensor& output) {
    if (!found.op.empty() || all_finite(output)) return;
    found.op = entry.op.name;
    found.module = entry.module;
  });
  cross_entropy(net(images), labels, smoothing);
  if (found.op.empty())
    found.words = "run again, the batch gave finite numbers";
  else
    found.words = text("the first output that is not finite is that of ", found.op,
                       found.module.empty() ? "" : " in '" + found.module + "'");
  if (!found.parameter.empty())
    found.words += text("; parameter '", found.parameter, "' was not finite any more after an earlier step");
  return found;
}

}  // namespace fanin
