#include <algorithm>

#include "core/check.h"
#include "core/io/atomic_file.h"
#include "data/format.h"

namespace fanin {

StoredImages::StoredImages(DatasetInfo info, Size2 size, std::vector<std::uint8_t> pixels,
                           std::vector<std::uint8_t> labels, std::vector<Origin> origins)
    : info_(std::move(info)),
      image_size_(size),
      pixels_(std::move(pixels)),
      labels_(std::move(labels)),
      origins_(std::move(origins)) {
  if (info_.height == 0) info_.height = size.h;
  if (info_.width == 0) info_.width = size.w;
  check(pixels_.size() == labels_.size() * static_cast<std::size_t>(info_.channels * size.h * size.w),
        "StoredImages: ", pixels_.size(), " bytes for ", labels_.size(), " images of ", size);
}

Image StoredImages::image(Dim i) const {
  check(i >= 0 && i < this->size(), "image ", i, " of ", this->size());
  Image image;
  image.channels = info_.channels;
  image.height = image_size_.h;
  image.width = image_size_.w;
  const Dim bytes = info_.channels * image_size_.h * image_size_.w;
  image.pixels.assign(pixels_.begin() + i * bytes, pixels_.begin() + (i + 1) * bytes);
  return image;
}

std::string StoredImages::source(Dim i) const {
  const auto after = std::ranges::upper_bound(origins_, i, {}, &Origin::first);
  const Origin& origin = *std::prev(after);
  return text(origin.file, ":", i - origin.first);
}

std::vector<std::string> read_lines(const std::string& path) {
  const std::string file = read_file(path, std::size_t{1} << 20);
  std::vector<std::string> lines;
  for (std::size_t at = 0; at < file.size();) {
    const std::size_t end = std::min(file.find('\n', at), file.size());
    const std::string line = file.substr(at, end - at);
    const std::size_t first = line.find_first_not_of(" \t\r");
    if (first != std::string::npos) lines.push_back(line.substr(first, line.find_last_not_of(" \t\r") + 1 - first));
    at = end + 1;
  }
  return lines;
}

}  // namespace fanin
