#include <doctest/doctest.h>

#include <cstring>
#include <optional>

#include "core/check.h"
#include "core/io/atomic_file.h"
#include "core/io/npy.h"
#include "core/io/safetensors.h"
#include "core/random.h"
#include "tests/scratch_folder.h"

using namespace fanin;

// Files with a few bytes changed, the same ones in every run. Each must be read whole or refused with FileError; what a
// reader does beyond its buffers, the sanitizers see.

namespace {

std::uint64_t below(Stream& stream, std::size_t count) {
  return static_cast<std::uint64_t>(stream.uniform(0, 1) * static_cast<double>(count));
}

/// One to three changes: a bit, a byte from the format's alphabet, a byte removed, inserted or repeated, the end cut.
std::string mutate(std::string bytes, Stream& stream) {
  using namespace std::string_view_literals;
  constexpr std::string_view alphabet = "{}[]\",:0123456789-.eE \n\0\xFF\\u'()<|F"sv;
  for (std::uint64_t change = 0; change <= below(stream, 3); ++change) {
    if (bytes.empty()) return bytes;
    const std::size_t at = below(stream, bytes.size());
    switch (below(stream, 6)) {
      case 0: bytes[at] = static_cast<char>(bytes[at] ^ (1 << below(stream, 8))); break;
      case 1: bytes[at] = alphabet[below(stream, alphabet.size())]; break;
      case 2: bytes.erase(at, 1 + below(stream, 8)); break;
      case 3: bytes.insert(at, 1, alphabet[below(stream, alphabet.size())]); break;
      case 4: bytes.insert(at, bytes.substr(at, 1 + below(stream, 40))); break;
      default: bytes.resize(at); break;
    }
  }
  return bytes;
}

/// Reads mutations of `bytes`; returns how many were refused.
template <class Read>
int refused_of(int count, const std::string& bytes, std::uint64_t seed, Read read) {
  Stream stream(seed);
  int refused = 0;
  for (int i = 0; i < count; ++i) {
    const std::string mutated = mutate(bytes, stream);
    try {
      read(mutated);
    } catch (const FileError&) {
      ++refused;
    }
  }
  return refused;
}

const std::string header =
    R"({"__metadata__":{"format":"pt","model":"resnext"},"conv.weight":{"dtype":"F32","shape":[4,2,3,3],)"
    R"("data_offsets":[0,288]},"bn.steps":{"dtype":"I64","shape":[],"data_offsets":[288,296]},)"
    R"("empty":{"dtype":"BF16","shape":[0,7],"data_offsets":[296,296]}} )";

}  // namespace

TEST_CASE("mutated safetensors headers are read or refused, and never believed beyond their data") {
  const int refused = refused_of(20'000, header, 1, [](const std::string& json) {
    const SafetensorsHeader read = parse_safetensors_header(json, 296, "f");
    std::uint64_t bytes = 0;
    for (const TensorEntry& entry : read.tensors)
      bytes += static_cast<std::uint64_t>(entry.shape.numel()) * size_of(entry.dtype);
    CHECK(bytes == 296);
  });
  CHECK(refused > 10'000);
  CHECK(refused < 20'000);
}

TEST_CASE("mutated files are read or refused") {
  const ScratchFolder folder;
  const std::string path = folder / "f";
  const auto write = [&](const std::string& bytes) {
    std::FILE* file = std::fopen(path.c_str(), "wb");
    REQUIRE(file != nullptr);
    std::fwrite(bytes.data(), 1, bytes.size(), file);
    std::fclose(file);
  };
  save_safetensors(path, {{"a", Tensor::zeros({2, 3})}, {"b", Tensor::zeros({5}, DType::u8)}});
  const std::string safetensors = read_file(path);
  save_npy(path, Tensor::zeros({2, 3}));
  const std::string npy = read_file(path);
  const int refused = refused_of(3000, safetensors, 2, [&](const std::string& bytes) {
    write(bytes);
    const SafetensorsFile file = load_safetensors(path);
    for (const auto& [name, tensor] : file.tensors) CHECK(tensor.bytes() <= bytes.size());
  });
  CHECK(refused > 1500);
  const int refused_npy = refused_of(3000, npy, 3, [&](const std::string& bytes) {
    write(bytes);
    const Tensor tensor = load_npy(path);
    CHECK(tensor.bytes() <= bytes.size());
  });
  CHECK(refused_npy > 1500);
}
