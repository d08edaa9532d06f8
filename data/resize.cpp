#include <algorithm>
#include <cmath>

#include "core/check.h"
#include "data/augment.h"

namespace fanin {
namespace {

/// One output coordinate: weights of the `count` inputs from `first` on, as integers that add up to about 2^22.
struct Taps {
  Dim first = 0;
  Dim count = 0;
  std::size_t weights = 0;  // index of the first
};

struct Filter {
  std::vector<Taps> taps;
  std::vector<std::int32_t> weights;
};

constexpr int precision = 22;  // 8 bits of pixel, 22 of weight and the sign of a sum fit into 32

/// The triangle of half-width max(1, in/out) around each output pixel's centre.
Filter triangle(Dim in, Dim out) {
  const double scale = static_cast<double>(in) / static_cast<double>(out);
  const double support = std::max(scale, 1.0);
  Filter filter;
  std::vector<double> w;
  for (Dim o = 0; o < out; ++o) {
    const double centre = (static_cast<double>(o) + 0.5) * scale;
    const Dim first = std::max<Dim>(static_cast<Dim>(centre - support + 0.5), 0);
    const Dim end = std::min<Dim>(static_cast<Dim>(centre + support + 0.5), in);
    double sum = 0;
    w.clear();
    for (Dim i = first; i < end; ++i) {
      const double distance = (static_cast<double>(i) - centre + 0.5) / support;
      w.push_back(std::max(1 - std::abs(distance), 0.0));
      sum += w.back();
    }
    filter.taps.push_back({first, end - first, filter.weights.size()});
    for (const double v : w)
      filter.weights.push_back(static_cast<std::int32_t>(0.5 + v * (1.0 / sum) * (1 << precision)));
  }
  return filter;
}

std::uint8_t to_byte(std::int32_t sum) { return static_cast<std::uint8_t>(std::clamp(sum >> precision, 0, 255)); }

Image resize_width(const Image& image, Dim width) {
  const Filter filter = triangle(image.width, width);
  Image result(image.channels, image.height, width);
  for (Dim r = 0; r < image.channels * image.height; ++r) {
    const std::uint8_t* from = image.row(0, r);
    std::uint8_t* to = result.row(0, r);
    for (const Taps& t : filter.taps) {
      std::int32_t sum = 1 << (precision - 1);
      for (Dim i = 0; i < t.count; ++i) sum += from[t.first + i] * filter.weights[t.weights + i];
      *to++ = to_byte(sum);
    }
  }
  return result;
}

Image resize_height(const Image& image, Dim height) {
  const Filter filter = triangle(image.height, height);
  Image result(image.channels, height, image.width);
  std::vector<std::int32_t> sums(static_cast<std::size_t>(image.width));
  for (Dim c = 0; c < image.channels; ++c)
    for (Dim y = 0; y < height; ++y) {
      const Taps& t = filter.taps[static_cast<std::size_t>(y)];
      std::ranges::fill(sums, 1 << (precision - 1));
      for (Dim i = 0; i < t.count; ++i) {
        const std::uint8_t* from = image.row(c, t.first + i);
        const std::int32_t weight = filter.weights[t.weights + i];
        for (std::size_t x = 0; x < sums.size(); ++x) sums[x] += from[x] * weight;
      }
      std::ranges::transform(sums, result.row(c, y), to_byte);
    }
  return result;
}

/// Half of `n` as Python's round() has it: a half goes to the even number.
Dim half(Dim n) { return n / 2 + (n % 2 != 0 && n / 2 % 2 != 0 ? 1 : 0); }

Image centre(const Image& image, Size2 size) {
  return crop(image, half(image.height - size.h), half(image.width - size.w), size);
}

}  // namespace

Image resize(const Image& image, Size2 size) {
  check(size.h > 0 && size.w > 0 && image.height > 0 && image.width > 0, "resize: from ", image.size(), " to ", size);
  if (image.width == size.w) return image.height == size.h ? image : resize_height(image, size.h);
  const Image wide = resize_width(image, size.w);
  return image.height == size.h ? wide : resize_height(wide, size.h);
}

Image fit(const Image& image, Size2 size) {
  check(size.h > 0 && size.w > 0 && image.height > 0 && image.width > 0, "fit: from ", image.size(), " to ", size);
  if (image.size() == size) return image;
  // Only the centre of a long strip survives; cut it out before enlarging the strip.
  constexpr Dim longest = 32;
  const Size2 kept{std::min(image.height, longest * image.width), std::min(image.width, longest * image.height)};
  if (kept != image.size()) return fit(centre(image, kept), size);
  const bool by_height = size.h * image.width >= size.w * image.height;
  const Size2 covering = by_height ? Size2(size.h, std::max(size.w, size.h * image.width / image.height))
                                   : Size2(std::max(size.h, size.w * image.height / image.width), size.w);
  return centre(resize(image, covering), size);
}

}  // namespace fanin
