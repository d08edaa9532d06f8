#include "data/loader.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <chrono>
#include <set>
#include <thread>

#include "tests/data/files.h"
#include "tests/golden/image_golden.h"

namespace fanin {
namespace {

using namespace testing;

/// Image i is filled with i; some of them can be made unreadable or slow.
class Numbers final : public Dataset {
 public:
  explicit Numbers(Dim size, Dim bad = -1) : size_(size), bad_(bad) {
    info_ = {.kind = "numbers",
             .path = "numbers",
             .split = Split::train,
             .val_split = 0,
             .classes = {"even", "odd"},
             .channels = 3,
             .height = 4,
             .width = 4,
             .normalisation = {{0, 0, 0}, {1.0 / 255, 1.0 / 255, 1.0 / 255}}};
  }
  Dim size() const override { return size_; }
  Image image(Dim i) const override {
    ++decoded;
    if (slow) std::this_thread::sleep_for(std::chrono::microseconds(300));
    if (i == bad_) fail<FileError>("number ", i, " cannot be read");
    return Image(3, 4, 4, static_cast<std::uint8_t>(i));
  }
  Dim label(Dim i) const override { return i % 2; }
  std::string source(Dim i) const override { return std::to_string(i); }
  const DatasetInfo& info() const override { return info_; }

  mutable std::atomic<int> decoded = 0;
  bool slow = false;

 private:
  Dim size_, bad_;
  DatasetInfo info_;
};

/// Everything an epoch delivers, in one list of numbers.
std::vector<double> delivered(Loader& loader, Dim epoch, Dim first = 0) {
  std::vector<double> all;
  for (const Batch& batch : loader.epoch(epoch, first)) {
    all.push_back(static_cast<double>(batch.number));
    for (const Tensor& t : {batch.images, batch.labels}) {
      const std::vector<double> values = t.values();
      all.insert(all.end(), values.begin(), values.end());
    }
  }
  return all;
}

TEST_CASE("normalisation: three rounded f32 steps, PyTorch's bits; then the cast") {
  Image image(1, 16, 16);
  for (int v = 0; v < 256; ++v) image.pixels[static_cast<std::size_t>(v)] = static_cast<std::uint8_t>(v);
  const Normalisation n{{0.4914}, {0.2470}};
  const Tensor f32 = to_tensor({&image, 1}, n), f64 = to_tensor({&image, 1}, n, DType::f64),
               bf16 = to_tensor({&image, 1}, n, DType::bf16);
  CHECK(f32.shape() == Shape{1, 1, 16, 16});
  for (std::size_t v = 0; v < 256; ++v) {
    const float value = f32.data<float>()[v];
    CHECK(std::bit_cast<std::uint32_t>(value) == golden::normalised_bytes[v]);
    CHECK(f64.data<double>()[v] == double{value});
    CHECK(bf16.data<bfloat16>()[v].bits == bfloat16(value).bits);
  }
}

TEST_CASE("to_tensor refuses what does not fit together") {
  const std::vector<Image> mixed{Image(3, 4, 4), Image(3, 4, 5)};
  const Normalisation n{{0, 0, 0}, {1, 1, 1}};
  CHECK_THROWS_AS(to_tensor(mixed, n), ShapeError);
  CHECK_THROWS_AS(to_tensor({}, n), ShapeError);
  CHECK_THROWS_AS(to_tensor({mixed.data(), 1}, {{0}, {1}}), ShapeError);
  CHECK_THROWS_AS(to_tensor({mixed.data(), 1}, {{0, 0, 0}, {1, 0, 1}}), ShapeError);
}

TEST_CASE("without shuffling: data-set order, the last batch smaller unless dropped") {
  for (const int workers : {0, 1, 3}) {
    Loader loader(std::make_shared<Numbers>(10), {.batch_size = 4, .workers = workers});
    CHECK(loader.batches() == 3);
    loader.start(0);
    for (Dim b = 0; b < 3; ++b) {
      const std::optional<Batch> batch = loader.next();
      REQUIRE(batch);
      CHECK(batch->number == b);
      const Dim size = b < 2 ? 4 : 2;
      CHECK(batch->images.shape() == Shape{size, 3, 4, 4});
      CHECK(batch->labels.shape() == Shape{size});
      CHECK(batch->labels.dtype() == DType::i64);
      for (Dim i = 0; i < size; ++i) {
        const auto k = static_cast<std::size_t>(i);
        CHECK(batch->indices[k] == 4 * b + i);
        CHECK(batch->labels.data<std::int64_t>()[k] == (4 * b + i) % 2);
        CHECK(batch->images.data<float>()[k * 48] == doctest::Approx(static_cast<double>(4 * b + i)));
      }
    }
    CHECK_FALSE(loader.next());
    CHECK_FALSE(loader.next());
  }
  CHECK(Loader(std::make_shared<Numbers>(10), {.batch_size = 4, .drop_last = true}).batches() == 2);
}

TEST_CASE("an epoch is a permutation, another one every epoch and seed, the same every time") {
  const auto data = std::make_shared<Numbers>(100);
  const auto order = [&](std::uint64_t seed, Dim epoch) {
    return Loader(data, {.shuffle = true, .seed = seed}).order(epoch);
  };
  const std::vector<Dim> one = order(1, 0);
  CHECK(std::set<Dim>(one.begin(), one.end()).size() == 100);
  CHECK(one != Loader(data, {}).order(0));
  CHECK(one == order(1, 0));
  CHECK(one != order(1, 1));
  CHECK(one != order(2, 0));
}

TEST_CASE("what comes does not depend on the workers, the cache, or where the epoch was started") {
  const auto data = std::make_shared<Numbers>(53);
  LoaderOptions options{
      .batch_size = 8, .shuffle = true, .seed = 7, .augment = Augment::parse("crop,flip,cutout,jitter"), .workers = 0};
  Loader plain(data, options);
  const std::vector<double> expected = delivered(plain, 3);
  for (const int workers : {1, 2, 5})
    for (const std::size_t cache : {std::size_t{0}, std::size_t{1000}, std::size_t{1} << 20}) {
      options.workers = workers;
      options.cache_bytes = cache;
      Loader loader(data, options);
      delivered(loader, 2);
      CHECK(delivered(loader, 3) == expected);
      const std::vector<double> rest = delivered(loader, 3, 4);
      CHECK(rest.size() < expected.size());
      CHECK(std::equal(rest.rbegin(), rest.rend(), expected.rbegin()));
      CHECK(delivered(loader, 4) != expected);
    }
}

TEST_CASE("images are decoded once if they fit the cache") {
  const auto data = std::make_shared<Numbers>(20);
  Loader cached(data, {.batch_size = 5, .workers = 2});
  delivered(cached, 0);
  delivered(cached, 1);
  CHECK(data->decoded == 20);
  data->decoded = 0;
  Loader small(data, {.batch_size = 5, .workers = 1, .cache_bytes = 3 * 48});
  delivered(small, 0);
  delivered(small, 1);
  CHECK(data->decoded == 37);
}

TEST_CASE("an unreadable image reaches the caller, at its batch, and ends the epoch") {
  for (const int workers : {0, 1, 4}) {
    Loader loader(std::make_shared<Numbers>(40, 21), {.batch_size = 4, .workers = workers});
    loader.start(0);
    for (int b = 0; b < 5; ++b) REQUIRE(loader.next());
    CHECK(contains(message_of([&] { loader.next(); }), "number 21 cannot be read"));
    loader.start(0, 6);
    CHECK(loader.next()->number == 6);
  }
}

TEST_CASE("stopping at any moment is clean") {
  for (int taken = 0; taken < 12; ++taken)
    for (const int workers : {0, 1, 4}) {
      const auto data = std::make_shared<Numbers>(60);
      data->slow = true;
      Loader loader(data, {.batch_size = 5, .shuffle = true, .workers = workers, .prefetch = 3});
      loader.start(0);
      for (int b = 0; b < taken; ++b) loader.next();
      if (taken % 2 == 0) loader.start(1, 2);
      if (taken % 3 == 0) CHECK(loader.next().has_value());
    }
}

TEST_CASE("a worker prepares no more than the prefetch") {
  const auto data = std::make_shared<Numbers>(100);
  Loader loader(data, {.batch_size = 5, .workers = 1, .prefetch = 2});
  loader.start(0);
  loader.next();
  std::this_thread::sleep_for(std::chrono::milliseconds(30));
  CHECK(data->decoded <= 15);
}

TEST_CASE("options that make no sense are refused at once") {
  const auto data = std::make_shared<Numbers>(3);
  CHECK_THROWS_AS(Loader(data, {.batch_size = 0}), ShapeError);
  CHECK_THROWS_AS(Loader(data, {.batch_size = 4, .drop_last = true}), ShapeError);
  CHECK_THROWS_AS(Loader(data, {.prefetch = 0}), ShapeError);
  CHECK_THROWS_AS(Loader(std::make_shared<Numbers>(0), {}), ShapeError);
  CHECK_THROWS_AS(Loader(data, {.normalisation = {{0, 0, 0}, {1, 1, 0}}}), ShapeError);
  Loader loader(data, {});
  CHECK_THROWS_AS(loader.next(), Error);
  CHECK_THROWS_AS(loader.start(0, 2), ShapeError);
  CHECK(Loader(data, {.normalisation = {{0.5, 0.5, 0.5}, {}}}).options().normalisation.std.size() == 3);
}

}  // namespace
}  // namespace fanin
