#pragma once

#include "layers/module.h"

namespace fanin {

/// The seed and step that Dropout layers draw from until the end of the scope. Their masks are a function of (seed,
/// step, path of the layer): the same whatever the number of threads, and after a resume.
class DropoutScope final {
 public:
  DropoutScope(std::uint64_t seed, std::uint64_t step);
  ~DropoutScope();
  DropoutScope(const DropoutScope&) = delete;
  DropoutScope& operator=(const DropoutScope&) = delete;

 private:
  friend class Dropout;
  std::uint64_t seed_;
  std::uint64_t step_;
  const DropoutScope* outer_;
};

/// dropout() in training, x itself in evaluation. Any shape. In training it needs a DropoutScope and throws
/// NumericError without one.
class Dropout final : public Module {
 public:
  explicit Dropout(double p = 0.5);
  Tensor forward(const Tensor& x) override;
  void visit(ModuleVisitor&) override {}
  std::string_view type() const override { return "Dropout"; }
  std::string describe() const override { return text("p ", p_); }

 private:
  double p_;
};

}  // namespace fanin
