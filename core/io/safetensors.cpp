#include "core/io/safetensors.h"

#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "core/check.h"
#include "core/io/atomic_file.h"

namespace fanin {

namespace {

void check_saveable(const StateDict& tensors) {
  std::unordered_set<std::string_view> names;
  for (const auto& [name, tensor] : tensors) {
    check<StateDictError>(name != "__metadata__", "save_safetensors: no tensor may be called __metadata__");
    check<StateDictError>(names.insert(name).second, "save_safetensors: two tensors are called '", name, "'");
    check<UnsetError>(tensor.is_set(), "save_safetensors: '", name, "' has no values yet");
  }
}

/// A sparse file can claim any size: what cannot fit into memory is refused with a reason, not left to the allocator.
void check_fits_memory(const InputFile& file) {
  const auto memory =
      static_cast<std::uint64_t>(::sysconf(_SC_PHYS_PAGES)) * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  check<FileError>(file.size() <= memory, "'", file.path(), "' has ", file.size(), " bytes, more than this machine's ",
                   memory, " bytes of memory");
}

}  // namespace

SafetensorsFile load_safetensors(const std::string& path) {
  InputFile file(path);
  SafetensorsHeader header = read_safetensors_header(file);
  check_fits_memory(file);
  SafetensorsFile result{{}, std::move(header.metadata)};
  result.tensors.reserve(header.tensors.size());
  for (TensorEntry& entry : header.tensors) {
    Tensor tensor = Tensor::empty(entry.shape, entry.dtype);
    // Read, not mapped: bytes of any alignment come to rest in aligned storage.
    if (entry.begin != entry.end) file.read(tensor.mutable_raw_bytes(), entry.end - entry.begin);
    result.tensors.emplace_back(std::move(entry.name), std::move(tensor));
  }
  return result;
}

void save_safetensors(const std::string& path, const StateDict& tensors, const Metadata& metadata) {
  check_saveable(tensors);
  StateDict sorted = tensors;
  std::ranges::stable_sort(sorted, std::greater{}, [](const auto& named) { return size_of(named.second.dtype()); });
  const std::string header = safetensors_header(sorted, metadata);
  check<FileError>(header.size() <= max_safetensors_header && sorted.size() <= max_safetensors_tensors,
                   "save_safetensors: '", path, "' would have ", sorted.size(), " tensors and a header of ",
                   header.size(), " bytes, more than readers accept");
  const std::uint64_t length = header.size();
  AtomicFile file(path);
  file.write(&length, sizeof length);
  file.write(header);
  for (const auto& [name, tensor] : sorted) {
    const Tensor plain = tensor.plain();
    if (plain.numel() > 0) file.write(plain.raw_bytes(), plain.bytes());
  }
  file.commit();
}

}  // namespace fanin
