#include "data/image_guard.h"

#include <zlib.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include "core/check.h"
#include "data/image.h"

namespace fanin {
namespace {

using Bytes = std::span<const std::byte>;

std::uint32_t byte(Bytes b, std::size_t i) { return std::to_integer<std::uint32_t>(b[i]); }
std::uint32_t big16(Bytes b, std::size_t i) { return byte(b, i) << 8 | byte(b, i + 1); }
std::uint32_t big32(Bytes b, std::size_t i) { return big16(b, i) << 16 | big16(b, i + 2); }
std::uint32_t little32(Bytes b, std::size_t i) {
  return byte(b, i) | byte(b, i + 1) << 8 | byte(b, i + 2) << 16 | byte(b, i + 3) << 24;
}
bool starts(Bytes b, std::string_view magic, std::size_t at = 0) {
  return b.size() >= at + magic.size() && std::memcmp(b.data() + at, magic.data(), magic.size()) == 0;
}

std::string truncated(std::size_t at, std::size_t size) {
  return text("truncated: more is needed at byte ", at, ", but the file has ", size);
}

// A DHT segment: tables of 1 + 16 + n bytes, where the 16 add up to n.
std::string huffman_problem(Bytes segment) {
  std::size_t at = 0;
  while (at < segment.size()) {
    if (segment.size() - at < 17) return "damaged JPEG: Huffman table cut off";
    std::size_t codes = 0;
    for (std::size_t i = 1; i <= 16; ++i) codes += byte(segment, at + i);
    if (codes > 256) return text("damaged JPEG: Huffman table of ", codes, " codes");
    at += 17 + codes;
  }
  return at == segment.size() ? "" : "damaged JPEG: Huffman table cut off";
}

// First byte of the marker that ends a scan's data. Stuffed zeros and restart markers belong to the data.
std::size_t skip_scan(Bytes file, std::size_t at) {
  for (; at + 1 < file.size(); ++at) {
    if (byte(file, at) != 0xff) continue;
    const std::uint32_t next = byte(file, at + 1);
    if (next != 0 && next != 0xff && (next < 0xd0 || next > 0xd7)) return at;
  }
  return file.size();
}

std::string jpeg_problem(Bytes file) {
  constexpr int most_scans = 200;  // progressive files have about ten; every one costs a pass over the whole image
  int scans = 0;
  std::size_t at = 2;
  while (true) {
    if (at + 2 > file.size()) return truncated(at, file.size());
    if (byte(file, at) != 0xff) return text("damaged JPEG: no marker at byte ", at);
    const std::uint32_t marker = byte(file, at + 1);
    if (marker == 0xff) {  // fill byte
      ++at;
      continue;
    }
    if (marker == 0xd9) return scans ? "" : "damaged JPEG: no image in it";
    if (at + 4 > file.size()) return truncated(at, file.size());
    const std::size_t length = big16(file, at + 2);
    if (length < 2) return text("damaged JPEG: segment of ", length, " bytes at byte ", at);
    if (at + 2 + length > file.size()) return truncated(at + 2 + length, file.size());
    if (marker == 0xc4) {
      const std::string problem = huffman_problem(file.subspan(at + 4, length - 2));
      if (!problem.empty()) return problem;
    }
    const bool frame = marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc;
    if (frame && marker > 0xc2)
      return "a lossless, hierarchical or arithmetic-coded JPEG; use a baseline or progressive one";
    at += 2 + length;
    if (marker == 0xda) {
      if (++scans > most_scans) return text("damaged JPEG: more than ", most_scans, " scans");
      at = skip_scan(file, at);
    }
  }
}

std::string png_problem(Bytes file) {
  std::size_t at = 8;
  bool any_data = false;
  while (true) {
    if (at + 12 > file.size()) return truncated(at + 12, file.size());
    const std::size_t length = big32(file, at);
    if (length > file.size() - at - 12) return truncated(at + 12 + length, file.size());
    const bool critical = (byte(file, at + 4) & 0x20U) == 0;
    const auto* body = reinterpret_cast<const Bytef*>(file.data() + at + 4);
    if (critical && crc32(0, body, static_cast<uInt>(length + 4)) != big32(file, at + 8 + length))
      return text("damaged PNG: wrong checksum at byte ", at);
    const bool data = starts(file, "IDAT", at + 4);
    // Legal, but nobody writes it, and the decoder would copy to a null pointer.
    if (data && length == 0 && !any_data) return "a PNG whose first piece of image data is empty";
    any_data = any_data || data;
    if (starts(file, "IEND", at + 4)) return "";
    at += 12 + length;
  }
}

std::string bmp_problem(Bytes file) {
  if (file.size() < 54) return truncated(54, file.size());
  const std::uint64_t offset = little32(file, 10);
  const bool old = little32(file, 14) == 12;  // the OS/2 header: 16-bit sizes
  const std::int64_t width = old ? little32(file, 18) & 0xffffU : static_cast<std::int32_t>(little32(file, 18));
  const std::int64_t height =
      old ? little32(file, 18) >> 16 : std::abs(std::int64_t{static_cast<std::int32_t>(little32(file, 22))});
  const std::int64_t bits = old ? little32(file, 22) >> 16 : little32(file, 26) >> 16;
  if (width < 1 || height < 1 || width > max_image_side || height > max_image_side || bits > 32)
    return text("damaged or too large BMP: ", width, "x", height, " with ", bits, " bits a pixel");
  const auto pixels = static_cast<std::uint64_t>((width * bits + 31) / 32 * 4 * height);
  if (offset + pixels > file.size()) return truncated(offset + pixels, file.size());
  return "";
}

}  // namespace

std::string image_problem(std::span<const std::byte> file) {
  if (starts(file, "\xff\xd8\xff")) return jpeg_problem(file);
  if (starts(file, "\x89PNG\r\n\x1a\n")) return png_problem(file);
  if (starts(file, "BM")) return bmp_problem(file);
  const char* other = starts(file, "GIF8")                              ? "a GIF file"
                      : starts(file, "RIFF") && starts(file, "WEBP", 8) ? "a WebP file"
                      : starts(file, "II*") || starts(file, "MM")       ? "a TIFF file"
                      : starts(file, "ftyp", 4)                         ? "a HEIF or AVIF file"
                      : file.empty()                                    ? "empty"
                                                                        : "no image known here";
  return text(other, "; JPEG, PNG and BMP are read");
}

}  // namespace fanin
