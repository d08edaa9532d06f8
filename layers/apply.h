#pragma once

#include <concepts>
#include <type_traits>

#include "layers/module.h"

namespace fanin {

namespace detail {

template <class Function>
struct LayerOf;
template <class Rule, class Layer>
struct LayerOf<void (Rule::*)(Layer&) const> {
  using type = Layer;
};
template <class Rule, class Layer>
struct LayerOf<void (Rule::*)(Layer&)> {
  using type = Layer;
};

template <class Rule>
bool try_rule(Rule& rule, Module& module) {
  static_assert(
      requires { &Rule::operator(); }, "a rule names the type of its layer: [](Conv2d& layer) { … }, not auto&");
  using Layer = typename LayerOf<decltype(&Rule::operator())>::type;
  static_assert(std::derived_from<Layer, Module>, "a rule takes one layer by reference: [](Conv2d& layer) { … }");
  auto* layer = dynamic_cast<Layer*>(&module);
  if (layer != nullptr) rule(*layer);
  return layer != nullptr;
}

}  // namespace detail

/// Walks `root`, parents first; on each module runs the first rule whose own argument type fits, and returns how many
/// modules matched. User layers take part like any other; a last rule [](Module&) {…} catches what is left.
///
///   apply(net,
///         [&](Conv2d& conv)    { kaiming_normal(conv.weight, rng, {.mode = FanMode::fan_out}); },
///         [&](BatchNorm2d& bn) { ones(bn.weight); zeros(bn.bias); });
template <class... Rules>
int apply(Module& root, Rules... rules) {
  int matched = 0;
  for (const NamedModule& entry : named_modules(root))
    matched += (detail::try_rule(rules, *entry.module) || ...) ? 1 : 0;
  return matched;
}

}  // namespace fanin
