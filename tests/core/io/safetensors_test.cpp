#include "core/io/safetensors.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <limits>

#include "core/check.h"
#include "core/io/atomic_file.h"
#include "tests/scratch_folder.h"

using namespace fanin;

namespace {

/// The 8 bytes of a header's length.
std::string length_of(std::uint64_t length) {
  std::string bytes(8, '\0');
  std::memcpy(bytes.data(), &length, 8);
  return bytes;
}

/// A file: length, header, `data` bytes of zero.
std::string bytes_of(const std::string& header, std::size_t data) {
  return length_of(header.size()) + header + std::string(data, '\0');
}

SafetensorsFile load(const std::string& bytes) {
  const ScratchFolder folder;
  write_file(folder / "f", bytes);
  return load_safetensors(folder / "f");
}

/// One tensor "w" with these fields.
std::string entry(const std::string& fields) { return "{\"w\":{" + fields + "}}"; }

struct Malformed {
  std::string what;
  std::string bytes;
  const char* reason;  // words of the message
};

std::string two_tensors(const std::string& first, const std::string& second) {
  return R"({"a":{"dtype":"U8","shape":[4],"data_offsets":)" + first +
         R"(},"b":{"dtype":"U8","shape":[4],"data_offsets":)" + second + "}}";
}

const std::string good = entry(R"("dtype":"F32","shape":[2],"data_offsets":[0,8])");

std::vector<Malformed> malformed_frames() {
  std::string truncated_header = bytes_of(good, 8);
  truncated_header.resize(20);
  return {
      {"no bytes", "", "only 0 bytes"},
      {"7 bytes", std::string(7, '\0'), "only 7 bytes"},
      {"8 bytes", std::string(8, '\0'), "a header { … } was expected"},
      {"length over the limit", length_of(100'000'001) + good, "100000001"},
      {"largest length", length_of(std::numeric_limits<std::uint64_t>::max()) + good, "18446744073709551615"},
      {"length past the end", length_of(good.size() + 9) + good + std::string(8, '\0'), "truncated"},
      {"header cut off", truncated_header, "truncated"},
      {"byte appended", bytes_of(good, 9), "something was appended"},
      {"byte removed", bytes_of(good, 7), "truncated"},
      {"data without tensors", bytes_of("{}", 1), "something was appended"},
      {"byte-order mark", bytes_of("\xEF\xBB\xBF" + good, 8), "was expected"},
      {"leading blank", bytes_of(" " + good, 8), "was expected"},
      {"trailing line feed", bytes_of(good + "\n", 8), "was expected"},
      {"hidden behind a NUL", bytes_of(good + std::string("\0}", 2), 8), "was expected"},
      {"two documents", bytes_of(good + "{}", 8), "JSON"},
      {"no UTF-8 in a name", bytes_of("{\"w\xFF\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}}", 0),
       "JSON"},
      {"no UTF-8 outside", bytes_of("{\xFF}", 0), "JSON"},
      {"a comment", bytes_of("{/**/}", 0), "JSON"},
      {"a comma too many", bytes_of("{,}", 0), "JSON"},
      {"a list", bytes_of("[]", 0), "was expected"},
      {"a million brackets", bytes_of("{\"a\":" + std::string(1'000'000, '[') + "}", 0), "a list"},
      {"a million braces",
       bytes_of(
           [] {
             std::string nested;
             for (int i = 0; i < 300'000; ++i) nested += "{\"a\":";
             return nested + "}";
           }(),
           0),
       "unknown key 'a'"},
  };
}

std::vector<Malformed> malformed_entries() {
  const auto with = [](const std::string& fields, std::size_t data = 8) { return bytes_of(entry(fields), data); };
  const std::string f32 = R"("dtype":"F32",)";
  return {
      {"tensor twice",
       bytes_of(R"({"w":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},)"
                R"("w":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})",
                1),
       "'w' occurs twice"},
      {"same name, written otherwise",
       bytes_of(R"({"w":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},)"
                R"("\u0077":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})",
                1),
       "'w' occurs twice"},
      {"metadata twice", bytes_of(R"({"__metadata__":{},"__metadata__":{}})", 0), "__metadata__ occurs twice"},
      {"metadata key twice", bytes_of(R"({"__metadata__":{"a":"1","a":"2"}})", 0), "'a' occurs twice"},
      {"metadata a text", bytes_of(R"({"__metadata__":"x"})", 0), "object of strings, got a string"},
      {"number in metadata", bytes_of(R"({"__metadata__":{"a":1}})", 0), "got a number"},
      {"object in metadata", bytes_of(R"({"__metadata__":{"a":{}}})", 0), "got an object"},
      {"null in metadata", bytes_of(R"({"__metadata__":{"a":null}})", 0), "got null"},
      {"list in metadata", bytes_of(R"({"__metadata__":{"a":["b"]}})", 0), "got a list"},
      {"tensor is a number", bytes_of(R"({"w":1})", 0), "a number"},
      {"tensor is null", bytes_of(R"({"w":null})", 0), "null"},
      {"field twice", with(f32 + R"("dtype":"F32","shape":[2],"data_offsets":[0,8])"), "'dtype' occurs twice"},
      {"field missing", with(f32 + R"("shape":[2])"), "missing"},
      {"unknown field", with(f32 + R"("shape":[2],"data_offsets":[0,8],"strides":[1])"), "unknown key 'strides'"},
      {"unknown dtype", with(R"("dtype":"F4","shape":[2],"data_offsets":[0,1])", 1), "dtype 'F4' is not known"},
      {"dtype in small letters", with(R"("dtype":"f32","shape":[2],"data_offsets":[0,8])"), "not known"},
      {"dtype a list", with(R"("dtype":["F32"],"shape":[2],"data_offsets":[0,8])"), "a list"},
      {"shape a number", with(f32 + R"("shape":2,"data_offsets":[0,8])"), "a number"},
      {"shape in a list", with(f32 + R"("shape":[[2]],"data_offsets":[0,8])"), "a list"},
      {"text in a shape", with(f32 + R"("shape":["2"],"data_offsets":[0,8])"), "a string"},
      {"true in a shape", with(f32 + R"("shape":[true],"data_offsets":[0,8])"), "true or false"},
      {"negative size", with(f32 + R"("shape":[-2],"data_offsets":[0,8])"), "negative: -2"},
      {"size with a fraction", with(f32 + R"("shape":[2.0],"data_offsets":[0,8])"), "whole numbers"},
      {"seven dimensions", with(f32 + R"("shape":[1,1,1,1,1,1,2],"data_offsets":[0,8])"), "7 dimensions"},
      {"endless dimensions",
       with(f32 + "\"shape\":[1" +
            [] {
              std::string ones;
              for (int i = 0; i < 100'000; ++i) ones += ",1";
              return ones;
            }() +
            R"(],"data_offsets":[0,8])"),
       "too many numbers"},
      {"shape against size", with(f32 + R"("shape":[3],"data_offsets":[0,8])"), "takes 12 bytes"},
      {"product overflows", with(f32 + R"("shape":[4294967296,4294967296],"data_offsets":[0,0])", 0), "too large"},
      {"bytes overflow", with(f32 + R"("shape":[4611686018427387904],"data_offsets":[0,0])", 0), "too large"},
      {"size over i64", with(f32 + R"("shape":[0,9223372036854775808],"data_offsets":[0,0])", 0), "too large"},
      {"zero hides an overflow", with(f32 + R"("shape":[0,4294967296,4294967296],"data_offsets":[0,0])", 0),
       "too large"},
      {"one offset", with(f32 + R"("shape":[2],"data_offsets":[0])"), "1 numbers, expected 2"},
      {"three offsets", with(f32 + R"("shape":[2],"data_offsets":[0,8,8])"), "3 numbers, expected 2"},
      {"offsets run backwards", with(f32 + R"("shape":[2],"data_offsets":[8,0])"), "backwards"},
      {"negative offset", with(f32 + R"("shape":[2],"data_offsets":[-8,0])"), "negative: -8"},
      {"offset with a fraction", with(f32 + R"("shape":[2],"data_offsets":[0,8.5])"), "whole numbers"},
      {"offset 1e30", with(f32 + R"("shape":[2],"data_offsets":[0,1e30])"), "whole numbers"},
      {"offset 2^64", with(f32 + R"("shape":[2],"data_offsets":[0,18446744073709551616])"), "whole numbers"},
      {"offset past the end", with(f32 + R"("shape":[2],"data_offsets":[0,8])", 4), "truncated"},
      {"overlap by 1", bytes_of(two_tensors("[0,4]", "[3,7]"), 7), "overlap"},
      {"hole of 1", bytes_of(two_tensors("[0,4]", "[5,9]"), 9), "hole"},
      {"hole at the start", bytes_of(two_tensors("[1,5]", "[5,9]"), 9), "hole"},
      {"same bytes twice", bytes_of(two_tensors("[0,4]", "[0,4]"), 4), "overlap"},
      {"control characters in a name", bytes_of(R"({"a\u001b[2J":1})", 0), "'a?[2J'"},
  };
}

}  // namespace

TEST_CASE("tensors of every dtype, scalars and empty ones come back bit for bit") {
  const ScratchFolder folder;
  Tensor blocked = Tensor::empty({2, 3, 1, 2});
  for (std::size_t i = 0; i < 12; ++i) blocked.mutable_data<float>()[i] = static_cast<float>(i);
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const StateDict saved = {{"bytes", Tensor::from(std::vector<std::uint8_t>{1, 2, 255}, {3})},
                           {"f32", Tensor::from(std::vector<float>{1.5f, -INFINITY, nan, -0.0f}, {2, 2})},
                           {"steps", Tensor::from(std::vector<std::int64_t>{-7}, {})},
                           {"f64", Tensor::from(std::vector<double>{0.1}, {1})},
                           {"half", Tensor::from(std::vector<bfloat16>{1.0f, 3.0f}, {2})},
                           {"none", Tensor::zeros({0, 5})},
                           {"blocked", blocked.to(Layout::channel_blocked(8))}};
  save_safetensors(folder / "f", saved, {{"model", "näme \"quoted\"\n"}});
  const SafetensorsFile file = load_safetensors(folder / "f");
  CHECK(file.metadata == Metadata{{"format", "pt"}, {"model", "näme \"quoted\"\n"}});
  // Wide dtypes first, each in the order it had.
  std::string order;
  for (const auto& [name, tensor] : file.tensors) order += name + " ";
  CHECK(order == "steps f64 f32 none blocked half bytes ");
  for (const auto& entry : file.tensors) {
    const auto& name = entry.first;
    const auto& tensor = entry.second;
    CAPTURE(name);
    const auto original = std::ranges::find(saved, name, [](const auto& named) { return named.first; });
    const Tensor expected = original->second.plain();
    CHECK(tensor.shape() == expected.shape());
    REQUIRE(tensor.dtype() == expected.dtype());
    if (expected.numel() > 0) CHECK(std::memcmp(tensor.raw_bytes(), expected.raw_bytes(), expected.bytes()) == 0);
  }
}

TEST_CASE("the header is padded so that every tensor is aligned") {
  const ScratchFolder folder;
  save_safetensors(folder / "f", {{"odd", Tensor::zeros({3}, DType::u8)}, {"wide", Tensor::zeros({1}, DType::f64)}});
  InputFile file(folder / "f");
  const SafetensorsHeader header = read_safetensors_header(file);
  CHECK(file.offset() % 8 == 0);
  for (const TensorEntry& tensor : header.tensors) CHECK(tensor.begin % size_of(tensor.dtype) == 0);
  CHECK(header.tensors.front().name == "wide");
}

TEST_CASE("data at odd addresses, entries out of order and padding are read") {
  // 8 + 117 + 1 bytes of u8 come before the float.
  std::string header = R"({"f":{"dtype":"F32","shape":[1],"data_offsets":[1,5]},)"
                       R"("u":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},)"
                       R"("e":{"dtype":"F32","shape":[0],"data_offsets":[5,5]}})";
  header.append(header.size() % 2 == 0 ? 1 : 2, ' ');
  const float value = 2.5f;
  std::string bytes = bytes_of(header, 5);
  std::memcpy(bytes.data() + bytes.size() - 4, &value, 4);
  const SafetensorsFile file = load(bytes);
  REQUIRE(file.tensors.size() == 3);
  CHECK(file.tensors[0].first == "u");
  CHECK(file.tensors[1].second.item() == 2.5);
  CHECK(file.tensors[2].second.numel() == 0);
}

TEST_CASE("the smallest files are read") {
  CHECK(load(bytes_of("{}", 0)).tensors.empty());
  CHECK(load(bytes_of(R"({"__metadata__":{}})", 0)).metadata.empty());
  CHECK(load(bytes_of(good, 8)).tensors.at(0).second.shape() == Shape{2});
}

TEST_CASE("malformed files are refused with the path and a reason") {
  std::vector<Malformed> cases = malformed_frames();
  for (Malformed& more : malformed_entries()) cases.push_back(std::move(more));
  const ScratchFolder folder;
  for (const Malformed& bad : cases) {
    CAPTURE(bad.what);
    write_file(folder / "f", bad.bytes);
    std::string message = "accepted";
    try {
      (void)load_safetensors(folder / "f");
    } catch (const FileError& error) {
      message = error.what();
    }
    CAPTURE(message);
    CHECK(message.find(bad.reason) != message.npos);
    CHECK(message.find(folder / "f") != message.npos);
    CHECK(message.size() < 600);
  }
}

TEST_CASE("more tensors than anybody has are refused") {
  std::string header = "{";
  for (std::size_t i = 0; i <= max_safetensors_tensors; ++i)
    header += (i ? ",\"" : "\"") + std::to_string(i) + R"(":{"dtype":"U8","shape":[0],"data_offsets":[0,0]})";
  CHECK_THROWS_WITH_AS(load(bytes_of(header + "}", 0)), doctest::Contains("more than 100000 tensors"), FileError);
}

TEST_CASE("a sparse file larger than the memory is refused before anything is allocated") {
  const ScratchFolder folder;
  const std::uint64_t size = std::uint64_t{8} << 40;
  const std::string header = entry("\"dtype\":\"U8\",\"shape\":[" + std::to_string(size) + "],\"data_offsets\":[0," +
                                   std::to_string(size) + "]");
  write_file(folder / "f", bytes_of(header, 0));
  if (::truncate((folder / "f").c_str(), static_cast<off_t>(8 + header.size() + size)) != 0) {
    MESSAGE("this file system has no files of 8 TiB: nothing to test");
    return;
  }
  CHECK_THROWS_WITH_AS(load_safetensors(folder / "f"), doctest::Contains("of memory"), FileError);
}

TEST_CASE("pipes, folders and missing files are refused") {
  const ScratchFolder folder;
  CHECK_THROWS_WITH_AS(load_safetensors(folder / "no"), doctest::Contains("No such file"), FileError);
  CHECK_THROWS_WITH_AS(load_safetensors(folder / ""), doctest::Contains("directory"), FileError);
  CHECK_THROWS_WITH_AS(load_safetensors("/dev/null"), doctest::Contains("no regular file"), FileError);
}

TEST_CASE("what cannot be saved is refused before a file is made") {
  const ScratchFolder folder;
  const Tensor one = Tensor::zeros({1});
  CHECK_THROWS_WITH_AS(save_safetensors(folder / "f", {{"w", one}, {"w", one}}), doctest::Contains("'w'"),
                       StateDictError);
  CHECK_THROWS_AS(save_safetensors(folder / "f", {{"__metadata__", one}}), StateDictError);
  CHECK_THROWS_AS(save_safetensors(folder / "f", {{"\xFF", one}}), StateDictError);
  CHECK_THROWS_AS(save_safetensors(folder / "f", {{"w", one}}, {{"a", "\xC0"}}), StateDictError);
  CHECK_THROWS_WITH_AS(save_safetensors(folder / "f", {{"w", Tensor::unset({2})}}), doctest::Contains("'w'"),
                       UnsetError);
  CHECK_THROWS_AS(save_safetensors(folder / "f", {{"w", Tensor()}}), UnsetError);
  CHECK(folder.names().empty());
}
