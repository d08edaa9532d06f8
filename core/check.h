#pragma once

#include <cstddef>
#include <initializer_list>
#include <ostream>
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

/// One part of a message: any value that can be streamed, and how. Points to the value; for use within one expression.
class Part final {
 public:
  Part(const char* word);
  Part(std::string_view word);
  Part(const std::string& word) : Part(std::string_view(word)) {}
  template <class T>
  Part(const T& value)
      : value_(&value),
        write_([](std::ostream& out, const Part& part) { out << *static_cast<const T*>(part.value_); }) {}
  void write(std::ostream& out) const { write_(out, *this); }

 private:
  const void* value_;
  std::size_t size_ = 0;  // of a word
  void (*write_)(std::ostream&, const Part&);
};

/// The parts, streamed one after the other.
std::string join(std::initializer_list<Part> parts);
template <class... Parts>
std::string text(const Parts&... parts) {
  return join({Part(parts)...});
}

/// The same with the running module's path in front.
std::string message(std::initializer_list<Part> parts);

/// Throws E with `parts` streamed into its message, and the running module's path in front of them.
template <class E = ShapeError, class... Parts>
[[noreturn]] void fail(const Parts&... parts) {
  throw E(message({Part(parts)...}));
}

/// Throws E unless `condition` holds. The message says which operator, what was expected, what came, and the fix:
/// check(x.rank() == 4, "conv2d: input must be [N, C, H, W], got ", x.shape());
template <class E = ShapeError, class... Parts>
void check(bool condition, const Parts&... parts) {
  if (!condition) [[unlikely]]
    fail<E>(parts...);
}

}  // namespace fanin
