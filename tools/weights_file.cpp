#include "tools/weights_file.h"

#include <filesystem>

#include "core/check.h"
#include "core/io/json.h"
#include "init/rules.h"
#include "layers/fold_batch_norm.h"
#include "tools/flags.h"

namespace fanin {

namespace {

std::vector<double> numbers(const Json& json) {
  std::vector<double> values;
  if (const auto* array = json.as<Json::Array>())
    for (const Json& element : *array) values.push_back(element.number());
  return values;
}

}  // namespace

Metadata WeightsInfo::metadata() const {
  Metadata fields{{"format", "pt"}};
  const auto put = [&](const char* name, const std::string& value) {
    if (!value.empty()) fields[name] = value;
  };
  put("model", model);
  Json pairs = Json::object();
  for (const auto& [key, value] : arguments) pairs.set(key, value);
  if (!model.empty()) put("model_arguments", pairs.text());
  if (!classes.empty()) put("classes", Json::list(classes).text());
  if (channels > 0) put("channels", text(channels));
  if (image_size > 0) put("image_size", text(image_size));
  if (!normalisation.mean.empty()) put("mean", Json::list(normalisation.mean).text());
  if (!normalisation.std.empty()) put("std", Json::list(normalisation.std).text());
  put("data", data);
  if (val_split > 0) put("val_split", Json(val_split).text());
  put("val_fingerprint", val_fingerprint);
  put("init.seed", seed);
  put("init.rules", init);
  put("step", step);
  if (folded) put("batch_norm", "folded");
  return fields;
}

WeightsInfo WeightsInfo::from(const Metadata& metadata, const std::string& path) {
  const auto field = [&](const char* name) {
    const auto found = metadata.find(name);
    return found == metadata.end() ? std::string() : found->second;
  };
  const auto json = [&](const char* name) {
    const std::string value = field(name);
    return value.empty() ? Json() : Json::parse(value, text(path, ": metadata '", name, "'"));
  };
  WeightsInfo info;
  info.model = field("model");
  const Json pairs = json("model_arguments");
  if (const auto* object = pairs.as<Json::Object>())
    for (const auto& [key, value] : *object) info.arguments[key] = value.string();
  const Json names = json("classes");
  if (const auto* array = names.as<Json::Array>())
    for (const Json& name : *array) info.classes.push_back(name.string());
  info.channels = static_cast<Dim>(json("channels").number());
  info.image_size = static_cast<Dim>(json("image_size").number());
  info.normalisation = {numbers(json("mean")), numbers(json("std"))};
  info.data = field("data");
  info.val_split = json("val_split").number();
  info.val_fingerprint = field("val_fingerprint");
  info.seed = field("init.seed");
  info.init = field("init.rules");
  info.step = field("step");
  info.folded = field("batch_norm") == "folded";
  return info;
}

std::string fingerprint_text(const Dataset& data) {
  std::string digits(16, '0');
  std::uint64_t number = data.fingerprint();
  for (auto at = digits.rbegin(); number > 0; number >>= 4, ++at) *at = "0123456789abcdef"[number & 15U];
  return digits;
}

WeightsFile load_weights(const std::string& path) {
  namespace fs = std::filesystem;
  std::error_code ignored;
  std::string file = path;
  if (fs::is_directory(path, ignored)) {
    file = (fs::path(path) / "weights" / "best.safetensors").string();
    if (!fs::exists(file, ignored)) file = (fs::path(path) / "weights" / "last.safetensors").string();
    check<FileError>(fs::exists(file, ignored), path, ": neither a weights file nor a run folder with weights in it");
  }
  SafetensorsFile loaded = load_safetensors(file);
  return {file, WeightsInfo::from(loaded.metadata, file), std::move(loaded.tensors)};
}

void save_weights(const std::string& path, const StateDict& state, const WeightsInfo& info) {
  Metadata metadata = info.metadata();
  metadata.merge(tensor_hashes(state));
  save_safetensors(path, state, metadata);
}

ModelChoice choice_of(const WeightsFile& file, std::string_view model, const ModelArguments& given) {
  const bool same = model.empty() || model == file.info.model;
  check(!model.empty() || !file.info.model.empty(), file.path,
        " does not say which model it belongs to; add --model and --model-arg");
  ModelArguments arguments = same ? file.info.arguments : ModelArguments{};
  for (const auto& [key, value] : given) arguments[key] = value;
  return choose_model(model.empty() ? file.info.model : model, arguments);
}

void fill(Module& net, const WeightsFile& file) {
  try {
    load_state_dict(net, file.tensors);
  } catch (const StateDictError& error) {
    const std::string& own = file.info.model;
    fail<FileError>(
        file.path, ": ", error.what(),
        own.empty() ? ""
                    : text("\nthe file is for --model ", own, " --model-arg ", key_value_text(file.info.arguments)));
  }
}

void refuse_folded(const WeightsFile& file) {
  check<FileError>(!file.info.folded, file.path,
                   ": batch norm is folded into these weights, which is for eval and predict in f32 or bf16 only");
}

std::unique_ptr<Module> build_from(const WeightsFile& file, std::string_view model, const ModelArguments& given,
                                   DType dtype) {
  refuse_folded(file);
  auto net = choice_of(file, model, given).build();
  to(*net, dtype);
  fill(*net, file);
  net->eval();
  return net;
}

std::unique_ptr<Module> build_for_inference(const WeightsFile& file, std::string_view model,
                                            const ModelArguments& given, DType dtype, const Shape& image) {
  if (dtype == DType::f64) return build_from(file, model, given, dtype);
  if (!file.info.folded) {
    auto net = build_from(file, model, given, DType::f32);
    if (auto folded = fold_batch_norm(*net, image, dtype)) return folded;
    return net;
  }
  const auto net = choice_of(file, model, given).build();
  for (const NamedParameter& parameter : named_parameters(*net)) parameter.tensor->fill_(0);  // only names are wanted
  auto folded = fold_batch_norm(*net, image, dtype);
  check<FileError>(folded != nullptr, file.path, ": the batch norm of this model cannot be folded");
  fill(*folded, file);
  return folded;
}

}  // namespace fanin
