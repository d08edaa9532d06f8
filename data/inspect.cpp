#include "data/inspect.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <mutex>

#include "core/check.h"
#include "core/threads.h"

namespace fanin {
namespace {

/// Sums of bytes: exact, so that the result is the same in whatever order they are added.
struct Sums {
  std::vector<std::uint64_t> values, squares;
  std::uint64_t pixels = 0;
  Size2 smallest{std::numeric_limits<Dim>::max()};
  Size2 largest{0};
  std::vector<std::pair<Dim, std::string>> problems;

  void add(const Image& image) {
    const std::size_t area = image.pixels.size() / static_cast<std::size_t>(image.channels);
    for (std::size_t c = 0; c < values.size(); ++c)
      for (std::size_t i = 0; i < area; ++i) {
        const std::uint64_t v = image.pixels[c * area + i];
        values[c] += v;
        squares[c] += v * v;
      }
    pixels += area;
    smallest = {std::min(smallest.h, image.height), std::min(smallest.w, image.width)};
    largest = {std::max(largest.h, image.height), std::max(largest.w, image.width)};
  }

  void add(const Sums& other) {
    for (std::size_t c = 0; c < values.size(); ++c) {
      values[c] += other.values[c];
      squares[c] += other.squares[c];
    }
    pixels += other.pixels;
    smallest = {std::min(smallest.h, other.smallest.h), std::min(smallest.w, other.smallest.w)};
    largest = {std::max(largest.h, other.largest.h), std::max(largest.w, other.largest.w)};
    problems.insert(problems.end(), other.problems.begin(), other.problems.end());
  }
};

void look_at(const Dataset& data, Dim i, Sums& sums) {
  try {
    sums.add(data.image(i));
  } catch (const std::exception& error) {
    sums.problems.emplace_back(i, error.what());
  }
}

/// A normalised image as bytes again, the nearest ones.
Image to_image(const Tensor& x, const Normalisation& n) {
  Image image(x.dim(1), x.dim(2), x.dim(3));
  const std::span<const float> values = x.data<float>();
  const std::size_t area = values.size() / static_cast<std::size_t>(image.channels);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double value = (double{values[i]} * n.std[i / area] + n.mean[i / area]) * 255;
    image.pixels[i] = static_cast<std::uint8_t>(std::clamp(std::lround(value), 0L, 255L));
  }
  return image;
}

}  // namespace

Census census(const Dataset& data) {
  const auto channels = static_cast<std::size_t>(data.info().channels);
  Sums none;
  none.values.resize(channels);
  none.squares.resize(channels);
  Sums total = none;
  std::mutex mutex;
  parallel_for(data.size(), 1, [&](Dim begin, Dim end) {
    Sums own = none;
    for (Dim i = begin; i < end; ++i) look_at(data, i, own);
    const std::lock_guard lock(mutex);
    total.add(own);
  });
  Census found;
  found.per_class.assign(static_cast<std::size_t>(data.classes()), 0);
  for (Dim i = 0; i < data.size(); ++i) ++found.per_class[static_cast<std::size_t>(data.label(i))];
  std::ranges::sort(total.problems);
  for (auto& [i, problem] : total.problems) found.problems.push_back(std::move(problem));
  if (total.pixels == 0) return found;
  const auto count = static_cast<double>(total.pixels);
  for (std::size_t c = 0; c < channels; ++c) {
    const double mean = static_cast<double>(total.values[c]) / count;
    const double variance = static_cast<double>(total.squares[c]) / count - mean * mean;
    found.pixels.mean.push_back(mean / 255);
    found.pixels.std.push_back(std::sqrt(std::max(variance, 0.0)) / 255);
  }
  found.smallest = total.smallest;
  found.largest = total.largest;
  return found;
}

Image contact_sheet(const Dataset& data, const SheetOptions& options) {
  const DatasetInfo& info = data.info();
  const Dim rows = options.rows > 0 ? options.rows : std::min<Dim>(data.classes(), 20);
  check(options.columns > 0 && options.gap >= 0 && rows * options.columns <= 10000, "contact_sheet: ", rows,
        " rows of ", options.columns, " images");
  const Size2 size{info.height, info.width}, step{size.h + options.gap, size.w + options.gap};
  Image sheet(info.channels, rows * step.h + options.gap, options.columns * step.w + options.gap, 255);
  std::vector<std::uint8_t> fill;
  for (const double mean : info.normalisation.mean)
    fill.push_back(static_cast<std::uint8_t>(std::clamp(std::lround(mean * 255), 0L, 255L)));
  std::vector<Dim> next(static_cast<std::size_t>(data.classes()), 0);  // where to look for the class's next image
  for (Dim cell = 0; cell < rows * options.columns; ++cell) {
    const Dim row = cell / options.columns, label = row % data.classes();
    Dim& i = next[static_cast<std::size_t>(label)];
    while (i < data.size() && data.label(i) != label) ++i;
    if (i == data.size()) continue;
    Stream stream(options.seed, 0, static_cast<std::uint64_t>(i));
    const Image image = augment(data.image(i++), options.augment, size, fill, stream);
    Tensor x = to_tensor({&image, 1}, info.normalisation);
    if (options.augment.jitter) jitter(x.mutable_data<float>(), info.channels, stream);
    const Image seen = to_image(x, info.normalisation);
    const Dim top = options.gap + row * step.h, left = options.gap + cell % options.columns * step.w;
    for (Dim c = 0; c < info.channels; ++c)
      for (Dim y = 0; y < size.h; ++y) std::copy_n(seen.row(c, y), size.w, sheet.row(c, top + y) + left);
  }
  return sheet;
}

}  // namespace fanin
