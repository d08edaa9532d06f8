#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "core/dtype.h"
#include "core/io/input_file.h"
#include "core/io/state_dict.h"
#include "core/shape.h"

namespace fanin {

using Metadata = std::map<std::string, std::string>;

/// What a safetensors header says about one tensor. Its bytes are [begin, end) of the data that follow the header.
struct TensorEntry {
  std::string name;
  DType dtype = DType::f32;
  Shape shape;
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
};

struct SafetensorsHeader {
  std::vector<TensorEntry> tensors;  // in the order of their bytes
  Metadata metadata;
};

/// Limits on what is believed: far above real models, and low enough that a hostile header costs little.
inline constexpr std::uint64_t max_safetensors_header = 100'000'000;  // bytes, as in the reference reader
inline constexpr std::size_t max_safetensors_tensors = 100'000;

/// Reads the JSON of a header that `data_bytes` bytes of data follow, and checks all of it: the exact form (no unknown
/// and no repeated key, no deeper nesting, whole numbers only), sizes without overflow, and that the tensors cover the
/// data without a hole or an overlap. Throws FileError with `path`, offset in the file and reason.
SafetensorsHeader parse_safetensors_header(std::string_view json, std::uint64_t data_bytes, const std::string& path);

/// The header of a file, without reading the tensors: `file` stands at the first byte of the data afterwards.
SafetensorsHeader read_safetensors_header(InputFile& file);
SafetensorsHeader read_safetensors_header(const std::string& path);

/// The JSON of a header, whole words of 8 bytes, for tensors whose data follow in this order. Throws StateDictError if
/// a name or a text is no valid UTF-8.
std::string safetensors_header(const StateDict& tensors, Metadata metadata);

}  // namespace fanin
