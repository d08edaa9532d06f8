#include "models/models.h"

#include <algorithm>

#include "core/nearest.h"
#include "models/arguments.h"
#include "models/c3d.h"
#include "models/lenet.h"
#include "models/mlp.h"
#include "models/plain.h"
#include "models/resnet.h"
#include "models/resnext.h"
#include "models/resnext50.h"

namespace fanin {

namespace {

constexpr ModelArgument ten_classes{"classes", "10", "number of classes"};
constexpr ModelArgument colour{"in_channels", "3", "channels of the images"};
constexpr ModelArgument grey{"in_channels", "1", "channels of the images"};
constexpr ModelArgument image_size{"image_size", "28", "side of the square images, in pixels"};

ModelInfo resnext_info() {
  return {.name = "resnext",
          .description = "ResNeXt for small images (Xie et al. 2017)",
          .arguments = {{"depth", "29", "weight layers, 9n + 2"},
                        {"cardinality", "8", "groups of the 3x3 convolutions"},
                        {"base_width", "64", "channels a group in the first stage"},
                        {"widen_factor", "4", "stages are 64w, 128w and 256w wide; may be less than 1"},
                        ten_classes,
                        colour},
          .rules = "resnext",
          .build = [](const ModelArguments& arguments) -> std::unique_ptr<Module> {
            const ArgumentReader read(arguments);
            return std::make_unique<CifarResNeXt>(CifarResNeXtOptions{.cardinality = read.whole("cardinality"),
                                                                      .depth = read.whole("depth"),
                                                                      .classes = read.whole("classes"),
                                                                      .base_width = read.whole("base_width"),
                                                                      .widen_factor = read.real("widen_factor"),
                                                                      .in_channels = read.whole("in_channels")});
          }};
}

ModelInfo resnext50_info() {
  return {.name = "resnext50-32x4d",
          .description = "ResNeXt-50 for photographs, under torchvision's names (Xie et al. 2017)",
          .arguments = {{"classes", "1000", "number of classes"}, colour},
          .rules = "torchvision",
          .usual_side = 224,
          .build = [](const ModelArguments& arguments) -> std::unique_ptr<Module> {
            const ArgumentReader read(arguments);
            return std::make_unique<ResNeXt50>(
                ResNeXt50Options{.classes = read.whole("classes"), .in_channels = read.whole("in_channels")});
          }};
}

ModelInfo resnet18_info() {
  return {
      .name = "resnet18",
      .description = "ResNet-18 for small images (He et al. 2016)",
      .arguments = {{"width", "64", "channels of the first stage"}, ten_classes, colour},
      .rules = "torchvision",
      .build = [](const ModelArguments& arguments) -> std::unique_ptr<Module> {
        const ArgumentReader read(arguments);
        return std::make_unique<ResNet18>(ResNet18Options{
            .classes = read.whole("classes"), .in_channels = read.whole("in_channels"), .width = read.whole("width")});
      }};
}

ModelInfo lenet_info() {
  return {.name = "lenet",
          .description = "LeNet-5 with ReLU and max pooling (LeCun et al. 1998)",
          .arguments = {ten_classes, grey, image_size},
          .rules = "pytorch",
          .build = [](const ModelArguments& arguments) -> std::unique_ptr<Module> {
            const ArgumentReader read(arguments);
            return std::make_unique<LeNet>(LeNetOptions{.classes = read.whole("classes"),
                                                        .in_channels = read.whole("in_channels"),
                                                        .image_size = read.whole("image_size")});
          }};
}

ModelInfo mlp_info() {
  return {.name = "mlp",
          .description = "multilayer perceptron on pixels; depth=0 is a linear classifier",
          .arguments = {{"depth", "2", "hidden layers"},
                        {"width", "512", "units of each hidden layer"},
                        ten_classes,
                        grey,
                        image_size},
          .rules = "pytorch",
          .build = [](const ModelArguments& arguments) -> std::unique_ptr<Module> {
            const ArgumentReader read(arguments);
            return std::make_unique<Mlp>(MlpOptions{.depth = read.whole("depth"),
                                                    .width = read.whole("width"),
                                                    .classes = read.whole("classes"),
                                                    .in_channels = read.whole("in_channels"),
                                                    .image_size = read.whole("image_size")});
          }};
}

ModelInfo plain_info() {
  return {.name = "plain",
          .description = "deep stack of 3x3 convolutions without shortcuts, as in papers on initialisation",
          .arguments = {{"depth", "20", "weight layers"},
                        {"width", "64", "channels of every convolution"},
                        {"norm", "batch", "batch or none"},
                        ten_classes,
                        colour},
          .rules = "kaiming_normal",
          .build = [](const ModelArguments& arguments) -> std::unique_ptr<Module> {
            const ArgumentReader read(arguments);
            return std::make_unique<PlainNet>(PlainNetOptions{.depth = read.whole("depth"),
                                                              .width = read.whole("width"),
                                                              .norm = read.one_of("norm", {"batch", "none"}) == "batch",
                                                              .classes = read.whole("classes"),
                                                              .in_channels = read.whole("in_channels")});
          }};
}

ModelInfo c3d_info() {
  return {.name = "c3d",
          .description = "C3D for clips of 16 frames (Tran et al. 2015)",
          .arguments = {{"width", "64", "channels of the first convolution"},
                        {"dropout", "0.5", "share of hidden units left out in training"},
                        {"classes", "487", "number of classes"},
                        colour,
                        {"image_size", "112", "side of the square frames, in pixels"}},
          .rules = "pytorch",
          .frames = C3D::frames,
          .build = [](const ModelArguments& arguments) -> std::unique_ptr<Module> {
            const ArgumentReader read(arguments);
            return std::make_unique<C3D>(C3DOptions{.classes = read.whole("classes"),
                                                    .in_channels = read.whole("in_channels"),
                                                    .image_size = read.whole("image_size"),
                                                    .width = read.whole("width"),
                                                    .dropout = read.real("dropout")});
          }};
}

ModelPreset resnext29(std::string_view name, const char* cardinality, const char* base_width) {
  return {name, "resnext", {{"depth", "29"}, {"cardinality", cardinality}, {"base_width", base_width}}};
}

std::vector<std::string_view> known_models() {
  std::vector<std::string_view> names;
  for (const ModelInfo& info : models()) names.push_back(info.name);
  for (const ModelPreset& preset : model_presets()) names.push_back(preset.name);
  return names;
}

/// The info called `name`, and the preset's arguments if it names a preset.
std::pair<const ModelInfo*, ModelArguments> find(std::string_view name) {
  const auto preset = std::ranges::find(model_presets(), name, &ModelPreset::name);
  const bool is_preset = preset != model_presets().end();
  const auto info = std::ranges::find(models(), is_preset ? preset->model : name, &ModelInfo::name);
  check<Error>(info != models().end(), "there is no model '", name, "'", did_you_mean(name, known_models()));
  return {&*info, is_preset ? preset->arguments : ModelArguments{}};
}

}  // namespace

bool ModelInfo::takes(std::string_view argument) const {
  return std::ranges::find(arguments, argument, &ModelArgument::name) != arguments.end();
}

Shape ModelChoice::usual_input(Dim batch, Dim side) const {
  const ArgumentReader read(arguments);
  if (side == 0) side = info->takes("image_size") ? read.whole("image_size") : info->usual_side;
  const Dim channels = read.whole("in_channels");
  return info->frames > 0 ? Shape{batch, channels, info->frames, side, side} : Shape{batch, channels, side, side};
}

const std::vector<ModelInfo>& models() {
  static const std::vector<ModelInfo> all{resnext_info(), resnext50_info(), resnet18_info(), lenet_info(),
                                          mlp_info(),     plain_info(),     c3d_info()};
  return all;
}

const std::vector<ModelPreset>& model_presets() {
  static const std::vector<ModelPreset> all{
      resnext29("resnext29-8x64d", "8", "64"), resnext29("resnext29-16x64d", "16", "64"),
      resnext29("resnext29-32x4d", "32", "4"), resnext29("resnext29-8x16d", "8", "16"),
      {"linear", "mlp", {{"depth", "0"}}},
  };
  return all;
}

ModelChoice choose_model(std::string_view name, const ModelArguments& given, const ModelArguments& suggested) {
  auto [info, arguments] = find(name);
  std::vector<std::string_view> known;
  for (const ModelArgument& argument : info->arguments) known.push_back(argument.name);
  for (const auto& [key, value] : given)
    check<Error>(info->takes(key), "model '", info->name, "' has no argument '", key, "'", did_you_mean(key, known));
  for (const ModelArgument& argument : info->arguments) {
    const std::string key(argument.name);
    if (const auto own = given.find(key); own != given.end())
      arguments[key] = own->second;
    else if (const auto hint = suggested.find(key); hint != suggested.end())
      arguments.try_emplace(key, hint->second);
    else
      arguments.try_emplace(key, argument.default_value);
  }
  return {info, std::move(arguments)};
}

}  // namespace fanin
