#pragma once

#include <string>
#include <vector>

#include "core/dtype.h"
#include "data/dataset.h"
#include "models/models.h"
#include "tools/console.h"
#include "tools/options.h"

namespace fanin {

/// --data and what belongs to it.
struct DataFlags {
  std::string data = "shapes";
  std::int64_t img_size = 0;
  double val_split = 0;
  std::vector<double> mean;
  std::vector<double> std;

  /// `standard`: what size, mean and standard deviation are where they are not given, for the help.
  void declare(Options& options, std::string_view standard = "the data's own");
  /// Throws UsageError for numbers that make no sense.
  DataOptions options() const;
  /// --mean and --std where they are given, else `standard`, for images of `channels` channels.
  Normalisation normalisation(const Normalisation& standard, Dim channels) const;
};

/// --model and --model-arg.
struct ModelFlags {
  std::string model;
  std::vector<std::string> model_args;

  /// The help lists every model and what it takes.
  void declare(Options& options);
  /// The pairs of --model-arg. Throws UsageError for a word that is no key=value.
  ModelArguments arguments() const;
};

/// --precision: what parameters, pixels and the optimiser are held in; bf16 means f32 with an Autocast scope around it.
/// Throws UsageError for what is none.
DType parse_precision(std::string_view precision);
/// Whether to open an Autocast scope: for bf16, on a machine that multiplies it; others are warned and get f32.
bool autocast_for(std::string_view precision, Console& console);

/// What a data set says about the model: classes, in_channels, image_size.
ModelArguments suggested_arguments(const DatasetInfo& info);
/// "depth=29 cardinality=8".
std::string key_value_text(const ModelArguments& arguments);

}  // namespace fanin
