#pragma once

#include <initializer_list>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/backend.h"
#include "core/tensor.h"

namespace fanin {

/// A kernel computed something else than the reference.
class MismatchError final : public Error {
 public:
  using Error::Error;
};

/// Within the scope every operator on this thread that has several kernels runs the reference, the plain loops, beside
/// the kernel it chose: forward, and for each gradient. The kernel's results are what goes on, so that a training under
/// the scope is the same to the bit; it is as slow as the reference.
///
/// Throws MismatchError at the first element, in row-major order, of which does not hold
///
///   |kernel − reference| ≤ t · s,    t = 1e-10 in f64, 2e-4 in f32, 3e-2 in bf16
///                                    s = largest |reference| of that result, at least the size of what a sum that
///                                        may cancel adds up
///
/// and names module, operator, kernel, result, element, both values and the shapes. What has but one kernel is not
/// looked at. Scopes nest; the innermost one keeps the account.
class VerifyScope final {
 public:
  VerifyScope();
  ~VerifyScope();
  VerifyScope(const VerifyScope&) = delete;
  VerifyScope& operator=(const VerifyScope&) = delete;

  /// What was compared so far, "conv2d onednn f32: gradient of input 1", with the largest |kernel − reference| / s.
  const std::map<std::string, double>& compared() const { return compared_; }

 private:
  friend class Verification;
  std::map<std::string, double> compared_;
  VerifyScope* outer_;
};
bool verifying();

/// One tensor of what a kernel gives.
struct KernelResult {
  std::string_view name;  // "output", "gradient of input 0"
  Tensor value;
  double size = 0;                     // of what is summed, where the sum may cancel: rounding is in proportion to that
  std::optional<DType> operands = {};  // where they are rounded more than the value: they decide what is allowed
};
/// Largest finite magnitude in a tensor; 0 for an undefined one.
double largest(const Tensor& tensor);

/// One comparison: for verified().
class Verification final {
 public:
  Verification(std::string_view op, Backend kernel, std::initializer_list<const Tensor*> inputs)
      : op_(op), kernel_(kernel), inputs_(inputs) {}
  /// Throws MismatchError as VerifyScope says.
  void compare(const std::vector<KernelResult>& got, const std::vector<KernelResult>& expected) const;

 private:
  void compare(const KernelResult& got, const KernelResult& expected) const;
  std::string_view op_;
  Backend kernel_;
  std::initializer_list<const Tensor*> inputs_;
};

/// run(chosen), for operator `op`; under a VerifyScope run(reference) first, and `list` names what is compared, as a
/// vector of KernelResult. `inputs` are for the message.
template <class Kernels, class Run, class List>
auto verified(std::string_view op, std::initializer_list<const Tensor*> inputs, const Kernels& chosen,
              const Kernels& reference, Run&& run, List&& list) {
  if (!verifying() || &chosen == &reference) [[likely]]
    return run(chosen);
  const auto expected = run(reference);
  auto got = run(chosen);
  Verification(op, chosen.backend, inputs).compare(list(got), list(expected));
  return got;
}

/// The same where run() gives one tensor, called `result`.
template <class Kernels, class Run>
Tensor verified(std::string_view op, std::initializer_list<const Tensor*> inputs, const Kernels& chosen,
                const Kernels& reference, Run&& run, const char* result) {
  return verified(op, inputs, chosen, reference, run, [=](const Tensor& value) {
    return std::vector<KernelResult>{{result, value}};
  });
}

}  // namespace fanin
