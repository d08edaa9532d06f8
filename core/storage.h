#pragma once

#include <cstddef>
#include <cstdint>

namespace fanin {

/// Bytes shared by tensors. Aligned to 64 bytes, taken from a cache of freed blocks, so that a training step in its
/// steady state asks the system for nothing. `version` counts the writes: a tensor saved for backward remembers it.
class Storage final {
 public:
  /// `unset`: nothing is allocated before the first write; reading it is an error.
  enum class Start : std::uint8_t { uninitialised, zero, unset };

  Storage(std::size_t bytes, Start start);
  ~Storage();
  Storage(const Storage&) = delete;
  Storage& operator=(const Storage&) = delete;

  std::size_t bytes() const { return bytes_; }
  bool is_set() const { return data_ != nullptr || bytes_ == 0; }
  std::uint64_t version() const { return version_; }

  const std::byte* read() const { return data_; }
  /// Counts as a write; allocates storage that was unset.
  std::byte* write();

 private:
  std::size_t bytes_;
  std::byte* data_ = nullptr;
  std::uint64_t version_ = 0;
};

/// What tensors hold now and held at most, in bytes, since the last reset_peak().
struct MemoryUse {
  std::size_t live = 0;         // held by tensors
  std::size_t peak = 0;         // highest `live`
  std::size_t reserved = 0;     // taken from the system: live and cached
  std::size_t allocations = 0;  // blocks asked of the system since the program started
};
/// Of the whole process.
MemoryUse memory_use();
/// From here on `peak` starts at what is live now.
void reset_peak_memory();
/// Gives cached blocks back to the system.
void release_cached_memory();

}  // namespace fanin
