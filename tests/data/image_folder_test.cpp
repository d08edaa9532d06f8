#include <doctest/doctest.h>

#include "data/dataset.h"
#include "tests/data/files.h"

namespace fanin {
namespace {

using namespace testing;

void put(const TempFolder& folder, const std::string& below, Size2 size = {6, 6}, std::uint8_t value = 50) {
  folder.write(below, "");
  write_png(folder.path(below), Image(3, size.h, size.w, value));
}

std::string error_of(const TempFolder& folder, Split split = Split::train, DataOptions options = {}) {
  return message_of<Error>([&] { open_dataset(folder.path(), split, options); });
}

TEST_CASE("classes by the bytes of their names, files by folder and name") {
  const TempFolder folder;
  const std::string long_name = std::string(110, 'n') + ".png";
  for (const std::string& name :
       {std::string("b c/2.png"), std::string("b c/10.PNG"), "b c/" + long_name, std::string("b c/sub/1.png"),
        std::string("b c/a/z.png"), std::string("Z/x y.png"), std::string("\xc3\xa4/1.png")})
    put(folder, "train/" + name);
  folder.write("train/b c/notes.txt", "no image");
  folder.write("train/b c/.hidden.png", "no image");
  folder.write("train/.cache/1.png", "no image");
  const auto data = open_dataset(folder.path(), Split::train);
  CHECK(data->info().kind == "folder");
  CHECK(data->info().classes == std::vector<std::string>{"Z", "b c", "\xc3\xa4"});
  std::vector<std::string> sources;
  for (Dim i = 0; i < data->size(); ++i) sources.push_back(data->source(i));
  CHECK(sources == std::vector<std::string>{"train/Z/x y.png", "train/b c/10.PNG", "train/b c/2.png",
                                            "train/b c/" + long_name, "train/b c/a/z.png", "train/b c/sub/1.png",
                                            "train/\xc3\xa4/1.png"});
  CHECK(data->label(0) == 0);
  CHECK(data->label(1) == 1);
  CHECK(data->label(6) == 2);
  CHECK(data->image(3).pixels == Image(3, 6, 6, 50).pixels);
}

TEST_CASE("input size: the images' own where small and equal, 224 for photos, or as asked; the same for all splits") {
  const TempFolder folder;
  for (const char* name : {"train/a/1.png", "train/b/1.png"}) put(folder, name, {20, 30});
  for (const char* name : {"val/a/1.png", "val/b/1.png"}) put(folder, name, {50, 40});
  CHECK(open_dataset(folder.path(), Split::train)->info().height == 20);
  CHECK(open_dataset(folder.path(), Split::val)->info().width == 20);
  CHECK(open_dataset(folder.path(), Split::val, {.img_size = 17})->info().width == 17);
  put(folder, "train/a/2.png", {20, 31});
  CHECK(open_dataset(folder.path(), Split::train)->info().height == 224);
}

TEST_CASE("a folder of grey images has one channel, and three as soon as one has colour") {
  const TempFolder folder;
  for (const char* name : {"train/a/1.png", "train/b/1.png"}) {
    folder.write(name, "");
    write_png(folder.path(name), Image(1, 6, 6, 50));
  }
  const auto grey = open_dataset(folder.path(), Split::train);
  CHECK(grey->info().channels == 1);
  CHECK(grey->info().normalisation.mean.size() == 1);
  CHECK(grey->image(0) == Image(1, 6, 6, 50));
  put(folder, "train/b/2.png");
  CHECK(open_dataset(folder.path(), Split::train)->info().channels == 3);
}

TEST_CASE("a folder's own val/ is the validation split") {
  const TempFolder folder;
  for (const char* split : {"train", "val", "test"})
    for (const char* name : {"/a/1.png", "/b/1.png"}) put(folder, std::string(split) + name);
  CHECK(available_splits(folder.path()) == std::vector{Split::train, Split::val, Split::test});
  const auto [train, val] = open_train_val(folder.path());
  REQUIRE(val != nullptr);
  CHECK(val->source(0) == "val/a/1.png");
  CHECK(contains(error_of(folder, Split::train, {.val_split = 0.5}), "has a val/ folder of its own"));
}

TEST_CASE("folders that cannot be what was meant are refused with path and reason") {
  const TempFolder folder;
  std::filesystem::create_directories(folder.path("train"));
  CHECK(contains(error_of(folder), "train: 0 class folders"));
  put(folder, "train/a/1.png");
  CHECK(contains(error_of(folder), "train: 1 class folders; a classifier needs two or more"));
  std::filesystem::create_directories(folder.path("train/b"));
  CHECK(contains(error_of(folder), "train/b: a class without images"));
  put(folder, "train/b/1.png");
  CHECK(error_of(folder).empty());
  folder.write("train/b/2.webp", "RIFF");
  CHECK(contains(error_of(folder), "2.webp: a .webp file; convert it"));
  std::filesystem::remove(folder.path("train/b/2.webp"));

  put(folder, "val/a/1.png");
  put(folder, "val/c/1.png");
  CHECK(contains(error_of(folder, Split::val), "val: no class 'b', which train/ has"));
  put(folder, "val/b/1.png");
  CHECK(contains(error_of(folder, Split::val), "val: class 'c' is not in train/"));

  folder.write("train/a/0.jpg", "not a JPEG");
  CHECK(contains(error_of(folder), "train/a/0.jpg: no image known here"));
  const auto data = open_dataset(folder.path(), Split::train, {.img_size = 8});  // decoded only when asked for
  CHECK(contains(message_of([&] { data->image(0); }), "train/a/0.jpg"));
}

TEST_CASE("circles of links end in an error, not in a hang") {
  const TempFolder folder;
  put(folder, "train/a/1.png");
  put(folder, "train/b/1.png");
  std::filesystem::create_directory_symlink(folder.path("train/a"), folder.path("train/a/again"));
  CHECK(contains(error_of(folder), "links"));
}

}  // namespace
}  // namespace fanin
