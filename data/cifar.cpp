#include <algorithm>
#include <string>

#include "core/check.h"
#include "core/io/atomic_file.h"
#include "data/format.h"

namespace fanin {
namespace {

namespace fs = std::filesystem;

constexpr Dim side = 32;
constexpr std::size_t pixels_per_image = 3 * side * side;

/// CIFAR-10 and CIFAR-100 differ in these only.
struct Variant {
  std::string kind;
  std::vector<std::string> train, test;  // file names
  std::string names;                     // of the file of class names
  std::size_t label_bytes = 1;           // the last of them is the label
  Normalisation normalisation;
};

Variant cifar10() {
  Variant v{.kind = "cifar10",
            .train = {},
            .test = {"test_batch.bin"},
            .names = "batches.meta.txt",
            .label_bytes = 1,
            .normalisation = {{0.4914, 0.4822, 0.4465}, {0.2470, 0.2435, 0.2616}}};
  for (int i = 1; i <= 5; ++i) v.train.push_back(text("data_batch_", i, ".bin"));
  return v;
}

Variant cifar100() {
  return {.kind = "cifar100",
          .train = {"train.bin"},
          .test = {"test.bin"},
          .names = "fine_label_names.txt",
          .label_bytes = 2,
          .normalisation = {{0.5071, 0.4865, 0.4409}, {0.2673, 0.2564, 0.2762}}};
}

std::vector<std::string> present(const fs::path& folder, const std::vector<std::string>& names) {
  std::vector<std::string> found;
  for (const std::string& name : names)
    if (fs::is_regular_file(folder / name)) found.push_back(name);
  return found;
}

bool holds(const fs::path& folder, const Variant& v) {
  return !present(folder, v.train).empty() || !present(folder, v.test).empty();
}

Variant variant_of(const fs::path& folder) { return holds(folder, cifar10()) ? cifar10() : cifar100(); }

std::vector<std::string> class_names(const fs::path& folder, const Variant& v) {
  const fs::path path = folder / v.names;
  if (fs::exists(path)) {
    std::vector<std::string> names = read_lines(path.string());
    check<FileError>(!names.empty(), path.string(), ": no class names in it");
    return names;
  }
  if (v.kind == "cifar10")
    return {"airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"};
  std::vector<std::string> numbers;
  for (int i = 0; i < 100; ++i) numbers.push_back(std::to_string(i));
  return numbers;
}

std::shared_ptr<const Dataset> open(const std::string& path, Split part, const DataOptions& options) {
  const fs::path folder = path;
  const Variant v = variant_of(folder);
  const std::size_t record = v.label_bytes + pixels_per_image;
  DatasetInfo info{.kind = v.kind,
                   .path = path,
                   .split = part,
                   .val_split = 0,
                   .classes = class_names(folder, v),
                   .channels = 3,
                   .height = options.img_size,
                   .width = options.img_size,
                   .normalisation = v.normalisation};
  std::vector<std::uint8_t> pixels, labels;
  std::vector<StoredImages::Origin> origins;
  for (const std::string& name : present(folder, part == Split::train ? v.train : v.test)) {
    const std::string full = (folder / name).string();
    const std::string file = read_file(full);
    check<FileError>(!file.empty() && file.size() % record == 0, full, ": truncated: ", file.size(),
                     " bytes are not a positive whole number of records of ", record, " bytes");
    origins.push_back({static_cast<Dim>(labels.size()), name});
    pixels.reserve(pixels.size() + file.size() / record * pixels_per_image);
    for (std::size_t at = 0; at < file.size(); at += record) {
      const auto label = static_cast<std::uint8_t>(file[at + v.label_bytes - 1]);
      check<FileError>(label < info.classes.size(), full, ": record ", at / record, ", byte ", at + v.label_bytes - 1,
                       ": label ", int{label}, " is out of range: there are ", info.classes.size(), " classes");
      labels.push_back(label);
      const auto begin = file.begin() + static_cast<std::ptrdiff_t>(at + v.label_bytes);
      pixels.insert(pixels.end(), begin, begin + pixels_per_image);
    }
  }
  return std::make_shared<StoredImages>(std::move(info), Size2(side), std::move(pixels), std::move(labels),
                                        std::move(origins));
}

bool has(const fs::path& folder, Split part) {
  const Variant v = variant_of(folder);
  return part != Split::val && !present(folder, part == Split::train ? v.train : v.test).empty();
}

}  // namespace

Format cifar_format() {
  return {.recognises = [](const fs::path& folder) { return holds(folder, cifar10()) || holds(folder, cifar100()); },
          .has = has,
          .open = open};
}

}  // namespace fanin
