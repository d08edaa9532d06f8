#include "data/image.h"

#include <doctest/doctest.h>

#include <cstdlib>

#include "core/io/atomic_file.h"
#include "data/image_guard.h"
#include "tests/data/files.h"
#include "tests/golden/image_golden.h"

namespace fanin {
namespace {

using namespace testing;

std::span<const std::byte> bytes(const std::string& s) { return std::as_bytes(std::span(s)); }

std::string golden_file(std::string_view name) {
  for (const golden::EncodedImage& e : golden::encoded_images)
    if (name == e.name) return from_hex(e.file);
  return "";
}

TEST_CASE("decoding agrees with Pillow: exactly for PNG and BMP, within a few levels for JPEG") {
  for (const golden::EncodedImage& e : golden::encoded_images) {
    if (e.height == 0) continue;
    CAPTURE(e.name);
    const std::string file = from_hex(e.file), pixels = from_hex(e.pixels);
    const Image image = decode_image(bytes(file), e.name);
    CHECK(image.channels == 3);
    CHECK(image.size() == Size2(e.height, e.width));
    REQUIRE(image.pixels.size() == pixels.size());
    const bool lossy = std::string_view(e.name).ends_with("jpg");
    int worst = 0;
    double total = 0;
    for (std::size_t i = 0; i < pixels.size(); ++i) {
      const int difference = std::abs(int{image.pixels[i]} - int{static_cast<std::uint8_t>(pixels[i])});
      worst = std::max(worst, difference);
      total += difference;
    }
    // Decoders differ in how they round and how they enlarge halved colours.
    CHECK(worst <= (lossy ? 24 : 0));
    CHECK(total / static_cast<double>(pixels.size()) <= (lossy ? 2.0 : 0.0));
  }
}

TEST_CASE("one channel gives grey, CMYK is decoded to RGB") {
  const std::string grey = golden_file("grey.png"), cmyk = golden_file("cmyk.jpg");
  const Image one = decode_image(bytes(grey), "grey.png", 1), three = decode_image(bytes(grey), "grey.png", 3);
  CHECK(one.channels == 1);
  CHECK(std::equal(one.pixels.begin(), one.pixels.end(), three.pixels.begin()));
  CHECK(decode_image(bytes(cmyk), "cmyk.jpg").size() == Size2(11, 18));
}

TEST_CASE("other formats are named") {
  for (const auto& [name, words] : {std::pair("picture.gif", "a GIF file"), {"picture.webp", "a WebP file"}}) {
    const std::string file = golden_file(name);
    const std::string message = message_of([&] { decode_image(bytes(file), "some/path"); });
    CHECK(contains(message, "some/path: "));
    CHECK(contains(message, words));
  }
  CHECK(contains(message_of([] { decode_image({}, "p"); }), "empty"));
  const std::string text = "hello";
  CHECK(contains(message_of([&] { decode_image(bytes(text), "p"); }), "JPEG, PNG and BMP are read"));
}

TEST_CASE("a file that ends early is truncated, wherever it ends") {
  for (const char* name : {"baseline.jpg", "progressive.jpg", "rgb.png", "rgb.bmp"}) {
    CAPTURE(name);
    const std::string file = golden_file(name);
    REQUIRE(file.size() > 60);
    for (std::size_t length = 8; length < file.size(); length += 3) {
      const std::string part = file.substr(0, length);
      CHECK(contains(message_of([&] { decode_image(bytes(part), "p"); }), "truncated"));
    }
  }
}

TEST_CASE("damage is found before the decoder sees it") {
  std::string png = golden_file("rgb.png");
  png[png.size() / 2] = static_cast<char>(png[png.size() / 2] ^ 1);
  CHECK(contains(image_problem(bytes(png)), "checksum"));

  // An empty IDAT chunk (its checksum is known) before the one with the data.
  std::string empty = golden_file("rgb.png");
  empty.insert(empty.find("IDAT") - 4, std::string(4, '\0') + "IDAT" + big32(0x35af061e));
  CHECK(contains(image_problem(bytes(empty)), "empty"));

  std::string jpeg = golden_file("baseline.jpg");
  const std::size_t table = jpeg.find("\xff\xc4");
  REQUIRE(table != std::string::npos);
  for (std::size_t i = 0; i < 16; ++i) jpeg[table + 5 + i] = '\x20';  // 512 codes
  CHECK(contains(image_problem(bytes(jpeg)), "Huffman table of 512 codes"));
}

TEST_CASE("sizes beyond the limits are refused by the header") {
  const TempFolder folder;
  std::string bmp = golden_file("rgb.bmp");
  bmp[18] = bmp[19] = bmp[20] = '\x7f';  // width
  CHECK(contains(message_of([&] { decode_image(bytes(bmp), "p"); }), "too large"));
  std::string jpeg = golden_file("baseline.jpg");
  const std::size_t frame = jpeg.find("\xff\xc0");
  jpeg[frame + 5] = jpeg[frame + 7] = '\x3f';  // 16,000 × 16,000: each side would do
  CHECK(contains(message_of([&] { decode_image(bytes(jpeg), "p"); }), "pixels are too many"));
}

TEST_CASE("PNG written is PNG read") {
  const TempFolder folder;
  for (const Dim channels : {1, 3}) {
    Image image(channels, 5, 9);
    for (std::size_t i = 0; i < image.pixels.size(); ++i) image.pixels[i] = static_cast<std::uint8_t>(37 * i);
    write_png(folder.path("a b.png"), image);
    CHECK(read_image(folder.path("a b.png"), channels) == image);
    CHECK(image_header(folder.path("a b.png")).size == Size2(5, 9));
  }
  CHECK(contains(message_of([&] { read_image(folder.path("none.png")); }), "none.png"));
  CHECK(contains(message_of([&] { write_png(folder.path("no/such/folder.png"), Image(1, 2, 2)); }), "folder.png"));
}

TEST_CASE("suffixes in any case") {
  for (const char* name : {"a.jpg", "b.JPEG", "c.Png", "d.bmp"}) CHECK(has_image_suffix(name));
  for (const char* name : {"a.gif", "jpg", "b.jpg.txt", ""}) CHECK_FALSE(has_image_suffix(name));
}

}  // namespace
}  // namespace fanin
