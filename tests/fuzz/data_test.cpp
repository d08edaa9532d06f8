#include <doctest/doctest.h>
#include <zlib.h>

#include <set>

#include "core/random.h"
#include "data/dataset.h"
#include "tests/data/files.h"
#include "tests/golden/image_golden.h"

// Damaged files, the same ones in every run. Each must be read whole or refused with FileError; what a reader does
// beyond its buffers, the sanitizers see.

namespace fanin {
namespace {

using namespace testing;

/// One to four changes: a bit, a byte, an extreme byte, bytes removed or repeated, the end cut.
std::string mutate(std::string bytes, Stream& stream) {
  for (std::int64_t change = stream.below(4); change >= 0 && !bytes.empty(); --change) {
    const auto at = static_cast<std::size_t>(stream.below(static_cast<std::int64_t>(bytes.size())));
    const auto some = static_cast<std::size_t>(1 + stream.below(20));
    switch (stream.below(6)) {
      case 0: bytes[at] = static_cast<char>(bytes[at] ^ (1 << stream.below(8))); break;
      case 1: bytes[at] = static_cast<char>(stream.bits()); break;
      case 2: bytes[at] = stream.chance(0.5) ? '\xff' : '\0'; break;
      case 3: bytes.erase(at, some); break;
      case 4: bytes.insert(at, bytes.substr(at, some)); break;
      default:
        if (stream.chance(0.3)) bytes.resize(at);
    }
  }
  return bytes;
}

/// Gives every chunk its right checksum again, so that damage reaches the decoder.
void mend_png(std::string& png) {
  const auto byte = [&](std::size_t i) { return std::size_t{static_cast<std::uint8_t>(png[i])}; };
  for (std::size_t at = 8; at + 12 <= png.size();) {
    const std::size_t length = byte(at) << 24 | byte(at + 1) << 16 | byte(at + 2) << 8 | byte(at + 3);
    if (length > png.size() - at - 12) return;
    const auto* body = reinterpret_cast<const Bytef*>(png.data() + at + 4);
    png.replace(at + 8 + length, 4, big32(static_cast<std::uint32_t>(crc32(0, body, static_cast<uInt>(length + 4)))));
    at += 12 + length;
  }
}

TEST_CASE("damaged images are decoded or refused") {
  constexpr int each = 1500;
  for (const golden::EncodedImage& e : golden::encoded_images) {
    CAPTURE(e.name);
    const std::string file = from_hex(e.file);
    Stream stream(1, file.size());
    int refused = 0;
    for (int i = 0; i < each; ++i) {
      std::string damaged = mutate(file, stream);
      if (i % 3 != 0) mend_png(damaged);
      try {
        const Image image = decode_image(std::as_bytes(std::span(damaged)), e.name, i % 2 ? 3 : 1);
        CHECK(image.pixels.size() == static_cast<std::size_t>(image.channels * image.height * image.width));
      } catch (const FileError& error) {
        ++refused;
        CHECK(std::string(error.what()).starts_with(e.name));
      }
    }
    CHECK(refused > each / 20);
    if (e.height > 0) CHECK(refused < each);
  }
}

/// Opens `folder` after each of `count` changes to one of its files; returns how often it was refused.
int refused_of(int count, const TempFolder& folder, const std::string& name, const std::string& good) {
  Stream stream(2, good.size());
  int refused = 0;
  for (int i = 0; i < count; ++i) {
    folder.write(name, mutate(good, stream));
    try {
      const auto data = open_dataset(folder.path(), Split::train);
      for (Dim k = 0; k < data->size(); ++k) {
        CHECK(data->label(k) < data->classes());
        CHECK(data->image(k).pixels.size() > 0);
        CHECK(!data->source(k).empty());
      }
    } catch (const FileError&) {
      ++refused;
    }
  }
  folder.write(name, good);
  return refused;
}

TEST_CASE("damaged CIFAR files are read or refused") {
  const TempFolder folder;
  const std::string batch = cifar_records({0, 1}), names = "one\ntwo\nthree\n";
  folder.write("data_batch_1.bin", batch);
  folder.write("batches.meta.txt", names);
  CHECK(refused_of(150, folder, "data_batch_1.bin", batch) > 30);
  CHECK(refused_of(150, folder, "batches.meta.txt", names) > 2);
}

std::string gzipped(const TempFolder& folder, const std::string& bytes) {
  const std::string path = folder.path("packed");
  gzFile file = gzopen(path.c_str(), "wb");
  gzwrite(file, bytes.data(), static_cast<unsigned>(bytes.size()));
  gzclose(file);
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

TEST_CASE("damaged MNIST files are read or refused, plain and packed") {
  const TempFolder folder;
  const std::string images = idx_images(3, 4, 4), labels = idx_labels({1, 2, 3});
  const std::string packed_images = gzipped(folder, images), packed_labels = gzipped(folder, labels);
  for (const bool packed : {false, true}) {
    const std::string image_file = packed ? packed_images : images, label_file = packed ? packed_labels : labels;
    folder.write("train-images-idx3-ubyte", image_file);
    folder.write("train-labels-idx1-ubyte", label_file);
    CHECK(refused_of(300, folder, "train-images-idx3-ubyte", image_file) > 50);
    CHECK(refused_of(300, folder, "train-labels-idx1-ubyte", label_file) > 50);
  }
}

}  // namespace
}  // namespace fanin
