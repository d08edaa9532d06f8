#include "core/backend.h"

namespace fanin {

namespace {
thread_local Backend wanted = Backend::automatic;
thread_local bool computes_nothing = false;
}  // namespace

std::string_view name_of(Backend backend) {
  switch (backend) {
    case Backend::automatic: return "auto";
    case Backend::reference: return "reference";
    case Backend::blas: return "blas";
    case Backend::onednn: return "onednn";
    case Backend::simd: return "simd";
  }
  return "?";
}

std::optional<Backend> backend_from(std::string_view name) {
  for (Backend backend : {Backend::automatic, Backend::reference, Backend::blas, Backend::onednn})
    if (name_of(backend) == name) return backend;
  return std::nullopt;
}

BackendScope::BackendScope(Backend backend) : outer_(wanted) { wanted = backend; }
BackendScope::~BackendScope() { wanted = outer_; }

Backend current_backend() { return wanted; }

ShapesOnly::ShapesOnly() : outer_(computes_nothing) { computes_nothing = true; }
ShapesOnly::~ShapesOnly() { computes_nothing = outer_; }

bool shapes_only() { return computes_nothing; }

}  // namespace fanin
