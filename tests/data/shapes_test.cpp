#include "data/shapes.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

#include "core/autograd.h"
#include "core/ops/cross_entropy.h"
#include "core/ops/linear.h"
#include "core/ops/reshape.h"
#include "core/optim/sgd.h"
#include "data/inspect.h"
#include "data/outlines.h"
#include "tests/data/files.h"

namespace fanin {
namespace {

using namespace testing;

TEST_CASE("shapes: sizes, classes in turn, splits that differ, the same image every time") {
  const auto train = open_dataset("shapes", Split::train), test = open_dataset("shapes", Split::test);
  CHECK(train->size() == 8000);
  CHECK(test->size() == 2000);
  CHECK(train->classes() == 10);
  CHECK(train->label(1234) == 4);
  CHECK(train->image(17) == train->image(17));
  CHECK(train->image(17) != test->image(17));
  CHECK(train->image(17) != train->image(27));
  CHECK(train->image(0).size() == Size2(32));
  CHECK(open_dataset("shapes", Split::test, {.img_size = 48})->image(5).size() == Size2(48));
  CHECK(open_dataset("shapes", Split::val, {.val_split = 0.1})->size() == 800);
  CHECK(contains(message_of<Error>([] { open_dataset("shapes", Split::val); }), "val_split"));
  CHECK_THROWS_AS(open_dataset("shapes", Split::train, {.img_size = 3}), Error);
}

TEST_CASE("all silhouettes have the disc's area and lie within reach") {
  for (int label = 0; label < static_cast<int>(outline_names().size()); ++label) {
    CAPTURE(outline_names()[static_cast<std::size_t>(label)]);
    constexpr int n = 400;
    constexpr double side = 6.0 / n;
    double area = 0, farthest = 0;
    for (int y = 0; y < n; ++y)
      for (int x = 0; x < n; ++x) {
        const Point p{(x + 0.5) * side - 3, (y + 0.5) * side - 3};
        if (outline_distance(label, p) >= 0) continue;
        area += side * side;
        farthest = std::max(farthest, std::hypot(p.x, p.y));
      }
    CHECK(area == doctest::Approx(std::numbers::pi).epsilon(0.02));
    CHECK(farthest < 2.2 * 0.9);
  }
}

TEST_CASE("neither brightness nor colour tells the class") {
  const auto data = open_dataset("shapes", Split::train);
  std::vector<std::vector<double>> sums(10, std::vector<double>(3)), squares = sums;
  constexpr Dim count = 4000;
  for (Dim i = 0; i < count; ++i) {
    const Image image = data->image(i);
    for (std::size_t c = 0; c < 3; ++c) {
      double mean = 0;
      for (std::size_t p = 0; p < 1024; ++p) mean += image.pixels[c * 1024 + p] / 1024.0;
      sums[static_cast<std::size_t>(data->label(i))][c] += mean;
      squares[static_cast<std::size_t>(data->label(i))][c] += mean * mean;
    }
  }
  constexpr double each = count / 10.0;
  for (std::size_t c = 0; c < 3; ++c) {
    double total = 0;
    for (std::size_t k = 0; k < 10; ++k) total += sums[k][c] / count;
    for (std::size_t k = 0; k < 10; ++k) {
      const double mean = sums[k][c] / each, spread = std::sqrt(squares[k][c] / each - mean * mean);
      CHECK(std::abs(mean - total) < 4 * spread / std::sqrt(each));
    }
  }
}

TEST_CASE("a linear classifier learns the training images by heart and nothing else") {
  Tensor weight = Tensor::zeros({10, 3072}), bias = Tensor::zeros({10});
  weight.requires_grad_();
  bias.requires_grad_();
  Sgd sgd({{"weight", weight}, {"bias", bias}}, {.lr = 0.002, .momentum = 0.9});
  const auto right = [&](const Batch& batch) {
    const std::vector<double> y = linear(flatten(batch.images, 1), weight, bias).values();
    int count = 0;
    for (std::size_t n = 0; n < batch.indices.size(); ++n) {
      const auto row = y.begin() + static_cast<std::ptrdiff_t>(10 * n);
      count += std::max_element(row, row + 10) - row == batch.labels.data<std::int64_t>()[n];
    }
    return count;
  };
  std::vector<Dim> some(2000);
  std::iota(some.begin(), some.end(), Dim{0});
  Loader train(subset(open_dataset("shapes", Split::train), some), {.batch_size = 50, .shuffle = true});
  int learned = 0, transferred = 0;
  for (Dim epoch = 0; epoch < 8; ++epoch) {
    learned = 0;
    for (const Batch& batch : train.epoch(epoch)) {
      learned += right(batch);
      sgd.zero_grad();
      backward(cross_entropy(linear(flatten(batch.images, 1), weight, bias), batch.labels));
      sgd.step();
    }
  }
  Loader test(open_dataset("shapes", Split::test), {.batch_size = 100});
  for (const Batch& batch : test.epoch(0)) transferred += right(batch);
  CHECK(learned > 600);      // of 2,000: it does learn something
  CHECK(transferred < 400);  // of 2,000: chance is 200
}

TEST_CASE("census counts, measures and lists what cannot be read") {
  const TempFolder folder;
  for (const char* name : {"train/a/1.png", "train/b/1.png", "train/b/2.png"}) {
    folder.write(name, "");
    write_png(folder.path(name), Image(3, 4, name[6] == 'a' ? 4 : 6, name[6] == 'a' ? 0 : 255));
  }
  folder.write("train/a/bad.png", "x");
  const Census c = census(*open_dataset(folder.path(), Split::train, {.img_size = 4}));
  CHECK(c.per_class == std::vector<Dim>{2, 2});
  CHECK(c.smallest == Size2(4, 4));
  CHECK(c.largest == Size2(4, 6));
  CHECK(c.pixels.mean.at(1) == doctest::Approx(0.75));
  CHECK(c.pixels.std.at(1) == doctest::Approx(std::sqrt(0.75 * 0.25)));
  REQUIRE(c.problems.size() == 1);
  CHECK(contains(c.problems[0], "train/a/bad.png: no image"));
}

TEST_CASE("the contact sheet shows a class a row") {
  const auto data = open_dataset("shapes", Split::train);
  const Image sheet = contact_sheet(*data, {.columns = 3, .gap = 1});
  CHECK(sheet.size() == Size2(10 * 33 + 1, 3 * 33 + 1));
  const Image cell = crop(sheet, 1 + 4 * 33, 1 + 33, {32, 32});  // second image of class 4
  CHECK(cell == data->image(14));
  const SheetOptions changed{.columns = 2, .rows = 2, .augment = Augment::parse("crop,flip,cutout,jitter"), .seed = 1};
  CHECK(contact_sheet(*data, changed) == contact_sheet(*data, changed));
}

}  // namespace
}  // namespace fanin
