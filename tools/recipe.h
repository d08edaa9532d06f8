#pragma once

#include <string_view>
#include <utility>
#include <vector>

#include "tools/options.h"

namespace fanin {

/// Values for the options of `fanin train` that suit a kind of data, for whatever was not given.
struct Recipe {
  std::string_view name;
  std::string_view description;
  std::vector<std::pair<std::string_view, std::string_view>> values;  // option, value; "model" first
};

/// "none" first.
const std::vector<Recipe>& recipes();
/// The recipe called `name`; for "auto" the one for data of this kind ("cifar10", "mnist", "folder", …).
/// Throws UsageError on a name that does not exist, with the nearest.
const Recipe& find_recipe(std::string_view name, std::string_view data_kind);
/// Every recipe with its description and values, for the help.
Options::Entries recipe_list();
/// Suggests the recipe's values. Those that hang on one another go together: a learning rate is only right for its
/// optimiser, a model's arguments for that model.
void apply(const Recipe& recipe, Options& options);

}  // namespace fanin
