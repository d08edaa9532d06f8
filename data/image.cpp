#include "data/image.h"

#include <algorithm>
#include <cctype>
#include <climits>
#include <cstdlib>
#include <memory>

#include "core/check.h"
#include "core/io/atomic_file.h"
#include "data/image_guard.h"

// Zeroed memory, because damaged files make stb_image read what it has not written; and no single piece beyond what the
// largest permitted image needs, because a small PNG can claim to inflate to anything.
namespace {
constexpr std::size_t most_memory = std::size_t{1} << 30;
void* stb_malloc(std::size_t bytes) { return bytes > most_memory ? nullptr : std::calloc(bytes ? bytes : 1, 1); }
void* stb_realloc(void* old, std::size_t bytes) { return bytes > most_memory ? nullptr : std::realloc(old, bytes); }
}  // namespace

#define STBI_MALLOC(bytes) stb_malloc(bytes)
#define STBI_REALLOC(old, bytes) stb_realloc(old, bytes)
#define STBI_FREE(old) std::free(old)
#define STBI_ASSERT(condition) ((void)0)
#define STBI_MAX_DIMENSIONS 16384
#define STBI_ONLY_JPEG
#define STBI_ONLY_PNG
#define STBI_ONLY_BMP
#define STBI_NO_STDIO
#define STB_IMAGE_STATIC
#define STB_IMAGE_IMPLEMENTATION
#define STBI_WRITE_NO_STDIO
#define STB_IMAGE_WRITE_STATIC
#define STB_IMAGE_WRITE_IMPLEMENTATION
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wall"
#pragma GCC diagnostic ignored "-Wextra"
#pragma GCC diagnostic ignored "-Wpedantic"
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wshadow"
#pragma GCC diagnostic ignored "-Wunused-function"
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"
#include <stb_image.h>
#include <stb_image_write.h>
#pragma GCC diagnostic pop

namespace fanin {

static_assert(max_image_side == STBI_MAX_DIMENSIONS && max_image_bytes <= INT_MAX);

namespace {

std::span<const std::byte> bytes_of(const std::string& text) { return std::as_bytes(std::span(text)); }

ImageHeader guarded_header(std::span<const std::byte> file, const std::string& path) {
  check<FileError>(file.size() <= max_image_bytes, path, ": ", file.size(), " bytes are too many for an image");
  const std::string problem = image_problem(file);
  check<FileError>(problem.empty(), path, ": ", problem);
  int width = 0, height = 0, channels = 0;
  const auto* data = reinterpret_cast<const stbi_uc*>(file.data());
  if (!stbi_info_from_memory(data, static_cast<int>(file.size()), &width, &height, &channels))
    fail<FileError>(path, ": cannot be decoded: ", stbi_failure_reason());
  check<FileError>(width > 0 && height > 0, path, ": an image of ", width, "x", height, " pixels");
  check<FileError>(width <= max_image_side && height <= max_image_side && Dim{width} * height <= max_image_pixels, path,
                   ": ", width, "x", height, " pixels are too many; at most ", max_image_pixels, " are read");
  return {{height, width}, channels > 2 ? 3 : 1};
}

}  // namespace

Image::Image(Dim image_channels, Dim image_height, Dim image_width, std::uint8_t value)
    : channels(image_channels), height(image_height), width(image_width) {
  check(channels > 0 && height > 0 && width > 0, "an image cannot have the shape [", channels, ", ", height, ", ",
        width, "]");
  pixels.assign(static_cast<std::size_t>(channels * height * width), value);
}

Image decode_image(std::span<const std::byte> file, const std::string& path, Dim channels) {
  check(channels == 1 || channels == 3, "decode_image: channels must be 1 or 3, got ", channels);
  guarded_header(file, path);
  int width = 0, height = 0, stored = 0;
  const std::unique_ptr<stbi_uc, decltype(&std::free)> decoded(
      stbi_load_from_memory(reinterpret_cast<const stbi_uc*>(file.data()), static_cast<int>(file.size()), &width,
                            &height, &stored, static_cast<int>(channels)),
      &std::free);
  if (!decoded) fail<FileError>(path, ": cannot be decoded: ", stbi_failure_reason());
  Image image(channels, height, width);
  const std::size_t area = image.pixels.size() / static_cast<std::size_t>(channels);
  for (std::size_t c = 0; c < static_cast<std::size_t>(channels); ++c)
    for (std::size_t i = 0; i < area; ++i)
      image.pixels[c * area + i] = decoded.get()[i * static_cast<std::size_t>(channels) + c];
  return image;
}

Image read_image(const std::string& path, Dim channels) {
  const std::string file = read_file(path, max_image_bytes);
  return decode_image(bytes_of(file), path, channels);
}

ImageHeader image_header(const std::string& path) {
  const std::string file = read_file(path, max_image_bytes);
  return guarded_header(bytes_of(file), path);
}

std::string lower_suffix(const std::string& path) {
  const std::size_t dot = path.rfind('.');
  std::string suffix = dot == std::string::npos ? "" : path.substr(dot);
  std::ranges::transform(suffix, suffix.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return suffix;
}

bool has_image_suffix(const std::string& path) {
  const std::string suffix = lower_suffix(path);
  return suffix == ".jpg" || suffix == ".jpeg" || suffix == ".png" || suffix == ".bmp";
}

void write_png(const std::string& path, const Image& image) {
  check(image.channels == 1 || image.channels == 3, "write_png: 1 or 3 channels, got ", image.channels);
  const auto channels = static_cast<std::size_t>(image.channels);
  const std::size_t area = image.pixels.size() / channels;
  std::vector<std::uint8_t> interleaved(image.pixels.size());
  for (std::size_t c = 0; c < channels; ++c)
    for (std::size_t i = 0; i < area; ++i) interleaved[i * channels + c] = image.pixels[c * area + i];
  std::string file;
  const auto append = [](void* to, void* data, int size) {
    static_cast<std::string*>(to)->append(static_cast<const char*>(data), static_cast<std::size_t>(size));
  };
  const int done = stbi_write_png_to_func(append, &file, static_cast<int>(image.width), static_cast<int>(image.height),
                                          static_cast<int>(channels), interleaved.data(),
                                          static_cast<int>(image.width * image.channels));
  check<FileError>(done != 0, path, ": the image cannot be encoded");
  write_file(path, file);
}

}  // namespace fanin
