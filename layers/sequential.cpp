#include "layers/sequential.h"

namespace fanin {

Sequential& Sequential::add(std::string name, std::unique_ptr<Module> module) {
  check<StateDictError>(module != nullptr, "Sequential: no module was given for '", name, "'");
  for (const auto& [taken, child] : children_)
    check<StateDictError>(taken != name, "Sequential: the name '", name, "' is taken");
  children_.emplace_back(std::move(name), std::move(module));
  return *this;
}

Tensor Sequential::forward(const Tensor& x) {
  Tensor y = x;
  for (const auto& [name, child] : children_) y = (*child)(y);
  return y;
}

void Sequential::visit(ModuleVisitor& v) {
  for (const auto& [name, child] : children_) v.child(name, *child);
}

}  // namespace fanin
