#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "core/shape.h"

namespace fanin {

/// A map that forgets what was used longest ago once it holds `limit` entries: varying batch sizes must not grow it.
template <class Value>
class RecentlyUsed final {
 public:
  using Key = std::vector<Dim>;

  explicit RecentlyUsed(std::size_t limit) : limit_(limit) {}

  /// The entry of `key`, made by `make()` if it is not there.
  template <class Make>
  Value& get(const Key& key, const Make& make) {
    auto found = entries_.find(key);
    if (found == entries_.end()) {
      Value made = make();
      if (entries_.size() >= limit_) forget_oldest();
      found = entries_.emplace(key, Entry{std::move(made), 0}).first;
    }
    found->second.used = ++clock_;
    return found->second.value;
  }

  template <class Condition>
  void forget_if(const Condition& condition) {
    std::erase_if(entries_, [&](const auto& entry) { return condition(entry.second.value); });
  }

  std::size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    Value value;
    std::uint64_t used;
  };

  void forget_oldest() {
    auto oldest = entries_.begin();
    for (auto entry = entries_.begin(); entry != entries_.end(); ++entry)
      if (entry->second.used < oldest->second.used) oldest = entry;
    entries_.erase(oldest);
  }

  std::size_t limit_;
  std::uint64_t clock_ = 0;
  std::map<Key, Entry> entries_;
};

}  // namespace fanin
