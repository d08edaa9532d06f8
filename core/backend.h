#pragma once

#include <optional>
#include <ostream>
#include <string_view>

namespace fanin {

/// Families of kernels. `automatic` lets each operator take the fastest that supports the case; `simd` are own vector
/// kernels, which stand beside the libraries' where they were measured to win.
enum class Backend : unsigned char { automatic, reference, blas, onednn, simd };

std::string_view name_of(Backend backend);
/// From the name on the command line: auto, reference, blas, onednn. Vector kernels are few, and part of auto.
std::optional<Backend> backend_from(std::string_view name);

/// Within the scope operators on this thread take kernels of `backend`, where it has one for the case; operators that
/// have no kernel of that family take the reference.
class BackendScope final {
 public:
  explicit BackendScope(Backend backend);
  ~BackendScope();
  BackendScope(const BackendScope&) = delete;
  BackendScope& operator=(const BackendScope&) = delete;

 private:
  Backend outer_;
};
/// What the innermost BackendScope on this thread has chosen; else automatic.
Backend current_backend();

/// Within the scope convolutions and linear layers on this thread compute nothing: their results have the shape, dtype
/// and layout they would have, but elements that mean nothing. Their weights may be unset. For looking at a model.
class ShapesOnly final {
 public:
  ShapesOnly();
  ~ShapesOnly();
  ShapesOnly(const ShapesOnly&) = delete;
  ShapesOnly& operator=(const ShapesOnly&) = delete;

 private:
  bool outer_;
};
bool shapes_only();

/// Picks from a table of kernels, fastest first, reference last: the first that is of the wanted backend and
/// supports the case. `Kernels` has `.backend` and `.supports(case…)`; the last entry must support everything.
template <class Table, class... Case>
const auto& choose(const Table& kernels, const Case&... wanted) {
  const Backend backend = current_backend();
  for (const auto* kernel : kernels)
    if ((backend == Backend::automatic || kernel->backend == backend) && kernel->supports(wanted...)) return *kernel;
  return **(std::end(kernels) - 1);
}

}  // namespace fanin
