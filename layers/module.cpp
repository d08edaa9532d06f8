#include "layers/module.h"

#include <unordered_map>

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
    for (const NamedModule& seen : modules)
      check<StateDictError>(seen.module != &module, "module '", seen.path, "' is met again as '", path,
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
};

/// Parameters and buffers interleaved as visit() names them.
class StateWalk final : public ModuleVisitor {
 public:
  explicit StateWalk(Module& root) { root.visit(*this); }
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
  for (const OutputHook& hook : output_hooks_) hook(*this, y);
  if (gradient_hooks_.empty() || !y.requires_grad()) return y;
  return record({"gradient_hook"}, y, {y}, [this, hooks = gradient_hooks_](const Tensor& dy, Needs) -> Tensors {
    for (const GradientHook& hook : hooks) hook(*this, dy);
    return {dy};
  });
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

void load_state_dict(Module& root, const StateDict& state) {
  const auto wanted = StateWalk(root).entries;
  std::unordered_map<std::string_view, const Tensor*> given;
  for (const auto& [name, tensor] : state) given.emplace(name, &tensor);
  std::string missing, unexpected, misshapen;
  std::unordered_map<std::string_view, const Tensor*> used;
  for (const auto& [name, tensor] : wanted) {
    used.emplace(name, tensor);
    const auto found = given.find(name);
    if (found == given.end())
      missing += text("\n  missing     ", name, ' ', tensor->shape());
    else if (found->second->shape() != tensor->shape())
      misshapen +=
          text("\n  misshapen   ", name, ": the model has ", tensor->shape(), ", the file ", found->second->shape());
  }
  for (const auto& [name, tensor] : state)
    if (!used.contains(name)) unexpected += text("\n  unexpected  ", name, ' ', tensor.shape());
  check<StateDictError>(missing.empty() && unexpected.empty() && misshapen.empty(),
                        "the weights do not fit the model:", missing, unexpected, misshapen);
  for (const auto& [name, tensor] : wanted) tensor->copy_(*given.at(name));
}

void to(Module& root, DType dtype) {
  const auto convert = [dtype](const NamedParameter& entry) {
    Tensor& tensor = *entry.tensor;
    if (!is_floating(tensor.dtype()) || tensor.dtype() == dtype) return;
    const bool wants_gradient = tensor.requires_grad();
    tensor = tensor.is_set() ? tensor.as(dtype) : Tensor::unset(tensor.shape(), dtype);
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
  for (const NamedParameter& entry : named_parameters(root))
    if (entry.tensor->requires_grad()) entry.tensor->set_grad({});
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
