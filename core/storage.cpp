#include "core/storage.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <new>
#include <vector>

#include "core/check.h"

namespace fanin {

namespace {

constexpr std::size_t huge_page = std::size_t{2} << 20;

/// Sizes are rounded to few classes, so that batches that differ a little reuse each other's blocks.
std::size_t size_class(std::size_t bytes) {
  if (bytes <= 4096) return (std::max<std::size_t>(bytes, 1) + 63) / 64 * 64;
  std::size_t step = 512;
  while (step * 16 < bytes) step *= 2;  // at most 1/8 is wasted
  return (bytes + step - 1) / step * step;
}

/// Freed blocks by size class. One per process; loader threads allocate too.
class BlockCache final {
 public:
  void* take(std::size_t bytes) {
    const std::size_t size = size_class(bytes);
    const std::lock_guard lock(mutex_);
    void* block = nullptr;
    if (auto found = free_.find(size); found != free_.end() && !found->second.empty()) {
      block = found->second.back();
      found->second.pop_back();
    } else {
      block = ask_system(size);
    }
    use_.live += size;
    use_.peak = std::max(use_.peak, use_.live);
    return block;
  }

  void give(void* block, std::size_t bytes) {
    const std::size_t size = size_class(bytes);
    const std::lock_guard lock(mutex_);
    use_.live -= size;
    free_[size].push_back(block);
  }

  MemoryUse use() {
    const std::lock_guard lock(mutex_);
    return use_;
  }

  void reset_peak() {
    const std::lock_guard lock(mutex_);
    use_.peak = use_.live;
  }

  void release() {
    const std::lock_guard lock(mutex_);
    release_locked();
  }

 private:
  void* ask_system(std::size_t size) {
    // A cache that holds more than is in use serves shapes that are gone: start over rather than grow.
    if (use_.reserved - use_.live > use_.live + (std::size_t{64} << 20)) release_locked();
    void* block = std::aligned_alloc(size >= huge_page ? huge_page : 64, round_up(size));
    if (block == nullptr) {
      release_locked();
      block = std::aligned_alloc(64, round_up(size));
    }
    if (block == nullptr)
      fail<Error>("out of memory: ", size >> 20, " MiB more wanted, ", use_.live >> 20, " MiB held by tensors");
    if (size >= huge_page) madvise(block, round_up(size), MADV_HUGEPAGE);  // advice: failing costs only speed
    use_.reserved += size;
    ++use_.allocations;
    return block;
  }

  static std::size_t round_up(std::size_t size) {
    const std::size_t unit = size >= huge_page ? huge_page : 64;
    return (size + unit - 1) / unit * unit;
  }

  void release_locked() {
    for (auto& [size, blocks] : free_) {
      for (void* block : blocks) std::free(block);
      use_.reserved -= size * blocks.size();
    }
    free_.clear();
  }

  std::mutex mutex_;
  std::map<std::size_t, std::vector<void*>> free_;
  MemoryUse use_;
};

BlockCache& cache() {
  static auto* const blocks = new BlockCache;  // never destroyed: tensors in static storage may outlive any order
  return *blocks;
}

}  // namespace

Storage::Storage(std::size_t bytes, Start start) : bytes_(bytes) {
  if (start == Start::unset || bytes == 0) return;
  data_ = static_cast<std::byte*>(cache().take(bytes));
  if (start == Start::zero) std::memset(data_, 0, bytes);
}

Storage::~Storage() {
  if (data_ != nullptr) cache().give(data_, bytes_);
}

std::byte* Storage::write() {
  if (data_ == nullptr && bytes_ > 0) data_ = static_cast<std::byte*>(cache().take(bytes_));
  ++version_;
  return data_;
}

MemoryUse memory_use() { return cache().use(); }
void reset_peak_memory() { cache().reset_peak(); }
void release_cached_memory() { cache().release(); }

}  // namespace fanin
