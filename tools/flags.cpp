#include "tools/flags.h"

#include "core/autocast.h"
#include "core/backend.h"

namespace fanin {

void DataFlags::declare(Options& options, std::string_view standard) {
  options.heading("Data");
  options.add("data", &data,
              text("a folder (CIFAR-10/100 binary, MNIST IDX, or images as train/CLASS/* and val/CLASS/*), or shapes: "
                   "the built-in set",
                   data.empty() ? text("; else ", standard) : ""),
              "SPEC");
  options.add("img-size", &img_size, text("side of the square images the network gets; 0: ", standard));
  options.add("val-split", &val_split, "share of the training images held out for validation", "F");
  options.add("mean", &mean, text("per-channel mean of the pixels, in units of 1; else ", standard));
  options.add("std", &std, text("per-channel standard deviation, in units of 1; else ", standard));
}

DataOptions DataFlags::options() const {
  check<UsageError>(img_size >= 0, "--img-size: expected a number of pixels, got ", img_size);
  check<UsageError>(val_split >= 0 && val_split < 1, "--val-split: expected a share from 0 to below 1, got ",
                    val_split);
  return {.img_size = img_size, .val_split = val_split};
}

Normalisation DataFlags::normalisation(const Normalisation& standard, Dim channels) const {
  Normalisation chosen = standard;
  if (!mean.empty()) chosen.mean = mean;
  if (!std.empty()) chosen.std = std;
  const auto count = static_cast<std::size_t>(channels);
  check<UsageError>(chosen.mean.size() == count, "--mean: expected ", channels, " numbers, one a channel, got ",
                    chosen.mean.size());
  check<UsageError>(chosen.std.size() == count, "--std: expected ", channels, " numbers, one a channel, got ",
                    chosen.std.size());
  for (const double value : chosen.std) check<UsageError>(value > 0, "--std: expected numbers above 0, got ", value);
  return chosen;
}

namespace {

/// Every model with its arguments and their defaults, and the presets.
Options::Entries model_list() {
  Options::Entries list;
  for (const ModelInfo& info : models()) {
    std::string words(info.description);
    for (const ModelArgument& argument : info.arguments)
      words += text("; ", argument.name, "=", argument.default_value, " (", argument.meaning, ")");
    list.emplace_back(info.name, words);
  }
  for (const ModelPreset& preset : model_presets())
    list.emplace_back(preset.name, text(preset.model, " with ", key_value_text(preset.arguments)));
  return list;
}

}  // namespace

void ModelFlags::declare(Options& options) {
  options.heading("Model");
  options.add("model", &model, "one of the models below", "NAME");
  options.add("model-arg", &model_args, "arguments of the model: depth=29 cardinality=8", "KEY=VALUE …");
  options.take_pairs("model-arg");
  options.appendix("Models, and the arguments they take, with what they are by default", model_list());
}

ModelArguments ModelFlags::arguments() const {
  ModelArguments pairs;
  for (const std::string& word : model_args) {
    const std::size_t equals = word.find('=');
    check<UsageError>(equals != std::string::npos && equals > 0, "--model-arg: expected key=value, got '", word, "'");
    pairs[word.substr(0, equals)] = word.substr(equals + 1);
  }
  return pairs;
}

DType parse_precision(std::string_view precision) {
  if (precision == "f32" || precision == "bf16") return DType::f32;
  if (precision == "f64") return DType::f64;
  fail<UsageError>("--precision: expected f32, bf16 or f64, got '", precision, "'");
}

bool autocast_for(std::string_view precision, Console& console) {
  if (precision != "bf16") return false;
  if (multiplies_bf16() || current_backend() == Backend::reference) return true;
  console.warn("this machine does not multiply bf16 (that takes avx512_bf16 or AMX): going on in f32");
  return false;
}

ModelArguments suggested_arguments(const DatasetInfo& info) {
  return {
      {"classes", text(info.classes.size())}, {"in_channels", text(info.channels)}, {"image_size", text(info.height)}};
}

std::string key_value_text(const ModelArguments& arguments) {
  std::string words;
  for (const auto& [key, value] : arguments) words += (words.empty() ? "" : " ") + key + "=" + value;
  return words;
}

}  // namespace fanin
