#include "data/augment.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <utility>

#include "core/check.h"

namespace fanin {
namespace {

constexpr std::array<std::pair<std::string_view, bool Augment::*>, 5> words{{{"crop", &Augment::crop},
                                                                             {"flip", &Augment::flip},
                                                                             {"cutout", &Augment::cutout},
                                                                             {"jitter", &Augment::jitter},
                                                                             {"resized-crop", &Augment::resized_crop}}};

/// A window of 8 to 100 % of the area, sides 3:4 to 4:3; the largest such window in the middle if ten draws miss.
Image random_window(const Image& image, Stream& stream) {
  constexpr double least_area = 0.08, widest = 4.0 / 3.0;
  const auto height = static_cast<double>(image.height), width = static_cast<double>(image.width);
  for (int attempt = 0; attempt < 10; ++attempt) {
    const double area = height * width * stream.uniform(least_area, 1.0);
    const double ratio = std::exp(stream.uniform(-std::log(widest), std::log(widest)));
    const Dim w = std::lround(std::sqrt(area * ratio)), h = std::lround(std::sqrt(area / ratio));
    if (w < 1 || h < 1 || w > image.width || h > image.height) continue;
    const Dim top = stream.below(image.height - h + 1);
    return crop(image, top, stream.below(image.width - w + 1), {h, w});
  }
  const Dim w = std::clamp<Dim>(std::lround(height * widest), 1, image.width);
  const Dim h = std::clamp<Dim>(std::lround(width * widest), 1, image.height);
  return crop(image, (image.height - h) / 2, (image.width - w) / 2, {h, w});
}

Image random_crop(const Image& image, Stream& stream) {
  const Dim down = (image.height + 4) / 8, right = (image.width + 4) / 8;
  const Dim top = stream.below(2 * down + 1) - down;
  return crop(image, top, stream.below(2 * right + 1) - right, image.size());
}

}  // namespace

Augment Augment::parse(std::string_view list) {
  Augment augment;
  if (list == "none") return augment;
  while (true) {
    const std::size_t comma = std::min(list.find(','), list.size());
    const std::string_view word = list.substr(0, comma);
    const auto known = std::ranges::find(words, word, [](const auto& entry) { return entry.first; });
    if (known == words.end())
      fail<Error>("augment (--augment): no '", word,
                  "'; a comma list of crop, flip, cutout, jitter, resized-crop, or none");
    augment.*(known->second) = true;
    if (comma == list.size()) break;
    list.remove_prefix(comma + 1);
  }
  check<Error>(!augment.crop || !augment.resized_crop,
               "augment (--augment): crop and resized-crop are alternatives; give one");
  return augment;
}

std::string Augment::text() const {
  std::string list;
  for (const auto& [word, member] : words)
    if (this->*member) list.append(list.empty() ? "" : ",").append(word);
  return list.empty() ? "none" : list;
}

Image flip(const Image& image) {
  Image result = image;
  for (Dim r = 0; r < image.channels * image.height; ++r)
    std::reverse(result.row(0, r), result.row(0, r) + image.width);
  return result;
}

Image crop(const Image& image, Dim top, Dim left, Size2 size) {
  Image result(image.channels, size.h, size.w);
  const Dim first = std::clamp<Dim>(-left, 0, size.w);
  const Dim end = std::clamp<Dim>(image.width - left, first, size.w);
  for (Dim c = 0; c < image.channels; ++c)
    for (Dim y = std::max<Dim>(0, -top); y < std::min(size.h, image.height - top); ++y)
      std::copy_n(image.row(c, y + top) + left + first, end - first, result.row(c, y) + first);
  return result;
}

void cutout(Image& image, Dim y, Dim x, Dim side, std::span<const std::uint8_t> fill) {
  check(static_cast<Dim>(fill.size()) == image.channels, "cutout: ", fill.size(), " colours for ", image.channels,
        " channels");
  const Dim top = std::clamp<Dim>(y - side / 2, 0, image.height);
  const Dim bottom = std::clamp<Dim>(y - side / 2 + side, top, image.height);
  const Dim left = std::clamp<Dim>(x - side / 2, 0, image.width);
  const Dim right = std::clamp<Dim>(x - side / 2 + side, left, image.width);
  for (Dim c = 0; c < image.channels; ++c)
    for (Dim row = top; row < bottom; ++row)
      std::fill(image.row(c, row) + left, image.row(c, row) + right, fill[static_cast<std::size_t>(c)]);
}

Image augment(const Image& image, const Augment& which, Size2 size, std::span<const std::uint8_t> fill,
              Stream& stream) {
  Image result = which.resized_crop ? resize(random_window(image, stream), size) : fit(image, size);
  if (which.crop) result = random_crop(result, stream);
  if (which.flip && stream.chance(0.5)) result = flip(result);
  if (which.cutout) {
    const Dim y = stream.below(size.h);
    cutout(result, y, stream.below(size.w), std::max<Dim>(1, std::min(size.h, size.w) / 2), fill);
  }
  return result;
}

void jitter(std::span<float> x, Dim channels, Stream& stream) {
  constexpr double most = 0.2;
  const auto brightness = static_cast<float>(stream.uniform(-most, most));
  const auto contrast = static_cast<float>(1 + stream.uniform(-most, most));
  const auto saturation = static_cast<float>(1 + stream.uniform(-most, most));
  const auto mean =
      static_cast<float>(std::accumulate(x.begin(), x.end(), 0.0) / static_cast<double>(x.size())) + brightness;
  for (float& v : x) v = mean + contrast * (v + brightness - mean);
  if (channels != 3) return;
  const std::size_t area = x.size() / 3;
  for (std::size_t i = 0; i < area; ++i) {
    const float grey = (x[i] + x[area + i] + x[2 * area + i]) / 3;
    for (std::size_t c = 0; c < 3; ++c) x[c * area + i] = grey + saturation * (x[c * area + i] - grey);
  }
}

}  // namespace fanin
