#include "core/io/npy.h"

#include <doctest/doctest.h>

#include <cstring>
#include <filesystem>

#include "core/check.h"
#include "core/io/atomic_file.h"
#include "tests/scratch_folder.h"

using namespace fanin;

namespace {

/// A .npy file of version 1.0 with this dictionary and `data` bytes of zero.
std::string bytes_of(std::string dictionary, std::size_t data) {
  dictionary += '\n';
  std::string bytes = "\x93NUMPY";
  bytes += '\1';
  bytes += '\0';
  bytes += static_cast<char>(dictionary.size() & 0xff);
  bytes += static_cast<char>(dictionary.size() >> 8);
  return bytes + dictionary + std::string(data, '\0');
}

std::string dictionary(const std::string& descr, const std::string& order, const std::string& shape) {
  return "{'descr': " + descr + ", 'fortran_order': " + order + ", 'shape': " + shape + ", }";
}

Tensor load(const std::string& bytes) {
  const ScratchFolder folder;
  write_file(folder / "f", bytes);
  return load_npy(folder / "f");
}

}  // namespace

TEST_CASE("npy files come back bit for bit") {
  const ScratchFolder folder;
  for (const Tensor& saved :
       {Tensor::from(std::vector<float>{1.5f, -2, 0, 1e-40f, 5, 6}, {2, 3}), Tensor::from(std::vector<double>{0.1}, {}),
        Tensor::from(std::vector<std::int64_t>{-1, 2}, {2}), Tensor::from(std::vector<std::uint8_t>{9}, {1, 1}),
        Tensor::zeros({0, 4})}) {
    save_npy(folder / "f", saved);
    const Tensor loaded = load_npy(folder / "f");
    CHECK(loaded.shape() == saved.shape());
    REQUIRE(loaded.dtype() == saved.dtype());
    if (saved.numel() > 0) CHECK(std::memcmp(loaded.raw_bytes(), saved.raw_bytes(), saved.bytes()) == 0);
  }
}

TEST_CASE("blocked tensors are written plain and bf16 as f4") {
  const ScratchFolder folder;
  const Tensor plain = Tensor::from(std::vector<float>{1, 2, 3, 4, 5, 6}, {1, 3, 1, 2});
  save_npy(folder / "f", plain.to(Layout::channel_blocked(8)));
  CHECK(load_npy(folder / "f").values() == plain.values());
  save_npy(folder / "f", plain.as(DType::bf16));
  CHECK(load_npy(folder / "f").dtype() == DType::f32);
  CHECK(load_npy(folder / "f").values() == plain.values());
}

// Written by numpy: tests/golden/make_npy.py.
TEST_CASE("files that NumPy wrote are read, and ours are NumPy's byte for byte") {
  const ScratchFolder folder;
  const std::string golden = "tests/golden/npy/";
  const Tensor matrix = load_npy(golden + "f4.npy");
  CHECK(matrix.shape() == Shape{2, 3});
  CHECK(matrix.values() == std::vector<double>{0, 0.25, 0.5, 0.75, 1, 1.25});
  CHECK(load_npy(golden + "f8_scalar.npy").item() == 0.1);
  CHECK(load_npy(golden + "i8.npy").values() == std::vector<double>{-1, 0, 1 << 30});
  CHECK(load_npy(golden + "u1.npy").values() == std::vector<double>{0, 127, 255});
  CHECK(load_npy(golden + "empty.npy").shape() == Shape{0, 3});
  CHECK(load_npy(golden + "version2.npy").values() == matrix.values());
  CHECK(load_npy(golden + "version3.npy").values() == matrix.values());
  CHECK_THROWS_WITH_AS(load_npy(golden + "fortran.npy"), doctest::Contains("ascontiguousarray"), FileError);
  CHECK_THROWS_WITH_AS(load_npy(golden + "big_endian.npy"), doctest::Contains(">f4"), FileError);
  CHECK_THROWS_WITH_AS(load_npy(golden + "object.npy"), doctest::Contains("|O"), FileError);
  for (const char* name : {"f4.npy", "f8_scalar.npy", "i8.npy", "u1.npy", "empty.npy"}) {
    save_npy(folder / "f", load_npy(golden + name));
    CHECK(read_file(folder / "f") == read_file(golden + name));
  }
}

TEST_CASE("malformed npy files are refused with the path and a reason") {
  const std::string good = dictionary("'<f4'", "False", "(2,)");
  std::string wrong_magic = bytes_of(good, 8);
  wrong_magic[0] = 'X';
  std::string wrong_version = bytes_of(good, 8);
  wrong_version[6] = 4;
  std::string long_header = bytes_of(good, 8);
  long_header[8] = long_header[9] = '\xff';
  std::string huge_header = bytes_of(good, 8);
  huge_header[6] = 2;
  huge_header[10] = huge_header[11] = '\xff';
  struct Malformed {
    std::string what;
    std::string bytes;
    const char* reason;
  };
  const auto with = [](const std::string& text, std::size_t data = 8) { return bytes_of(text, data); };
  const Malformed cases[] = {
      {"empty", "", "only 0 bytes"},
      {"only the magic", "\x93NUMPY\1", "only 7 bytes"},
      {"no magic", wrong_magic, "NUMPY"},
      {"version 4", wrong_version, "version 4.0"},
      {"header past the end", long_header, "truncated"},
      {"huge header", huge_header, "allowed"},
      {"byte appended", bytes_of(good, 9), "longer than one array"},
      {"byte removed", bytes_of(good, 7), "truncated"},
      {"no dictionary", with("[]"), "expected {"},
      {"not closed", with("{'descr': '<f4'"), "expected }"},
      {"text behind", with(good + "x"), "follows"},
      {"key twice", with("{'descr': '<f4', 'descr': '<f4', 'fortran_order': False, 'shape': (2,), }"), "twice"},
      {"unknown key", with("{'descr': '<f4', 'fortran_order': False, 'shape': (2,), 'x': 1}"), "'x'"},
      {"key missing", with("{'descr': '<f4', 'shape': (2,), }"), "missing"},
      {"quote not closed", with("{'descr"), "quote"},
      {"order a number", with(dictionary("'<f4'", "0", "(2,)")), "expected }"},
      {"order misspelt", with(dictionary("'<f4'", "false", "(2,)")), "neither True nor False"},
      {"records", with(dictionary("[('a', '<f4')]", "False", "(2,)")), "in quotes"},
      {"half floats", with(dictionary("'<f2'", "False", "(4,)")), "'<f2'"},
      {"escape in a text", with(dictionary("'\x1b[2J'", "False", "(2,)")), "no place there"},
      {"negative size", with(dictionary("'<f4'", "False", "(-2,)")), "size"},
      {"fraction", with(dictionary("'<f4'", "False", "(2.0,)")), "expected )"},
      {"size over 2^63", with(dictionary("'<f4'", "False", "(9223372036854775808,)")), "size"},
      {"a number, no tuple", with(dictionary("'<f4'", "False", "(2)")), "(n,)"},
      {"seven dimensions", with(dictionary("'<f4'", "False", "(1,1,1,1,1,1,2)")), "dimensions"},
      {"overflow", with(dictionary("'<f4'", "False", "(4294967296, 4294967296)"), 0), "impossible shape"},
      {"zero hides an overflow", with(dictionary("'<f4'", "False", "(0, 4294967296, 4294967296)"), 0), "impossible"},
  };
  const ScratchFolder folder;
  for (const Malformed& bad : cases) {
    CAPTURE(bad.what);
    write_file(folder / "f", bad.bytes);
    std::string message = "accepted";
    try {
      (void)load_npy(folder / "f");
    } catch (const FileError& error) {
      message = error.what();
    }
    CAPTURE(message);
    CHECK(message.find(bad.reason) != message.npos);
    CHECK(message.find(folder / "f") != message.npos);
  }
  CHECK(load(bytes_of(good, 8)).shape() == Shape{2});
  CHECK_THROWS_AS(load_npy("/dev/null"), FileError);
  CHECK_THROWS_AS(save_npy(folder / "g", Tensor::unset({1})), UnsetError);
}
