#pragma once

#include <string>

#include "core/io/safetensors_header.h"
#include "core/io/state_dict.h"

namespace fanin {

struct SafetensorsFile {
  StateDict tensors;  // in the order of their bytes in the file
  Metadata metadata;
};

/// Reads a safetensors file (f32, f64, bf16, i64, u8). Everything the header says is checked before anything is
/// allocated: length, UTF-8 and JSON, duplicate names, offsets that leave holes or overlap, shapes against sizes.
/// Throws FileError with path, offset and reason.
/// Source: the format's README, huggingface/safetensors.
SafetensorsFile load_safetensors(const std::string& path);

/// Writes one, atomically: a temporary file beside it, fsync, rename. A reader, or a kill, sees the old file or the
/// new one. Tensors are written plain, wide dtypes first and otherwise in their order, after a header padded to 8
/// bytes: each is aligned to its element. Metadata gets "format": "pt" where it has none: Python's loaders look for it.
/// Throws UnsetError for a tensor without values, StateDictError for a name that occurs twice or is no UTF-8.
void save_safetensors(const std::string& path, const StateDict& tensors, const Metadata& metadata = {});

}  // namespace fanin
