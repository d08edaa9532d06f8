#include "tools/recipe.h"

#include <algorithm>

#include "core/nearest.h"

namespace fanin {

const std::vector<Recipe>& recipes() {
  static const std::vector<Recipe> all{
      {"none", "neutral values: plain SGD at a constant rate, no augmentation", {{"model", "resnext"}}},
      {"shapes",
       "a small ResNeXt on the built-in shapes: minutes on two cores",
       {{"model", "resnext"},
        {"model-arg", "depth=11"},
        {"model-arg", "cardinality=8"},
        {"model-arg", "base_width=4"},
        {"model-arg", "widen_factor=1"},
        {"epochs", "5"},
        {"batch-size", "32"},
        {"opt", "sgd"},
        {"lr", "0.05"},
        {"momentum", "0.9"},
        {"nesterov", "true"},
        {"weight-decay", "0.0005"},
        {"sched", "onecycle"},
        {"augment", "flip"}}},
      {"mnist",
       "LeNet-5 on digits",
       {{"model", "lenet"},
        {"epochs", "5"},
        {"batch-size", "64"},
        {"opt", "sgd"},
        {"lr", "0.05"},
        {"momentum", "0.9"},
        {"nesterov", "true"},
        {"weight-decay", "0.0005"},
        {"sched", "onecycle"},
        {"augment", "none"}}},
      {"cifar",
       "a ResNeXt of moderate size on CIFAR-10 or CIFAR-100",
       {{"model", "resnext"},
        {"model-arg", "depth=11"},
        {"model-arg", "cardinality=8"},
        {"model-arg", "base_width=4"},
        {"model-arg", "widen_factor=1"},
        {"epochs", "20"},
        {"batch-size", "64"},
        {"opt", "sgd"},
        {"lr", "0.1"},
        {"momentum", "0.9"},
        {"nesterov", "true"},
        {"weight-decay", "0.0005"},
        {"sched", "onecycle"},
        {"smoothing", "0.1"},
        {"augment", "crop,flip"}}},
      {"photos",
       "a small ResNeXt on a folder of photographs",
       {{"model", "resnext"},
        {"model-arg", "depth=20"},
        {"model-arg", "cardinality=4"},
        {"model-arg", "base_width=16"},
        {"model-arg", "widen_factor=1"},
        {"img-size", "64"},
        {"epochs", "30"},
        {"batch-size", "32"},
        {"opt", "sgd"},
        {"lr", "0.05"},
        {"momentum", "0.9"},
        {"nesterov", "true"},
        {"weight-decay", "0.0005"},
        {"sched", "onecycle"},
        {"smoothing", "0.1"},
        {"augment", "resized-crop,flip"}}},
  };
  return all;
}

const Recipe& find_recipe(std::string_view name, std::string_view data_kind) {
  if (name == "auto") {
    if (data_kind == "cifar10" || data_kind == "cifar100")
      name = "cifar";
    else if (data_kind == "folder")
      name = "photos";
    else
      name = data_kind;
  }
  std::vector<std::string_view> names{"auto"};
  for (const Recipe& recipe : recipes()) {
    if (recipe.name == name) return recipe;
    names.push_back(recipe.name);
  }
  fail<UsageError>("--recipe: there is no recipe '", name, "'", did_you_mean(name, names));
}

Options::Entries recipe_list() {
  Options::Entries list;
  for (const Recipe& recipe : recipes()) {
    std::string words = text(recipe.description, ":");
    for (const auto& [option, value] : recipe.values)
      words += text(" --", option, value == "true" ? "" : " ", value == "true" ? "" : value);
    list.emplace_back(recipe.name, words);
  }
  return list;
}

void apply(const Recipe& recipe, Options& options) {
  const bool own_model = options.given("model") && options.value("model").string() != recipe.values.front().second;
  const bool own_arguments = options.given("model-arg");
  const bool own_optimizer = options.given("opt");
  const bool own_length = options.given("epochs") || options.given("max-steps");
  for (const auto& [option, value] : recipe.values) {
    const bool of_optimizer =
        option == "lr" || option == "momentum" || option == "nesterov" || option == "weight-decay";
    const bool left_alone = (option == "model-arg" && (own_model || own_arguments)) ||
                            (of_optimizer && own_optimizer) || (option == "epochs" && own_length);
    if (!left_alone) options.suggest(option, value);
  }
}

}  // namespace fanin
