#include "core/check.h"

namespace fanin {

namespace {
thread_local std::string_view module_path;
}

std::string_view current_module() { return module_path; }

ModuleScope::ModuleScope(std::string_view path) : outer_(module_path) { module_path = path; }
ModuleScope::~ModuleScope() { module_path = outer_; }

}  // namespace fanin
