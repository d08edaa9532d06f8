#include "core/storage.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <map>
#include <mutex>
#include <set>
#include <utility>
#include <vector>

#include "core/check.h"

namespace fanin {

namespace {

constexpr std::size_t huge_page = std::size_t{2} << 20;
constexpr std::size_t page = 4096;
constexpr std::size_t small = std::size_t{32} << 10;  // up to here blocks keep their size for good

std::size_t round_up(std::size_t bytes, std::size_t unit) { return (bytes + unit - 1) / unit * unit; }

/// Small blocks come in few sizes, large ones in whole pages.
std::size_t block_size(std::size_t bytes) {
  if (bytes > small) return round_up(bytes, page);
  return round_up(std::max<std::size_t>(bytes, 1), bytes <= 4096 ? 64 : 2048);
}

/// Address ranges nobody uses. Neighbours are joined, so that what many small tensors leave serves a large one, and
/// batches of any size live in the same memory.
class FreeRanges final {
 public:
  /// From the smallest range that is large enough; null if there is none.
  std::byte* take(std::size_t size) {
    const auto found = by_size_.lower_bound({size, nullptr});
    if (found == by_size_.end()) return nullptr;
    const auto [length, start] = *found;
    by_size_.erase(found);
    by_address_.erase(start);
    if (length > size) insert(start + size, length - size);
    return start;
  }

  void give(std::byte* start, std::size_t size) {
    auto next = by_address_.lower_bound(start);
    if (next != by_address_.end() && next->first == start + size) {
      size += next->second;
      next = erase(next);
    }
    if (next != by_address_.begin())
      if (const auto before = std::prev(next); before->first + before->second == start) {
        start = before->first;
        size += before->second;
        erase(before);
      }
    insert(start, size);
  }

  /// Unmaps all of them; returns how many bytes that were.
  std::size_t unmap() {
    std::size_t total = 0;
    for (const auto& [start, size] : by_address_) {
      munmap(start, size);
      total += size;
    }
    by_address_.clear();
    by_size_.clear();
    return total;
  }

 private:
  using ByAddress = std::map<std::byte*, std::size_t>;

  void insert(std::byte* start, std::size_t size) {
    by_address_[start] = size;
    by_size_.insert({size, start});
  }
  ByAddress::iterator erase(ByAddress::iterator range) {
    by_size_.erase({range->second, range->first});
    return by_address_.erase(range);
  }

  ByAddress by_address_;
  std::set<std::pair<std::size_t, std::byte*>> by_size_;
};

std::byte* map(std::byte* wanted, std::size_t size) {
  void* const start = mmap(wanted, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return start == MAP_FAILED ? nullptr : static_cast<std::byte*>(start);
}

/// Maps whole huge pages, aligned to them, and if that is free just below `above`, so that free ranges join across
/// both; null if the system has no more.
std::byte* map_pages(std::size_t size, std::byte* above) {
  std::byte* start = nullptr;
  if (above != nullptr) {
    start = map(above - size, size);
    if (start != nullptr && start + size != above) {
      munmap(start, size);
      start = nullptr;
    }
  }
  if (start == nullptr) {
    start = map(nullptr, size + huge_page);
    if (start == nullptr) return nullptr;
    const std::size_t before = huge_page - reinterpret_cast<std::uintptr_t>(start) % huge_page;
    munmap(start, before);
    start += before;
    if (before < huge_page) munmap(start + size, huge_page - before);
  }
  madvise(start, size, MADV_HUGEPAGE);  // advice: failing costs only speed
  return start;
}

/// Blocks for tensors: taken from the system once, used again and again. One per process; loader threads allocate too.
class BlockCache final {
 public:
  void* take(std::size_t bytes) {
    const std::size_t size = block_size(bytes);
    const std::lock_guard lock(mutex_);
    void* const block = size > small ? take_large(size) : take_small(size);
    use_.live += size;
    use_.peak = std::max(use_.peak, use_.live);
    return block;
  }

  void give(void* block, std::size_t bytes) {
    const std::size_t size = block_size(bytes);
    const std::lock_guard lock(mutex_);
    use_.live -= size;
    if (size > small)
      ranges_.give(static_cast<std::byte*>(block), size);
    else
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
  void* take_small(std::size_t size) {
    auto& blocks = free_[size];
    if (!blocks.empty()) {
      void* const block = blocks.back();
      blocks.pop_back();
      return block;
    }
    return ask_system(size, [&] { return std::aligned_alloc(64, size); });
  }

  void* take_large(std::size_t size) {
    if (void* const block = ranges_.take(size)) return block;
    // Free memory in pieces that are too small serves shapes that are gone: start over rather than grow.
    if (use_.reserved - use_.live > use_.live + (std::size_t{64} << 20)) release_locked();
    const std::size_t mapped = round_up(size, huge_page);
    lowest_ = ask_system(mapped, [&] { return map_pages(mapped, lowest_); });
    ranges_.give(lowest_, mapped);  // joins what is free beside it
    return ranges_.take(size);
  }

  template <class Ask>
  auto ask_system(std::size_t size, const Ask& ask) -> decltype(ask()) {
    auto block = ask();
    if (block == nullptr) {
      release_locked();
      block = ask();
    }
    if (block == nullptr)
      fail<Error>("out of memory: ", size >> 20, " MiB more wanted, ", use_.live >> 20, " MiB held by tensors");
    use_.reserved += size;
    ++use_.allocations;
    return block;
  }

  void release_locked() {
    use_.reserved -= ranges_.unmap();
    for (auto& [size, blocks] : free_) {
      for (void* block : blocks) std::free(block);
      use_.reserved -= size * blocks.size();
      blocks.clear();
    }
  }

  std::mutex mutex_;
  std::map<std::size_t, std::vector<void*>> free_;  // small ones, by size
  FreeRanges ranges_;
  std::byte* lowest_ = nullptr;  // what was mapped last
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
