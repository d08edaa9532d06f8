#pragma once

#include "layers/module.h"

namespace fanin {

/// Modules run one after the other; empty, it passes its input on. Children are named by add(name, …), or by their
/// position, "0", "1", …, as PyTorch names them.
///
///   Sequential net(Conv2d(3, 8, {.kernel = 3}), ReLU(), Flatten(), Linear(8 * 30 * 30, 10));
class Sequential final : public Module {
 public:
  Sequential() = default;
  template <class First, class... Layers>
  requires(std::derived_from<First, Module> && !std::is_same_v<First, Sequential> &&
           !std::is_lvalue_reference_v<First>) explicit Sequential(First&& first, Layers&&... layers) {
    add(std::move(first));
    (add(std::move(layers)), ...);
  }

  template <class Layer>
  Sequential& add(std::string name, Layer layer) {
    return add(std::move(name), std::unique_ptr<Module>(std::make_unique<Layer>(std::move(layer))));
  }
  template <class Layer>
  Sequential& add(Layer layer) {
    return add(std::to_string(children_.size()), std::move(layer));
  }
  /// Throws StateDictError if the name is taken.
  Sequential& add(std::string name, std::unique_ptr<Module> module);

  Tensor forward(const Tensor& x) override;
  void visit(ModuleVisitor& v) override;
  std::string_view type() const override { return "Sequential"; }

  std::size_t size() const { return children_.size(); }
  bool empty() const { return children_.empty(); }
  Module& operator[](std::size_t i) { return *children_.at(i).second; }

 private:
  std::vector<std::pair<std::string, std::unique_ptr<Module>>> children_;
};

}  // namespace fanin
