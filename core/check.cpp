#include "core/check.h"

#include <sstream>

namespace fanin {

namespace {

thread_local std::string_view module_path;

std::string streamed(std::string_view start, std::initializer_list<Part> parts) {
  std::ostringstream out;
  out << start;
  for (const Part& part : parts) part.write(out);
  return std::move(out).str();
}

}  // namespace

std::string_view current_module() { return module_path; }

ModuleScope::ModuleScope(std::string_view path) : outer_(module_path) { module_path = path; }
ModuleScope::~ModuleScope() { module_path = outer_; }

Part::Part(const char* word) : Part(std::string_view(word)) {}
Part::Part(std::string_view word)
    : value_(word.data()), size_(word.size()), write_([](std::ostream& out, const Part& part) {
        out << std::string_view(static_cast<const char*>(part.value_), part.size_);
      }) {}

std::string join(std::initializer_list<Part> parts) { return streamed("", parts); }

std::string message(std::initializer_list<Part> parts) {
  return streamed(module_path.empty() ? std::string() : "in '" + std::string(module_path) + "': ", parts);
}

}  // namespace fanin
