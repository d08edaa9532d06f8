#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "data/dataset.h"

namespace fanin {

/// One way in which images lie in a folder. To teach fanin another, write these three functions and add the format to
/// the list in dataset.cpp.
struct Format {
  /// Whether the folder looks like it, from the names in it.
  bool (*recognises)(const std::filesystem::path& folder);
  /// Whether this part is there, from the names alone. val: only where the files themselves say so.
  bool (*has)(const std::filesystem::path& folder, Split part);
  /// Reads the part and checks all of it but the pixels of encoded images. Called only where has() is true.
  std::shared_ptr<const Dataset> (*open)(const std::string& path, Split part, const DataOptions& options);
};

Format cifar_format();
Format mnist_format();
Format folder_format();

/// Images of one size with labels, held in memory: what CIFAR and MNIST become.
class StoredImages final : public Dataset {
 public:
  /// Where the samples from number `first` on came from.
  struct Origin {
    Dim first = 0;
    std::string file;
  };

  /// `pixels` holds labels.size() images of info.channels × size.
  StoredImages(DatasetInfo info, Size2 size, std::vector<std::uint8_t> pixels, std::vector<std::uint8_t> labels,
               std::vector<Origin> origins);

  Dim size() const override { return static_cast<Dim>(labels_.size()); }
  Image image(Dim i) const override;
  Dim label(Dim i) const override { return labels_.at(static_cast<std::size_t>(i)); }
  std::string source(Dim i) const override;
  const DatasetInfo& info() const override { return info_; }
  bool in_memory() const override { return true; }

 private:
  DatasetInfo info_;
  Size2 image_size_;
  std::vector<std::uint8_t> pixels_;
  std::vector<std::uint8_t> labels_;
  std::vector<Origin> origins_;
};

/// The lines of a text file, without the empty ones, line ends and blanks around them.
std::vector<std::string> read_lines(const std::string& path);

}  // namespace fanin
