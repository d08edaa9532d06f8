#pragma once

#include <algorithm>

#include "core/shape.h"

namespace fanin {

/// The one thread budget: for own kernels, oneDNN and OpenBLAS together. By default as many as the process may use,
/// respecting its CPU affinity and cgroup quota. Denormals are flushed to zero in every one of them.
int threads();
/// At least 1. Call it from the thread that computes.
void set_threads(int count);
/// Number of cores this process may use: affinity and cgroup quota taken together, at least 1.
int available_cores();

/// Within the scope parallel_for() on this thread runs everything on this thread: for threads of one's own that prepare
/// something beside the computation, where a pool for each of them would go beyond the budget.
class OneThread final {
 public:
  OneThread();
  ~OneThread();
  OneThread(const OneThread&) = delete;
  OneThread& operator=(const OneThread&) = delete;

 private:
  bool outer_;
};

namespace detail {
void parallel(int parts, void (*run)(void* body, int part), void* body);
}

/// Calls f(begin, end) on `threads()` or fewer ranges that together cover [0, count). The ranges depend only on count,
/// grain and the number of threads, so a result does not depend on scheduling. A range has at least `grain` elements
/// (but for the last). If f throws, the exception comes out here once every thread is done.
template <class F>
void parallel_for(Dim count, Dim grain, F&& f) {
  if (count <= 0) return;
  const Dim parts = std::clamp<Dim>((count + grain - 1) / grain, 1, threads());
  if (parts == 1) {
    f(Dim{0}, count);
    return;
  }
  struct Body {
    F& f;
    Dim count, parts;
  } body{f, count, parts};
  detail::parallel(
      static_cast<int>(parts),
      [](void* opaque, int part) {
        auto& b = *static_cast<Body*>(opaque);
        b.f(b.count * part / b.parts, b.count * (part + 1) / b.parts);
      },
      &body);
}

/// The grain for parts of `cost` elementary operations each: small work is not worth waking threads for.
inline Dim grain_for(Dim cost) { return std::max<Dim>(1, (Dim{1} << 15) / std::max<Dim>(1, cost)); }

}  // namespace fanin
