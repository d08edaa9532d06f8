#include "data/dataset.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <numeric>

#include "core/check.h"
#include "core/random.h"
#include "data/format.h"
#include "data/shapes.h"

namespace fanin {
namespace {

namespace fs = std::filesystem;

Format shapes_format() {
  return {.recognises = [](const fs::path& spec) { return spec == "shapes"; },
          .has = [](const fs::path&, Split part) { return part != Split::val; },
          .open =
              [](const std::string&, Split part, const DataOptions& options) {
                return make_shapes(part, options.img_size > 0 ? options.img_size : 32);
              }};
}

std::vector<Format> formats() { return {cifar_format(), mnist_format(), folder_format()}; }

const Format* recognise(const std::vector<Format>& known, const fs::path& folder) {
  const auto found = std::ranges::find_if(known, [&](const Format& f) { return f.recognises(folder); });
  return found == known.end() ? nullptr : &*found;
}

/// What a folder that is no data set looks like it was meant to be.
std::string hint(const fs::path& folder) {
  if (fs::exists(folder / "data_batch_1") || fs::exists(folder / "train"))
    return "; this looks like CIFAR's Python files: the binary version is read";
  for (const auto& entry : fs::directory_iterator(folder))
    if (entry.is_directory() && recognise(formats(), entry.path()))
      return text("; did you mean ", entry.path().string(), "?");
  for (const auto& entry : fs::directory_iterator(folder))
    if (entry.is_directory())
      for (const auto& file : fs::directory_iterator(entry.path()))
        if (has_image_suffix(file.path().string()))
          return text("; ", entry.path().string(), " has images: put the class folders into ",
                      (folder / "train").string(), ", and --val-split 0.1 will hold some out");
  return "; images belong into train/<class>/, or give CIFAR binary or MNIST IDX files";
}

Format format_of(const std::string& spec) {
  if (shapes_format().recognises(spec)) return shapes_format();
  check<FileError>(fs::exists(spec), spec, ": no such folder; give one with images, or 'shapes' for the built-in data");
  check<FileError>(fs::is_directory(spec), spec, ": a file; give the folder it lies in");
  const std::vector<Format> known = formats();
  const Format* format = recognise(known, spec);
  if (format == nullptr) fail<FileError>(spec, ": no data set known here", hint(spec));
  return *format;
}

/// f(), where what the system refuses (a folder that may not be listed) becomes a FileError.
template <class F>
auto with_file_errors(const std::string& spec, F&& f) {
  try {
    return f();
  } catch (const fs::filesystem_error& error) {
    const std::string path = error.path1().string();
    fail<FileError>(path.empty() ? spec : path, ": ", error.code().message());
  }
}

void check_options(const std::string& spec, const Format& format, const DataOptions& options) {
  constexpr Dim largest = 4096;
  check<Error>(options.img_size >= 0 && options.img_size <= largest, "img_size (--img-size) must be from 1 to ",
               largest, ", got ", options.img_size);
  check<Error>(options.val_split >= 0 && options.val_split < 1,
               "val_split (--val-split) is the share to hold out, at least 0 and below 1, got ", options.val_split);
  check<Error>(options.val_split == 0 || !format.has(spec, Split::val), spec,
               " has a val/ folder of its own, which is the validation split: leave val_split (--val-split) at 0");
}

std::shared_ptr<const Dataset> open_part(const std::string& spec, const Format& format, Split part,
                                         const DataOptions& options) {
  if (format.has(spec, part)) return format.open(spec, part, options);
  std::string there;
  for (const Split other : available_splits(spec, options)) there += text(there.empty() ? "" : ", ", name_of(other));
  fail<FileError>(spec, ": no ", name_of(part), " split here, only ", there,
                  part == Split::val ? "; hold out a share of the training data with val_split (--val-split)" : "");
}

/// Which samples to hold out. The samples are laid out class after class, shuffled within each class by a fixed key,
/// and taken at even distances: exactly k of n, and of each class its share to within one.
std::vector<bool> held_out(const Dataset& data, double share) {
  constexpr std::uint64_t key = 0x66616e696e;
  const Dim n = data.size(), k = std::llround(share * static_cast<double>(n));
  check<Error>(k >= 1 && k < n, "val_split ", share, " of ", n, " images leaves ", k, " for validation and ", n - k,
               " for training");
  std::vector<Dim> samples(static_cast<std::size_t>(n));
  std::iota(samples.begin(), samples.end(), Dim{0});
  Stream stream(key, static_cast<std::uint64_t>(n));
  for (std::size_t i = samples.size(); i > 1; --i)
    std::swap(samples[i - 1], samples[static_cast<std::size_t>(stream.below(static_cast<Dim>(i)))]);
  std::ranges::stable_sort(samples, {}, [&](Dim i) { return data.label(i); });
  std::vector<bool> held(samples.size());
  for (Dim p = 0; p < n; ++p)
    if ((p + 1) * k / n > p * k / n) held[static_cast<std::size_t>(samples[static_cast<std::size_t>(p)])] = true;
  return held;
}

class Subset final : public Dataset {
 public:
  Subset(std::shared_ptr<const Dataset> whole, std::vector<Dim> indices, DatasetInfo info)
      : whole_(std::move(whole)), indices_(std::move(indices)), info_(std::move(info)) {
    for (const Dim i : indices_) check(i >= 0 && i < whole_->size(), "subset: no image ", i, " among ", whole_->size());
  }

  Dim size() const override { return static_cast<Dim>(indices_.size()); }
  Image image(Dim i) const override { return whole_->image(at(i)); }
  Dim label(Dim i) const override { return whole_->label(at(i)); }
  std::string source(Dim i) const override { return whole_->source(at(i)); }
  const DatasetInfo& info() const override { return info_; }
  bool in_memory() const override { return whole_->in_memory(); }

 private:
  Dim at(Dim i) const { return indices_.at(static_cast<std::size_t>(i)); }
  std::shared_ptr<const Dataset> whole_;
  std::vector<Dim> indices_;
  DatasetInfo info_;
};

TrainVal divide(const std::shared_ptr<const Dataset>& whole, double share) {
  const std::vector<bool> held = held_out(*whole, share);
  const auto part = [&](Split split) {
    std::vector<Dim> indices;
    for (Dim i = 0; i < whole->size(); ++i)
      if (held[static_cast<std::size_t>(i)] == (split == Split::val)) indices.push_back(i);
    DatasetInfo info = whole->info();
    info.split = split;
    info.val_split = share;
    return std::make_shared<Subset>(whole, std::move(indices), std::move(info));
  };
  return {part(Split::train), part(Split::val)};
}

}  // namespace

std::string_view name_of(Split split) {
  switch (split) {
    case Split::train: return "train";
    case Split::val: return "val";
    case Split::test: return "test";
  }
  return "?";
}

Split parse_split(std::string_view name) {
  for (const Split split : {Split::train, Split::val, Split::test})
    if (name == name_of(split)) return split;
  fail<Error>("a split is train, val or test, got '", name, "'");
}

std::uint64_t Dataset::fingerprint() const {
  std::uint64_t hash = 0xcbf29ce484222325U;  // FNV-1a, 64 bits
  const auto add = [&](std::uint8_t byte) { hash = (hash ^ byte) * 0x100000001b3U; };
  for (Dim i = 0; i < size(); ++i) {
    for (const char c : source(i)) add(static_cast<std::uint8_t>(c));
    add(0);
    for (auto rest = static_cast<std::uint64_t>(label(i)); rest > 0; rest >>= 8) add(rest & 0xff);
    add(0);
  }
  return hash;
}

TrainVal open_train_val(const std::string& spec, const DataOptions& options) {
  return with_file_errors(spec, [&]() -> TrainVal {
    const Format format = format_of(spec);
    check_options(spec, format, options);
    const std::shared_ptr<const Dataset> train = open_part(spec, format, Split::train, options);
    if (options.val_split > 0) return divide(train, options.val_split);
    return {train, format.has(spec, Split::val) ? format.open(spec, Split::val, options) : nullptr};
  });
}

std::shared_ptr<const Dataset> open_dataset(const std::string& spec, Split split, const DataOptions& options) {
  return with_file_errors(spec, [&]() -> std::shared_ptr<const Dataset> {
    const Format format = format_of(spec);
    check_options(spec, format, options);
    if (options.val_split == 0 || split == Split::test) return open_part(spec, format, split, options);
    const TrainVal parts = divide(open_part(spec, format, Split::train, options), options.val_split);
    return split == Split::train ? parts.train : parts.val;
  });
}

std::vector<Split> available_splits(const std::string& spec, const DataOptions& options) {
  return with_file_errors(spec, [&] {
    const Format format = format_of(spec);
    std::vector<Split> splits;
    const bool train = format.has(spec, Split::train);
    if (train) splits.push_back(Split::train);
    if (format.has(spec, Split::val) || (train && options.val_split > 0)) splits.push_back(Split::val);
    if (format.has(spec, Split::test)) splits.push_back(Split::test);
    return splits;
  });
}

std::shared_ptr<const Dataset> subset(std::shared_ptr<const Dataset> whole, std::vector<Dim> indices) {
  DatasetInfo info = whole->info();
  return std::make_shared<Subset>(std::move(whole), std::move(indices), std::move(info));
}

}  // namespace fanin
