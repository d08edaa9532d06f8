#include <array>
#include <cmath>

#include "data/loader.h"

namespace fanin {
namespace {

/// What each of the 256 bytes becomes: looking up is exact and cheaper than dividing.
std::array<float, 256> byte_values(double mean, double std) {
  const auto m = static_cast<float>(mean), s = static_cast<float>(std);
  std::array<float, 256> values{};
  for (int v = 0; v < 256; ++v) values[static_cast<std::size_t>(v)] = (static_cast<float>(v) / 255.0F - m) / s;
  return values;
}

}  // namespace

Tensor to_tensor(std::span<const Image> images, const Normalisation& normalisation, DType dtype) {
  check(!images.empty(), "to_tensor: no images");
  const Image& first = images.front();
  const auto channels = static_cast<std::size_t>(first.channels);
  check(normalisation.mean.size() == channels && normalisation.std.size() == channels,
        "to_tensor: ", normalisation.mean.size(), " means and ", normalisation.std.size(), " standard deviations for ",
        channels, " channels");
  std::vector<std::array<float, 256>> tables;
  for (std::size_t c = 0; c < channels; ++c) {
    const double mean = normalisation.mean[c], std = normalisation.std[c];
    check(std::isfinite(mean) && std::isfinite(std) && std > 0, "to_tensor: cannot normalise with mean ", mean,
          " and standard deviation ", std);
    tables.push_back(byte_values(mean, std));
  }
  Tensor batch = Tensor::empty({static_cast<Dim>(images.size()), first.channels, first.height, first.width}, dtype);
  const std::size_t area = first.pixels.size() / channels;
  dispatch(dtype, [&]<class T>() {
    T* out = batch.mutable_data<T>().data();
    for (const Image& image : images) {
      check(image.channels == first.channels && image.size() == first.size(), "to_tensor: images of ", image.channels,
            " channels, ", image.size(), " and of ", first.channels, " channels, ", first.size(), " in one batch");
      for (std::size_t c = 0; c < channels; ++c)
        for (std::size_t i = 0; i < area; ++i) *out++ = static_cast<T>(tables[c][image.pixels[c * area + i]]);
    }
  });
  return batch;
}

}  // namespace fanin
