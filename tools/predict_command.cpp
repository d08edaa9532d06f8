#include <algorithm>
#include <filesystem>
#include <memory>
#include <numeric>
#include <optional>

#include "core/autocast.h"
#include "core/autograd.h"
#include "core/ops/softmax.h"
#include "data/augment.h"
#include "data/loader.h"
#include "tools/command.h"
#include "tools/flags.h"
#include "tools/progress.h"
#include "tools/weights_file.h"

namespace fanin {

namespace {

constexpr std::string_view examples =
    R"(  fanin predict --weights runs/photos ant.jpg bee.jpg
  fanin predict --weights runs/photos photos/ --top 3 --json
)";

struct Arguments {
  std::string weights;
  std::vector<std::string> images;
  std::int64_t top = 1;
  std::int64_t img_size = 0;
  std::string precision = "f32";
  std::vector<double> mean, std;
  ModelFlags model;
};

/// The files named, and of folders the images directly in them, sorted.
std::vector<std::string> image_files(const std::vector<std::string>& words) {
  namespace fs = std::filesystem;
  std::vector<std::string> files;
  for (const std::string& word : words) {
    std::error_code ignored;
    if (!fs::is_directory(word, ignored)) {
      files.push_back(word);
      continue;
    }
    const auto first = static_cast<std::ptrdiff_t>(files.size());
    for (const auto& entry : fs::directory_iterator(word))
      if (entry.is_regular_file() && has_image_suffix(entry.path().string())) files.push_back(entry.path().string());
    std::sort(files.begin() + first, files.end());
    check<FileError>(static_cast<std::ptrdiff_t>(files.size()) > first, word,
                     ": no JPEG, PNG or BMP file in it; folders in it are not searched");
  }
  return files;
}

Outcome predict(Arguments& a, Console& console) {
  check<UsageError>(!a.weights.empty(), "--weights is needed: a safetensors file or a run folder");
  check<UsageError>(!a.images.empty(), "name image files, or folders of them");
  check<UsageError>(a.top > 0, "--top: expected 1 or more, got ", a.top);
  const WeightsFile file = load_weights(a.weights);
  const DType dtype = parse_precision(a.precision);
  const Autocast autocast(autocast_for(a.precision, console));
  const Dim channels = file.info.channels > 0 ? file.info.channels : 3;
  const Dim side = a.img_size > 0 ? a.img_size : file.info.image_size;
  check<UsageError>(side > 0, file.path, " does not say how large its images are; add --img-size");
  const DataFlags flags{.mean = a.mean, .std = a.std};
  Normalisation normalisation = file.info.normalisation;
  check<UsageError>(!normalisation.mean.empty() || (!a.mean.empty() && !a.std.empty()), file.path,
                    " does not say how its images are normalised; add --mean and --std");
  normalisation = flags.normalisation(normalisation, channels);

  const auto net = build_for_inference(file, a.model.model, a.model.arguments(),
                                       autocast_enabled() ? DType::bf16 : dtype, {channels, side, side});
  const NoGrad no_grad;
  Json::Array documents;
  Outcome outcome;
  const auto read = [&](const std::string& path) -> std::optional<Image> {
    try {
      return fit(read_image(path, channels), side);
    } catch (const FileError& error) {
      Console::write_error(text("fanin predict: ", error.what(), "\n"));
      outcome.code = Exit::file;
      return {};
    }
  };
  for (const std::string& path : image_files(a.images)) {
    const std::optional<Image> image = read(path);
    if (!image) continue;  // the others may be fine
    const Tensor logits = (*net)(to_tensor({&*image, 1}, normalisation, dtype));
    const std::vector<double> probabilities = softmax(logits.as(DType::f64), 1).values();
    const auto name_of = [&](std::size_t c) {
      return probabilities.size() == file.info.classes.size() ? file.info.classes[c] : text("class ", c);
    };
    std::vector<std::size_t> order(probabilities.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::ranges::stable_sort(order, [&](std::size_t p, std::size_t q) { return probabilities[p] > probabilities[q]; });
    order.resize(std::min(order.size(), static_cast<std::size_t>(a.top)));
    Json::Array top;
    std::string line = path + ":";
    for (const std::size_t c : order) {
      line += text("  ", name_of(c), " ", fixed(100 * probabilities[c], 2), "%");
      Json entry = Json::object();
      top.push_back(
          entry.set("class", name_of(c)).set("index", static_cast<Dim>(c)).set("probability", probabilities[c]));
    }
    console.result(line);
    Json document = Json::object();
    document.set("file", path).set("class", name_of(order[0])).set("probability", probabilities[order[0]]);
    documents.push_back(document.set("top", std::move(top)));
  }
  outcome.json.set("predictions", std::move(documents));
  return outcome;
}

}  // namespace

Command predict_command() {
  return {"predict", "says what is in image files, and how sure it is", examples, [](Options& options) {
            auto a = std::make_shared<Arguments>();
            options.positional("IMAGE …", a->images, "JPEG, PNG or BMP files, or folders of them");
            options.heading("Prediction");
            options.add("weights", &a->weights, "a safetensors file, or a run folder", "FILE");
            options.add("top", &a->top, "how many classes to list for each image");
            options.add("img-size", &a->img_size, "side of the square the network gets; 0: as it was trained");
            options.add("precision", &a->precision, "f32, bf16 or f64", "TYPE");
            options.add("mean", &a->mean, "per-channel mean, in place of the file's");
            options.add("std", &a->std, "per-channel standard deviation, likewise");
            a->model.declare(options);
            return Command::Body([a](const Common&, Console& console) { return predict(*a, console); });
          }};
}

}  // namespace fanin
