#include "layers/module.h"

#include <unordered_map>
#include <unordered_set>

#include "core/autograd.h"

namespace fanin {

namespace {

std::string join(std::string_view path, std::string_view name) {
  return path.empty() ? std::string(name) : text(path, '.', name);
}

/// Lists a tree, parents first.
class Walk final : public ModuleVisitor {
 public:
  explicit Walk(Module& root) { enter("", root); }

  void parameter(std::string_view name, Tensor& tensor) override {
    parameters.push_back({join(path_, name), &tensor, owner_});
  }
  void buffer(std::string_view name, Tensor& tensor) override {
    buffers.push_back({join(path_, name), &tensor, owner_});
  }
  void child(std::string_view name, Module& module) override { enter(join(path_, name), module); }

  std::vector<NamedModule> modules;
  std::vector<NamedParameter> parameters, buffers;

 private:
  void enter(std::string path, Module& module) {
    const auto [seen, is_new] = places_.emplace(&module, path);
    check<StateDictError>(is_new, "module '", seen->second, "' is met again as '", path,
                          "': every part belongs to one place");
    modules.push_back({path, &module});
    const std::string outer_path = std::exchange(path_, std::move(path));
    Module* const outer_owner = std::exchange(owner_, &module);
    module.visit(*this);
    path_ = outer_path;
    owner_ = outer_owner;
  }

  std::string path_;
  Module* owner_ = nullptr;
  std::unordered_map<const Module*, std::string> places_;
};

/// Parameters and buffers interleaved as visit() names them.
class StateWalk final : public ModuleVisitor {
 public:
  explicit StateWalk(Module& root) {
    named_modules(root);  // refuses a part that is listed twice
    root.visit(*this);
  }
  void parameter(std::string_view name, Tensor& tensor) override { entries.push_back({join(path_, name), &tensor}); }
  void buffer(std::string_view name, Tensor& tensor) override { entries.push_back({join(path_, name), &tensor}); }
  void child(std::string_view name, Module& module) override {
    const std::string outer = std::exchange(path_, join(path_, name));
    module.visit(*this);
    path_ = outer;
  }
  std::vector<std::pair<std::string, Tensor*>> entries;

 private:
  std::string path_;
};

using Paths = std::unordered_map<const Module*, std::string>;

/// Where each module of the tree now running stands; set by the outermost call.
thread_local const Paths* running = nullptr;

class PathsScope final {
 public:
  explicit PathsScope(Module& root) : outer_(running) {
    for (NamedModule& entry : named_modules(root)) paths_.emplace(entry.module, std::move(entry.path));
    running = &paths_;
  }
  ~PathsScope() { running = outer_; }
  PathsScope(const PathsScope&) = delete;
  PathsScope& operator=(const PathsScope&) = delete;

 private:
  Paths paths_;
  const Paths* outer_;
};

}  // namespace

Tensor Module::operator()(const Tensor& x) {
  return call(x, [this](const Tensor& in) { return forward(in); });
}

Tensor Module::call(const Tensor& x, const std::function<Tensor(const Tensor&)>& body) {
  if (running == nullptr || !running->contains(this)) {
    const PathsScope scope(*this);
    return call(x, body);
  }
  const ModuleScope scope(running->at(this));
  Tensor y = body(x);
  for (const OutputHook& hook : std::vector(output_hooks_)) hook(*this, y);  // a hook may add and clear hooks
  if (gradient_hooks_.empty() || !y.requires_grad()) return y;
  if (!place_) place_ = std::make_shared<Module*>(this);
  const auto run = [place = place_, hooks = gradient_hooks_](const Tensor& dy, Needs) -> Tensors {
    for (const GradientHook& hook : hooks)
      if (*place != nullptr) hook(**place, dy);
    return {dy};
  };
  return record({"gradient_hook"}, y, {y}, run);
}

Module::~Module() {
  if (place_) *place_ = nullptr;
}

Module::Module(Module&& other) noexcept { *this = std::move(other); }

Module& Module::operator=(Module&& other) noexcept {
  if (this == &other) return *this;
  if (place_) *place_ = nullptr;
  training_ = other.training_;
  output_hooks_ = std::move(other.output_hooks_);
  gradient_hooks_ = std::move(other.gradient_hooks_);
  place_ = std::move(other.place_);
  if (place_) *place_ = this;
  return *this;
}

void Module::train(bool on) {
  for (const NamedModule& entry : named_modules(*this)) entry.module->training_ = on;
}

void Module::clear_hooks() {
  output_hooks_.clear();
  gradient_hooks_.clear();
}

std::vector<NamedModule> named_modules(Module& root) { return Walk(root).modules; }
std::vector<NamedParameter> named_parameters(Module& root) { return Walk(root).parameters; }
std::vector<NamedParameter> named_buffers(Module& root) { return Walk(root).buffers; }

EvalScope::EvalScope(Module& root) {
  for (const NamedModule& entry : named_modules(root)) modes_.emplace_back(entry.module, entry.module->training());
  root.eval();
}

EvalScope::~EvalScope() {
  for (const auto& [module, training] : modes_) module->train(training);  // parents first: children have the last word
}

StateDict parameters(Module& root) {
  StateDict result;
  for (const NamedParameter& entry : named_parameters(root))
    if (entry.tensor->requires_grad()) result.emplace_back(entry.name, *entry.tensor);
  return result;
}

Dim parameter_count(Module& root) {
  Dim count = 0;
  for (const NamedParameter& entry : named_parameters(root)) count += entry.tensor->numel();
  return count;
}

StateDict state_dict(Module& root) {
  StateDict result;
  for (const auto& [name, tensor] : StateWalk(root).entries) result.emplace_back(name, tensor->detach());
  return result;
}

namespace {

/// Why `given` cannot become `wanted`, or "".
std::string misfit(const Tensor& wanted, const Tensor& given) {
  if (given.shape() != wanted.shape()) return text("the model has ", wanted.shape(), ", the file ", given.shape());
  if (!given.is_set()) return "it was never set";
  if (!is_floating(wanted.dtype()) && is_floating(given.dtype()))
    return text("the model has ", wanted.dtype(), ", the file ", given.dtype());
  return {};
}

}  // namespace

void load_state_dict(Module& root, const StateDict& state) {
  const auto wanted = StateWalk(root).entries;
  std::unordered_map<std::string_view, const Tensor*> given;
  std::string problems;
  for (const auto& [name, tensor] : state)
    if (!given.emplace(name, &tensor).second) problems += text("\n  given twice ", name);
  std::unordered_set<std::string_view> known;
  for (const auto& [name, tensor] : wanted) {
    known.insert(name);
    const auto found = given.find(name);
    if (found == given.end())
      problems += text("\n  missing     ", name, ' ', tensor->shape());
    else if (const std::string reason = misfit(*tensor, *found->second); !reason.empty())
      problems += text("\n  misshapen   ", name, ": ", reason);
  }
  for (const auto& [name, tensor] : state)
    if (!known.contains(name)) problems += text("\n  unexpected  ", name, ' ', tensor.shape());
  check<StateDictError>(problems.empty(), "the weights do not fit the model:", problems);
  for (const auto& [name, tensor] : wanted) tensor->copy_(*given.at(name));
}

void to(Module& root, DType dtype) {
  const auto convert = [dtype](const NamedParameter& entry) {
    Tensor& tensor = *entry.tensor;
    if (!is_floating(tensor.dtype()) || tensor.dtype() == dtype) return;
    const bool wants_gradient = tensor.requires_grad();
    tensor = tensor.as(dtype);
    tensor.requires_grad_(wants_gradient);
  };
  for (const NamedParameter& entry : named_parameters(root)) convert(entry);
  for (const NamedParameter& entry : named_buffers(root)) convert(entry);
}

int set_requires_grad(Module& root, std::string_view glob, bool on) {
  int matched = 0;
  for (const NamedParameter& entry : named_parameters(root))
    if (matches_glob(entry.name, glob)) {
      entry.tensor->requires_grad_(on);
      if (!on) entry.tensor->set_grad({});  // or an optimiser would go on with the old one
      ++matched;
    }
  return matched;
}

void check_all_set(Module& root) {
  std::string names;
  for (const NamedParameter& entry : named_parameters(root))
    if (!entry.tensor->is_set()) names += text("\n  ", entry.name, ' ', entry.tensor->shape());
  check<UnsetError>(names.empty(), "these parameters were set by no initialiser and no file:", names);
}

void zero_grad(Module& root) {
  for (const NamedParameter& entry : named_parameters(root)) entry.tensor->set_grad({});
}

bool matches_glob(std::string_view text, std::string_view glob) {
  // The last star and what it had matched so far: on a mismatch it takes one character more.
  std::size_t t = 0, g = 0, star = std::string_view::npos, taken = 0;
  while (t < text.size()) {
    if (g < glob.size() && (glob[g] == '?' || (glob[g] != '*' && glob[g] == text[t]))) {
      ++t, ++g;
    } else if (g < glob.size() && glob[g] == '*') {
      star = g++;
      taken = t;
    } else if (star != std::string_view::npos) {
      g = star + 1;
      t = ++taken;
    } else {
      return false;
    }
  }
  while (g < glob.size() && glob[g] == '*') ++g;
  return g == glob.size();
}

}  // namespace fanin
