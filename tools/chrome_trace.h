#pragma once

#include <string>
#include <string_view>

#include "core/io/json.h"

namespace fanin {

/// Spans of time in the Chrome trace event format, which chrome://tracing and ui.perfetto.dev draw: those that lie
/// within others below them.
class ChromeTrace final {
 public:
  /// `start` in seconds on any one clock; the first span added begins at 0. `category` is what viewers filter by.
  void add(std::string_view name, std::string_view category, double start, double seconds, Json arguments = {});
  /// {"traceEvents": […]}
  std::string text() const;

 private:
  Json::Array events_;
  double zero_ = 0;
};

}  // namespace fanin
