#include "core/threads.h"

#include <doctest/doctest.h>

#include <atomic>
#include <thread>
#include <vector>

using namespace fanin;

namespace {

/// Restores the budget the other tests run with.
class Budget final {
 public:
  explicit Budget(int count) : before_(threads()) { set_threads(count); }
  ~Budget() { set_threads(before_); }

 private:
  int before_;
};

}  // namespace

TEST_CASE("parallel_for covers every index once, whatever the counts and the number of threads") {
  for (const int count : {1, 2, 3, 7}) {
    const Budget budget(count);
    for (const Dim size : {0, 1, 2, 5, 100, 1001})
      for (const Dim grain : {1, 3, 64, 5000}) {
        std::vector<std::atomic<int>> seen(static_cast<std::size_t>(size));
        parallel_for(size, grain, [&](Dim begin, Dim end) {
          for (Dim i = begin; i < end; ++i) ++seen[static_cast<std::size_t>(i)];
        });
        for (const auto& times : seen) CHECK(times == 1);
      }
  }
}

TEST_CASE("parallel_for inside parallel_for runs, and covers everything too") {
  const Budget budget(3);
  std::atomic<int> sum = 0;
  parallel_for(10, 1, [&](Dim begin, Dim end) {
    for (Dim i = begin; i < end; ++i)
      parallel_for(10, 1, [&](Dim first, Dim last) { sum += static_cast<int>(last - first); });
  });
  CHECK(sum == 100);
}

TEST_CASE("an exception in a thread comes out of parallel_for, and the next one runs as ever") {
  const Budget budget(3);
  for (const Dim bad : {0, 50, 99})
    CHECK_THROWS_WITH_AS(parallel_for(100, 1,
                                      [&](Dim begin, Dim end) {
                                        if (begin <= bad && bad < end) fail<NumericError>("part ", bad);
                                      }),
                         doctest::Contains("part"), NumericError);
  std::atomic<Dim> covered = 0;
  parallel_for(100, 1, [&](Dim begin, Dim end) { covered += end - begin; });
  CHECK(covered == 100);
}

TEST_CASE("a budget below one thread is refused") { CHECK_THROWS_AS(set_threads(0), ShapeError); }

TEST_CASE("within OneThread everything runs on the calling thread, and no longer after it") {
  const Budget budget(4);
  const auto others = [] {
    std::atomic<int> count = 0;
    parallel_for(1000, 1, [&, caller = std::this_thread::get_id()](Dim, Dim) {
      if (std::this_thread::get_id() != caller) ++count;
    });
    return count.load();
  };
  {
    const OneThread alone;
    CHECK(others() == 0);
  }
  CHECK(others() > 0);
}
