#pragma once

#include "core/ops/activations.h"
#include "core/ops/softmax.h"
#include "layers/module.h"

namespace fanin {

// The activation functions of core/ops/activations.h as layers, under PyTorch's names and with its defaults. None has
// parameters; all take any shape. ReLU has a file of its own.

/// x where x > 0, else negative_slope · x.
class LeakyReLU final : public Module {
 public:
  explicit LeakyReLU(double negative_slope = 0.01) : negative_slope_(negative_slope) {}
  Tensor forward(const Tensor& x) override { return leaky_relu(x, negative_slope_); }
  void visit(ModuleVisitor&) override {}
  std::string_view type() const override { return "LeakyReLU"; }
  std::string describe() const override { return text("negative_slope ", negative_slope_); }
  /// For the gain of an initialiser.
  double negative_slope() const { return negative_slope_; }

 private:
  double negative_slope_;
};

/// x where x > 0, else alpha · (eˣ − 1).
class ELU final : public Module {
 public:
  explicit ELU(double alpha = 1) : alpha_(alpha) {}
  Tensor forward(const Tensor& x) override { return elu(x, alpha_); }
  void visit(ModuleVisitor&) override {}
  std::string_view type() const override { return "ELU"; }
  std::string describe() const override { return text("alpha ", alpha_); }

 private:
  double alpha_;
};

/// selu(): the self-normalising unit.
class SELU final : public Module {
 public:
  Tensor forward(const Tensor& x) override { return selu(x); }
  void visit(ModuleVisitor&) override {}
  std::string_view type() const override { return "SELU"; }
};

/// x · Φ(x), by the error function or in the tanh form.
class GELU final : public Module {
 public:
  explicit GELU(GeluForm form = GeluForm::erf) : form_(form) {}
  Tensor forward(const Tensor& x) override { return gelu(x, form_); }
  void visit(ModuleVisitor&) override {}
  std::string_view type() const override { return "GELU"; }
  std::string describe() const override { return form_ == GeluForm::tanh ? "tanh form" : ""; }

 private:
  GeluForm form_;
};

/// x · sigmoid(x).
class SiLU final : public Module {
 public:
  Tensor forward(const Tensor& x) override { return silu(x); }
  void visit(ModuleVisitor&) override {}
  std::string_view type() const override { return "SiLU"; }
};

/// 1 / (1 + e⁻ˣ).
class Sigmoid final : public Module {
 public:
  Tensor forward(const Tensor& x) override { return sigmoid(x); }
  void visit(ModuleVisitor&) override {}
  std::string_view type() const override { return "Sigmoid"; }
};

/// tanh(x).
class Tanh final : public Module {
 public:
  Tensor forward(const Tensor& x) override { return tanh(x); }
  void visit(ModuleVisitor&) override {}
  std::string_view type() const override { return "Tanh"; }
};

/// softmax() along one dimension. A loss on logits, cross_entropy(), wants none in front of it.
class Softmax final : public Module {
 public:
  explicit Softmax(int dim = 1) : dim_(dim) {}
  Tensor forward(const Tensor& x) override { return softmax(x, dim_); }
  void visit(ModuleVisitor&) override {}
  std::string_view type() const override { return "Softmax"; }
  std::string describe() const override { return text("dim ", dim_); }

 private:
  int dim_;
};

}  // namespace fanin
