#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "layers/module.h"

namespace fanin {

/// key=value pairs as typed on the command line or kept in a file's metadata.
using ModelArguments = std::map<std::string, std::string, std::less<>>;

/// One argument of a model: what `--model-arg name=value` may set.
struct ModelArgument {
  std::string_view name;
  std::string_view default_value;
  std::string_view meaning;
};

/// A model as the program knows it. To add one: its files, and one line in the list of models.cpp.
struct ModelInfo {
  std::string_view name;
  std::string_view description;
  std::vector<ModelArgument> arguments;
  std::string_view rules;  // the initialisers published with it, as --init takes them: "resnext", "pytorch"
  Dim usual_side = 32;     // of the square images it is usually shown, where no argument image_size says it
  Dim frames = 0;          // of the clips it takes; 0: it takes images
  /// Builds it, parameters unset. `arguments` is complete: every argument has a value. Throws ShapeError on
  /// impossible ones.
  std::unique_ptr<Module> (*build)(const ModelArguments& arguments);

  /// Whether it has an argument of that name.
  bool takes(std::string_view argument) const;
};

/// A name for a model with some of its arguments set: resnext29-8x64d.
struct ModelPreset {
  std::string_view name;
  std::string_view model;
  ModelArguments arguments;
};

/// All models the program knows by name, and all presets.
const std::vector<ModelInfo>& models();
const std::vector<ModelPreset>& model_presets();

/// A model with every argument decided: enough to build it again, today or from a file's metadata.
struct ModelChoice {
  const ModelInfo* info;
  ModelArguments arguments;

  std::string_view name() const { return info->name; }
  std::unique_ptr<Module> build() const { return info->build(arguments); }
  /// What it is usually shown: images [batch, C, H, W] or clips [batch, C, frames, H, W]; `side` > 0: of that size.
  Shape usual_input(Dim batch, Dim side = 0) const;
};

/// The model or preset called `name`, with `given` arguments; arguments not given come from the preset, then from
/// `suggested` where the model takes them (what the data says: classes, in_channels, image_size), then from the
/// defaults. Throws Error on a name or argument that does not exist, with the nearest one that does.
ModelChoice choose_model(std::string_view name, const ModelArguments& given = {}, const ModelArguments& suggested = {});

}  // namespace fanin
