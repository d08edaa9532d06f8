#include "data/dataset.h"

#include <doctest/doctest.h>
#include <zlib.h>

#include <algorithm>
#include <set>

#include "tests/data/files.h"

namespace fanin {
namespace {

using namespace testing;

std::string error_of(const std::string& spec, Split split = Split::train, DataOptions options = {}) {
  return message_of<Error>([&] { open_dataset(spec, split, options); });
}

void write_gz(const std::string& path, const std::string& bytes) {
  gzFile file = gzopen(path.c_str(), "wb");
  gzwrite(file, bytes.data(), static_cast<unsigned>(bytes.size()));
  gzclose(file);
}

TEST_CASE("CIFAR-10: batches by number, then record; names from the file; the test file may be absent") {
  const TempFolder folder;
  folder.write("data_batch_2.bin", cifar_records({2, 0}, 1, 100));
  folder.write("data_batch_1.bin", cifar_records({1, 2, 0}));
  folder.write("batches.meta.txt", "one\r\ntwo words\nthree\n\n");
  const auto data = open_dataset(folder.path(), Split::train);
  CHECK(data->info().kind == "cifar10");
  CHECK(data->info().classes == std::vector<std::string>{"one", "two words", "three"});
  CHECK(data->info().channels == 3);
  CHECK(data->info().height == 32);
  REQUIRE(data->size() == 5);
  const Dim labels[] = {1, 2, 0, 2, 0};
  for (Dim i = 0; i < 5; ++i) CHECK(data->label(i) == labels[i]);
  CHECK(data->source(2) == "data_batch_1.bin:2");
  CHECK(data->source(3) == "data_batch_2.bin:0");
  const Image image = data->image(4);  // record 1 of the second file
  CHECK(image.size() == Size2(32));
  CHECK(image.row(0, 0)[0] == 107);
  CHECK(image.row(2, 31)[31] == static_cast<std::uint8_t>(107 + 3071));
  CHECK(available_splits(folder.path()) == std::vector{Split::train});
  CHECK(contains(error_of(folder.path(), Split::test), "no test split here, only train"));
}

TEST_CASE("CIFAR-10 without a file of names has the published ones; a test file alone is a test split") {
  const TempFolder folder;
  folder.write("test_batch.bin", cifar_records({9}));
  CHECK(open_dataset(folder.path(), Split::test)->info().classes.at(9) == "truck");
  CHECK(contains(error_of(folder.path()), "no train split here, only test"));
}

TEST_CASE("CIFAR-100 takes the fine label") {
  const TempFolder folder;
  folder.write("train.bin", cifar_records({99, 3}, 2));
  const auto data = open_dataset(folder.path(), Split::train);
  CHECK(data->info().kind == "cifar100");
  CHECK(data->classes() == 100);
  CHECK(data->label(0) == 99);
  CHECK(data->image(1).pixels[0] == 7);
}

TEST_CASE("CIFAR files that are no whole number of records, or have wrong labels, are refused with the place") {
  const TempFolder folder;
  for (const std::size_t bytes : {std::size_t{0}, std::size_t{3072}, std::size_t{3074}, std::size_t{2 * 3073 - 1}}) {
    folder.write("data_batch_1.bin", std::string(bytes, '\0'));
    const std::string message = error_of(folder.path());
    CHECK(contains(message, "data_batch_1.bin: truncated"));
    CHECK(contains(message, "3073"));
  }
  folder.write("data_batch_1.bin", cifar_records({1, 10}));
  CHECK(contains(error_of(folder.path()), "record 1, byte 3073: label 10 is out of range: there are 10 classes"));
  folder.write("batches.meta.txt", "\n \n");
  CHECK(contains(error_of(folder.path()), "batches.meta.txt: no class names"));
}

TEST_CASE("MNIST: plain, gzip, and gzip without the suffix") {
  const TempFolder folder;
  folder.write("train-images-idx3-ubyte", idx_images(3, 4, 5));
  write_gz(folder.path("train-labels-idx1-ubyte.gz"), idx_labels({7, 0, 9}));
  write_gz(folder.path("t10k-images.idx3-ubyte"), idx_images(1, 4, 5));
  folder.write("t10k-labels.idx1-ubyte", idx_labels({3}));
  const auto data = open_dataset(folder.path(), Split::train);
  CHECK(data->info().kind == "mnist");
  CHECK(data->info().channels == 1);
  CHECK(data->info().height == 4);
  CHECK(data->info().width == 5);
  REQUIRE(data->size() == 3);
  CHECK(data->label(2) == 9);
  CHECK(data->image(1).pixels[3] == 23);
  CHECK(open_dataset(folder.path(), Split::test)->label(0) == 3);
  CHECK(open_dataset(folder.path(), Split::train, {.img_size = 8})->info().height == 8);
}

TEST_CASE("MNIST files that lie are refused") {
  const std::string images = idx_images(2, 3, 3), labels = idx_labels({1, 2});
  const auto message = [](const std::string& image_file, const std::string& label_file) {
    const TempFolder folder;
    folder.write("train-images-idx3-ubyte", image_file);
    folder.write("train-labels-idx1-ubyte", label_file);
    return error_of(folder.path());
  };
  CHECK(message(images, labels).empty());
  CHECK(contains(message("", labels), "train-images-idx3-ubyte: truncated"));
  CHECK(contains(message(images.substr(0, images.size() - 1), labels), "truncated: 18 bytes wanted at byte 16, 17"));
  CHECK(contains(message(images + "x", labels), "longer than the 18 bytes"));
  CHECK(contains(message(images, idx_labels({1, 2, 3})), "2 images, but 3 labels"));
  CHECK(contains(message(images, idx_labels({1, 10})), "byte 9: label 10 is out of range"));
  CHECK(contains(message(labels, labels), "1 dimensions; expected 3"));
  CHECK(contains(message("\x01" + images.substr(1), labels), "not an IDX file"));
  CHECK(contains(message(images.substr(0, 2) + "\x0d" + images.substr(3), labels), "type 13"));
  // 4 billion images are announced: memory must not be taken for them.
  CHECK(contains(message(images.substr(0, 4) + "\xff\xff\xff\xff" + images.substr(8), labels), "truncated"));

  const TempFolder folder;
  folder.write("train-images-idx3-ubyte", images);
  CHECK(contains(error_of(folder.path()), "no file of labels"));
  write_gz(folder.path("whole"), idx_labels(std::vector<int>(1000, 1)));
  std::filesystem::resize_file(folder.path("whole"), std::filesystem::file_size(folder.path("whole")) - 9);
  std::filesystem::rename(folder.path("whole"), folder.path("train-labels-idx1-ubyte.gz"));
  CHECK(contains(error_of(folder.path()), "truncated"));
}

TEST_CASE("what is not a data set is said, with a hint") {
  const TempFolder folder;
  CHECK(contains(error_of(folder.path("none")), "no such folder; give one with images, or 'shapes'"));
  CHECK(contains(error_of(folder.path()), "images belong into train/<class>/"));
  folder.write("deep/data_batch_1.bin", cifar_records({0}));
  CHECK(contains(error_of(folder.path()), "did you mean"));
  CHECK(contains(error_of(folder.path("deep/data_batch_1.bin")), "a file; give the folder"));
  folder.write("python/data_batch_1", "");
  CHECK(contains(error_of(folder.path("python")), "Python"));
}

TEST_CASE("what the system refuses is a FileError with the path") {
  const TempFolder folder;
  std::filesystem::create_directory_symlink(folder.path("loop"), folder.path("loop"));
  CHECK(contains(message_of([&] { open_dataset(folder.path("loop"), Split::train); }), "loop: Too many levels"));
  std::filesystem::create_directory_symlink(folder.path("train"), folder.path("train"));
  CHECK(contains(message_of([&] { available_splits(folder.path()); }), "train: Too many levels"));
}

TEST_CASE("val_split: fixed by the data alone, even over the classes, in data-set order, disjoint") {
  const TempFolder folder;
  std::vector<int> labels;
  for (int i = 0; i < 100; ++i) labels.push_back(i % 4 == 0 ? 3 : i % 2);
  folder.write("data_batch_1.bin", cifar_records(labels));
  const auto [train, val] = open_train_val(folder.path(), {.val_split = 0.1});
  REQUIRE(train->size() == 90);
  REQUIRE(val->size() == 10);
  CHECK(val->info().split == Split::val);
  CHECK(val->info().val_split == 0.1);
  std::set<std::string> seen;
  std::vector<int> per_class(4);
  for (const auto& part : {train, val})
    for (Dim i = 0; i < part->size(); ++i) {
      seen.insert(part->source(i));
      if (part == val) ++per_class[static_cast<std::size_t>(part->label(i))];
    }
  CHECK(seen.size() == 100);
  CHECK(per_class[3] >= 2);  // of 25 images
  CHECK(per_class[3] <= 3);
  CHECK(per_class[1] == 5);  // of 50
  const auto number = [](const std::string& source) { return std::stoi(source.substr(source.find(':') + 1)); };
  for (Dim i = 1; i < val->size(); ++i) CHECK(number(val->source(i - 1)) < number(val->source(i)));
  CHECK(open_dataset(folder.path(), Split::val, {.val_split = 0.1})->fingerprint() == val->fingerprint());
  CHECK(open_dataset(folder.path(), Split::train, {.val_split = 0.1})->fingerprint() == train->fingerprint());
  CHECK(open_dataset(folder.path(), Split::val, {.val_split = 0.2})->fingerprint() != val->fingerprint());
  // Written down once: a change here would make old runs evaluate on images they were trained on.
  CHECK(number(val->source(0)) == 18);
}

TEST_CASE("val_split that makes no sense") {
  const TempFolder folder;
  folder.write("data_batch_1.bin", cifar_records({0, 1, 2}));
  CHECK(contains(error_of(folder.path(), Split::train, {.val_split = 1}), "below 1"));
  CHECK(contains(error_of(folder.path(), Split::train, {.val_split = -0.1}), "at least 0"));
  CHECK(contains(error_of(folder.path(), Split::train, {.val_split = 0.1}), "leaves 0 for validation"));
  CHECK(contains(error_of(folder.path(), Split::val), "hold out a share of the training data with val_split"));
  CHECK(contains(error_of(folder.path(), Split::train, {.img_size = -1}), "img_size"));
  CHECK(open_train_val(folder.path()).val == nullptr);
}

TEST_CASE("a subset keeps the order it is given") {
  const TempFolder folder;
  folder.write("data_batch_1.bin", cifar_records({4, 5, 6}));
  const auto whole = open_dataset(folder.path(), Split::train);
  const auto part = subset(whole, {2, 0});
  CHECK(part->size() == 2);
  CHECK(part->label(0) == 6);
  CHECK(part->image(1) == whole->image(0));
  CHECK_THROWS_AS(subset(whole, {3}), ShapeError);
}

TEST_CASE("names of splits") {
  for (const Split split : {Split::train, Split::val, Split::test}) CHECK(parse_split(name_of(split)) == split);
  CHECK_THROWS_AS(parse_split("valid"), Error);
}

}  // namespace
}  // namespace fanin
