#include "data/augment.h"

#include <doctest/doctest.h>

#include <cmath>
#include <set>

#include "tests/data/files.h"
#include "tests/golden/image_golden.h"

namespace fanin {
namespace {

using namespace testing;

Image counting(Dim channels, Dim height, Dim width) {
  Image image(channels, height, width);
  for (std::size_t i = 0; i < image.pixels.size(); ++i) image.pixels[i] = static_cast<std::uint8_t>(i + 1);
  return image;
}

const std::vector<std::uint8_t> fill{100, 110, 120};

TEST_CASE("resize and fit give Pillow's bytes") {
  for (const golden::ResizedImage& g : golden::resized_images) {
    CAPTURE(g.how);
    CAPTURE(g.from_height);
    CAPTURE(g.to_height);
    Image image(1, g.from_height, g.from_width);
    const std::string from = from_hex(g.from), to = from_hex(g.to);
    image.pixels.assign(from.begin(), from.end());
    const Size2 size{g.to_height, g.to_width};
    const Image result = g.how == std::string("fit") ? fit(image, size) : resize(image, size);
    CHECK(result.size() == size);
    CHECK(result.pixels == std::vector<std::uint8_t>(to.begin(), to.end()));
  }
}

TEST_CASE("resize treats channels alike; long strips are fitted by their middle") {
  Image image(3, 5, 7);
  for (Dim c = 0; c < 3; ++c)
    for (Dim y = 0; y < 5; ++y)
      for (Dim x = 0; x < 7; ++x) image.row(c, y)[x] = static_cast<std::uint8_t>(40 * y + 5 * x);
  const Image result = resize(image, {3, 9});
  for (Dim y = 0; y < 3; ++y) CHECK(std::equal(result.row(0, y), result.row(0, y) + 9, result.row(2, y)));
  CHECK(fit(Image(3, 1, 16384, 9), {64, 64}) == Image(3, 64, 64, 9));
  CHECK(fit(Image(3, 16384, 1, 9), {64, 32}) == Image(3, 64, 32, 9));
}

TEST_CASE("flip and crop, by hand") {
  const Image image = counting(2, 2, 3);  // 1 2 3 / 4 5 6 and 7 8 9 / 10 11 12
  CHECK(flip(image).pixels == std::vector<std::uint8_t>{3, 2, 1, 6, 5, 4, 9, 8, 7, 12, 11, 10});
  CHECK(flip(flip(image)) == image);
  CHECK(crop(image, 0, 0, {2, 3}) == image);
  CHECK(crop(image, -1, 1, {2, 3}).pixels == std::vector<std::uint8_t>{0, 0, 0, 2, 3, 0, 0, 0, 0, 8, 9, 0});
  CHECK(crop(image, 1, -2, {2, 3}).pixels == std::vector<std::uint8_t>{0, 0, 4, 0, 0, 0, 0, 0, 10, 0, 0, 0});
  CHECK(crop(image, 9, 9, {1, 1}).pixels == std::vector<std::uint8_t>{0, 0});
}

TEST_CASE("cutout paints what lies inside") {
  Image image(3, 4, 4, 1);
  cutout(image, 0, 3, 2, fill);  // rows −1 … 0, columns 2 … 3
  int painted = 0;
  for (Dim c = 0; c < 3; ++c)
    for (Dim y = 0; y < 4; ++y)
      for (Dim x = 0; x < 4; ++x)
        if (image.row(c, y)[x] != 1) {
          ++painted;
          CHECK(y == 0);
          CHECK(x >= 2);
          CHECK(image.row(c, y)[x] == fill[static_cast<std::size_t>(c)]);
        }
  CHECK(painted == 6);
}

TEST_CASE("the list of augmentations") {
  CHECK(Augment::parse("none") == Augment{});
  CHECK(Augment::parse("flip,crop") == Augment{.crop = true, .flip = true});
  CHECK(Augment::parse("flip,crop").text() == "crop,flip");
  CHECK(Augment{}.text() == "none");
  CHECK(Augment::parse("resized-crop,cutout,jitter").resized_crop);
  for (const char* list : {"", "flip,", "mirror", "none,flip", "crop,resized-crop"})
    CHECK_THROWS_AS(Augment::parse(list), Error);
  CHECK(contains(message_of<Error>([] { Augment::parse("flip,mirror"); }), "'mirror'"));
}

TEST_CASE("augmentation is a function of image and stream") {
  const Image image = counting(3, 37, 52);
  for (const char* list : {"none", "crop,flip,cutout", "resized-crop,flip"}) {
    const Augment which = Augment::parse(list);
    Stream one(1, 2, 3), same(1, 2, 3), other(1, 2, 4);
    const Image a = augment(image, which, {32, 32}, fill, one), b = augment(image, which, {32, 32}, fill, same);
    CHECK(a.size() == Size2(32));
    CHECK(a == b);
    CHECK((augment(image, which, {32, 32}, fill, other) == a) == (which == Augment{}));
  }
  Stream stream(0);
  CHECK(augment(image, {}, {32, 32}, fill, stream) == fit(image, {32, 32}));
}

TEST_CASE("pad-crop moves by up to 4 of 32 pixels each way; flip happens half of the time") {
  Image image(1, 32, 32);
  image.row(0, 16)[16] = 255;
  std::set<std::pair<Dim, Dim>> places;
  int flipped = 0;
  for (std::uint64_t i = 0; i < 2000; ++i) {
    Stream stream(5, i);
    const Image moved = augment(image, {.crop = true}, {32, 32}, {fill.data(), 1}, stream);
    for (Dim p = 0; p < 1024; ++p)
      if (moved.pixels[static_cast<std::size_t>(p)] == 255) places.insert({p / 32 - 16, p % 32 - 16});
    flipped += augment(image, {.flip = true}, {32, 32}, {fill.data(), 1}, stream) != image;
  }
  CHECK(places.size() == 81);
  CHECK(*places.begin() == std::pair<Dim, Dim>{-4, -4});
  CHECK(*places.rbegin() == std::pair<Dim, Dim>{4, 4});
  CHECK(std::abs(flipped - 1000) < 110);  // 5 standard deviations
}

TEST_CASE("resized-crop works on any size") {
  for (const Size2 size : {Size2(1, 1), Size2(1, 200), Size2(200, 1), Size2(3, 5), Size2(300, 17)})
    for (std::uint64_t i = 0; i < 20; ++i) {
      Stream stream(9, i);
      const Image result = augment(Image(3, size.h, size.w, 77), {.resized_crop = true}, {16, 12}, fill, stream);
      CHECK(result == Image(3, 16, 12, 77));
    }
}

TEST_CASE("jitter: no change of contrast or colour without any in the image; all three bounded") {
  for (std::uint64_t i = 0; i < 50; ++i) {
    std::vector<float> flat(12, 0.5F);
    Stream stream(3, i);
    jitter(flat, 3, stream);
    for (const float v : flat) {
      CHECK(v == doctest::Approx(flat[0]));
      CHECK(std::abs(v - 0.5F) <= 0.2001F);
    }
    std::vector<float> grey{-1, 1, -1, 1, -1, 1};  // saturation leaves grey alone: mean and contrast can be read off
    Stream again(3, i);
    jitter(grey, 3, again);
    const double brightness = (grey[0] + grey[1]) / 2, contrast = (grey[1] - grey[0]) / 2;
    CHECK(brightness == doctest::Approx(flat[0] - 0.5F).epsilon(1e-4));
    CHECK(contrast >= 0.799);
    CHECK(contrast <= 1.201);
  }
}

}  // namespace
}  // namespace fanin
