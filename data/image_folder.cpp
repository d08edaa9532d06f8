#include <algorithm>
#include <string>

#include "core/check.h"
#include "data/format.h"

namespace fanin {
namespace {

namespace fs = std::filesystem;

struct Entry {
  std::string path;  // below the data's folder
  Dim label = 0;
};

/// One split of a folder. Images are decoded each time they are asked for; the loader keeps those that fit.
class ImageFolder final : public Dataset {
 public:
  ImageFolder(DatasetInfo info, std::vector<Entry> entries) : info_(std::move(info)), entries_(std::move(entries)) {}

  Dim size() const override { return static_cast<Dim>(entries_.size()); }
  Image image(Dim i) const override {
    return read_image((fs::path(info_.path) / entry(i).path).string(), info_.channels);
  }
  Dim label(Dim i) const override { return entry(i).label; }
  std::string source(Dim i) const override { return entry(i).path; }
  const DatasetInfo& info() const override { return info_; }

 private:
  const Entry& entry(Dim i) const { return entries_.at(static_cast<std::size_t>(i)); }
  DatasetInfo info_;
  std::vector<Entry> entries_;
};

bool hidden(const fs::path& path) { return path.filename().string().starts_with('.'); }

std::vector<std::string> class_folders(const fs::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder))
    if (entry.is_directory() && !hidden(entry.path())) names.push_back(entry.path().filename().string());
  std::ranges::sort(names);  // std::string compares bytes, whatever the locale
  return names;
}

/// The images below a class folder, sorted by folder, then by name: PyTorch's order.
std::vector<fs::path> images_below(const fs::path& folder) {
  constexpr int deepest = 16;
  std::vector<fs::path> found;
  for (auto at = fs::recursive_directory_iterator(folder, fs::directory_options::follow_directory_symlink);
       at != fs::recursive_directory_iterator(); ++at) {
    check<FileError>(at.depth() <= deepest, at->path().string(), ": more than ", deepest,
                     " folders deep; is there a circle of links?");
    if (hidden(at->path())) {
      at.disable_recursion_pending();
      continue;
    }
    if (!at->is_regular_file()) continue;
    const std::string path = at->path().string();
    if (has_image_suffix(path)) found.push_back(at->path());
    const std::string suffix = lower_suffix(path);
    for (const char* other : {".gif", ".webp", ".heic", ".heif", ".avif", ".tif", ".tiff", ".ppm", ".pgm"})
      check<FileError>(suffix != other, path, ": a ", suffix, " file; convert it to JPEG, PNG or BMP");
  }
  std::ranges::sort(found, {},
                    [](const fs::path& p) { return std::pair(p.parent_path().string(), p.filename().string()); });
  return found;
}

std::vector<Entry> list_split(const std::string& path, Split part, const std::vector<std::string>& classes) {
  const fs::path folder = fs::path(path) / name_of(part);
  std::vector<Entry> entries;
  for (std::size_t label = 0; label < classes.size(); ++label) {
    const std::vector<fs::path> images = images_below(folder / classes[label]);
    check<FileError>(!images.empty(), (folder / classes[label]).string(),
                     ": a class without images (.jpg, .jpeg, .png or .bmp)");
    for (const fs::path& image : images)
      entries.push_back({image.lexically_relative(path).string(), static_cast<Dim>(label)});
  }
  return entries;
}

/// The classes of `part`; those of train where it is there, which `part` must then have too, and no others.
std::vector<std::string> classes_of(const fs::path& root, Split part) {
  const fs::path folder = root / name_of(part);
  const std::vector<std::string> own = class_folders(folder);
  check<FileError>(own.size() >= 2, folder.string(), ": ", own.size(),
                   " class folders; a classifier needs two or more, one a class, with images in them");
  if (part == Split::train || !fs::is_directory(root / "train")) return own;
  const std::vector<std::string> train = class_folders(root / "train");
  for (const std::string& name : train)
    check<FileError>(std::ranges::binary_search(own, name), folder.string(), ": no class '", name,
                     "', which train/ has");
  for (const std::string& name : own)
    check<FileError>(std::ranges::binary_search(train, name), folder.string(), ": class '", name, "' is not in train/");
  return own;
}

/// What a network's input is unless told otherwise.
struct Usual {
  Dim side = 0;
  Dim channels = 0;
};

/// The side is that of the images where they are small and of one size, otherwise 224, as is usual for photos; one
/// channel where all are grey. Of many images a few hundred are looked at. Where the side is `told`, one that cannot be
/// read is left to whoever wants its pixels.
Usual usual_input(const std::string& root, const std::vector<Entry>& entries, Dim told) {
  constexpr Dim photo = 224, largest_own = 256;
  const std::size_t step = entries.size() / 256 + 1;
  std::optional<Size2> first;
  Usual usual{told, 1};
  for (std::size_t i = 0; i < entries.size(); i += step) {
    try {
      const ImageHeader header = image_header((fs::path(root) / entries[i].path).string());
      if (!first) first = header.size;
      if (header.size != *first && told == 0) usual.side = photo;
      usual.channels = std::max(usual.channels, header.channels);
    } catch (const FileError&) {
      if (told == 0) throw;
    }
  }
  if (!first) usual.channels = 3;
  if (usual.side > 0) return usual;
  const Dim shorter = std::min(first->h, first->w);
  return {shorter <= largest_own ? shorter : photo, usual.channels};
}

std::shared_ptr<const Dataset> open(const std::string& path, Split part, const DataOptions& options) {
  const std::vector<std::string> classes = classes_of(path, part);
  std::vector<Entry> entries = list_split(path, part, classes);
  // All splits follow train, so that a network meets one size.
  const bool own = part == Split::train || !fs::is_directory(fs::path(path) / "train");
  const Usual usual = usual_input(path, own ? entries : list_split(path, Split::train, classes), options.img_size);
  // ImageNet's, as everybody uses them; of grey images the means over its channels.
  const Normalisation colour{{0.485, 0.456, 0.406}, {0.229, 0.224, 0.225}}, grey{{0.449}, {0.226}};
  DatasetInfo info{.kind = "folder",
                   .path = path,
                   .split = part,
                   .val_split = 0,
                   .classes = classes,
                   .channels = usual.channels,
                   .height = usual.side,
                   .width = usual.side,
                   .normalisation = usual.channels == 1 ? grey : colour};
  return std::make_shared<ImageFolder>(std::move(info), std::move(entries));
}

bool has(const fs::path& folder, Split part) { return fs::is_directory(folder / name_of(part)); }

}  // namespace

Format folder_format() {
  return {.recognises =
              [](const fs::path& folder) {
                return has(folder, Split::train) || has(folder, Split::val) || has(folder, Split::test);
              },
          .has = has,
          .open = open};
}

}  // namespace fanin
