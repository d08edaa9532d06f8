#pragma once

#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>

namespace fanin {

/// Base of everything fanin throws on a caller's mistake or on a bad file. The library never prints and never exits.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Shapes, sizes or options that do not fit together.
class ShapeError final : public Error {
 public:
  using Error::Error;
};

/// A dtype an operator does not take.
class DTypeError final : public Error {
 public:
  using Error::Error;
};

/// A parameter was read before a rule or a file had set it.
class UnsetError final : public Error {
 public:
  using Error::Error;
};

/// Names or shapes of a file and of a model differ.
class StateDictError final : public Error {
 public:
  using Error::Error;
};

/// A file that cannot be read, written or believed. The message has path, offset where known, and reason.
class FileError final : public Error {
 public:
  using Error::Error;
};

/// A value that makes no sense as a number: NaN where a finite one is needed, a graph run backwards twice.
class NumericError final : public Error {
 public:
  using Error::Error;
};

/// The path of the module now running on this thread ("stage_1.stage_1_bottleneck_0.conv_conv"), or "".
/// The layers set it; operators' records and error messages carry it.
std::string_view current_module();

/// Names the module that runs until the end of the scope. `path` must outlive the scope.
class ModuleScope final {
 public:
  explicit ModuleScope(std::string_view path);
  ~ModuleScope();
  ModuleScope(const ModuleScope&) = delete;
  ModuleScope& operator=(const ModuleScope&) = delete;

 private:
  std::string_view outer_;
};

/// The parts, streamed one after the other.
template <class... Parts>
std::string text(const Parts&... parts) {
  std::ostringstream out;
  (out << ... << parts);
  return out.str();
}

/// Throws E with `parts` streamed into its message, and the running module's path in front of them.
template <class E = ShapeError, class... Parts>
[[noreturn]] void fail(const Parts&... parts) {
  const std::string_view module = current_module();
  if (module.empty()) throw E(text(parts...));
  throw E(text("in '", module, "': ", parts...));
}

/// Throws E unless `condition` holds. The message says which operator, what was expected, what came, and the fix:
/// check(x.rank() == 4, "conv2d: input must be [N, C, H, W], got ", x.shape());
template <class E = ShapeError, class... Parts>
void check(bool condition, const Parts&... parts) {
  if (!condition) [[unlikely]]
    fail<E>(parts...);
}

}  // namespace fanin
