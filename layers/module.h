#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/io/state_dict.h"
#include "core/tensor.h"

namespace fanin {

class Module;

/// What a module says about itself. Override what you want to hear.
class ModuleVisitor {
 public:
  virtual ~ModuleVisitor() = default;
  virtual void parameter(std::string_view /*name*/, Tensor& /*tensor*/) {}  // trained
  virtual void buffer(std::string_view /*name*/, Tensor& /*tensor*/) {}     // saved, not trained: running statistics
  virtual void child(std::string_view /*name*/, Module& /*module*/) {}
};

/// How a layer's `weight` connects its inputs to its outputs, beyond what the weight's shape says: for fans.
struct WeightUse {
  Dim groups = 1;
  bool transposed = false;  // [in, out / groups, …] rather than [out, in / groups, …]
};

/// A differentiable function with named parts. Movable, not copyable: two models never share weights by accident; to
/// copy one, build another and load_state_dict(). A class is either abstract or final.
///
/// A new layer supplies forward(), visit() and type(); nothing is registered, and a module knows neither its name nor
/// its path: paths come from the walk that starts at the root.
class Module {
 public:
  using OutputHook = std::function<void(Module&, const Tensor& output)>;
  using GradientHook = std::function<void(Module&, const Tensor& gradient)>;

  Module() = default;
  virtual ~Module();
  Module(Module&& other) noexcept;
  Module& operator=(Module&& other) noexcept;
  Module(const Module&) = delete;
  Module& operator=(const Module&) = delete;

  virtual Tensor forward(const Tensor& x) = 0;
  /// Names every part to `v`, in definition order, each exactly once: the order of the state dict.
  virtual void visit(ModuleVisitor& v) = 0;
  /// The class's name, "Conv2d": what selectors on the command line match.
  virtual std::string_view type() const = 0;
  /// The parts in the order in which PyTorch's constructor of this module makes them, where it is another one than
  /// visit()'s. Constructors draw default weights, so that initialisers need it to draw PyTorch's numbers.
  virtual void visit_as_built(ModuleVisitor& v) { visit(v); }
  virtual WeightUse weight_use() const { return {}; }
  /// Options worth printing in a summary: "64, 128, kernel 3x3, groups 8".
  virtual std::string describe() const { return {}; }

  /// forward(), with the module's path known to errors and traces, and its hooks run.
  Tensor operator()(const Tensor& x);

  /// Training or evaluation mode, for this module and everything below it.
  void train(bool on = true);
  void eval() { train(false); }
  bool training() const { return training_; }

  /// Calls `hook` with every output of this module, or with the gradient at its output, wherever the module is by
  /// then; not if it is gone. Hooks stay until cleared; one may add and clear hooks, from the next call on.
  void on_output(OutputHook hook) { output_hooks_.push_back(std::move(hook)); }
  void on_gradient(GradientHook hook) { gradient_hooks_.push_back(std::move(hook)); }
  void clear_hooks();

 protected:
  /// Runs `body` as operator() runs forward(): for layers that offer a fused form beside forward().
  Tensor call(const Tensor& x, const std::function<Tensor(const Tensor&)>& body);

 private:
  bool training_ = true;
  std::vector<OutputHook> output_hooks_;
  std::vector<GradientHook> gradient_hooks_;
  std::shared_ptr<Module*> place_;  // where this module is, for gradient hooks on their way: null once it is gone
};

struct NamedModule {
  std::string path;  // "" for the root
  Module* module;
};

struct NamedParameter {
  std::string name;  // "stage_1.stage_1_bottleneck_0.conv_conv.weight"
  Tensor* tensor;
  Module* owner;
};

/// All modules, parents first, in definition order.
std::vector<NamedModule> named_modules(Module& root);
std::vector<NamedParameter> named_parameters(Module& root);
std::vector<NamedParameter> named_buffers(Module& root);
/// The parameters that want gradients, by name: what an optimiser takes. Handles that share bytes and gradients.
StateDict parameters(Module& root);
/// Sum of the parameters' elements.
Dim parameter_count(Module& root);

/// Evaluation mode within the scope; every module goes back to its own mode afterwards.
class EvalScope final {
 public:
  explicit EvalScope(Module& root);
  ~EvalScope();
  EvalScope(const EvalScope&) = delete;
  EvalScope& operator=(const EvalScope&) = delete;

 private:
  std::vector<std::pair<Module*, bool>> modes_;
};

/// Parameters and buffers in the order visit() names them, as PyTorch lists them. Shares the bytes: not a snapshot.
StateDict state_dict(Module& root);
/// Copies the values in by name, converting dtypes (but not fractions to whole numbers). Throws StateDictError that
/// lists every name that is missing, unexpected, misshapen or given twice; then nothing has been changed.
void load_state_dict(Module& root, const StateDict& state);

/// Converts every floating parameter and buffer: to(net, DType::f64) before checking gradients.
void to(Module& root, DType dtype);
/// Parameters whose name matches the glob ("stage_1.*") get gradients, or no longer do and forget theirs. Returns how
/// many matched.
int set_requires_grad(Module& root, std::string_view glob, bool on);
/// Throws UnsetError naming every parameter that no rule and no file has set.
void check_all_set(Module& root);
/// Clears the gradients of all parameters.
void zero_grad(Module& root);

/// Whether `text` matches `glob`, in which * stands for any characters (dots included) and ? for one.
bool matches_glob(std::string_view text, std::string_view glob);

}  // namespace fanin
