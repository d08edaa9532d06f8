#pragma once

#include <string>
#include <string_view>

#include "core/check.h"

namespace fanin {

/// Where the program speaks: results on stdout (none under --json, whose document stands there alone), everything else
/// on stderr (nothing but warnings and errors under --quiet).
class Console final {
 public:
  Console(bool json, bool quiet) : json_(json), quiet_(quiet) {}

  /// A line on stderr.
  template <class... Parts>
  void note(const Parts&... parts) {
    if (!quiet_) write_error(text(parts..., "\n"));
  }
  /// A line on stderr that is never left out.
  template <class... Parts>
  void warn(const Parts&... parts) {
    write_error(text("warning: ", parts..., "\n"));
  }
  /// A line on stdout.
  template <class... Parts>
  void result(const Parts&... parts) {
    if (!json_) write_out(text(parts..., "\n"));
  }

  bool quiet() const { return quiet_; }
  /// Whether stderr is a terminal that takes a line drawn over and over.
  static bool is_terminal();
  /// Whether colours are welcome on stderr: a terminal, and NO_COLOR not set.
  static bool has_colour();

  static void write_out(std::string_view text);
  static void write_error(std::string_view text);

 private:
  bool json_;
  bool quiet_;
};

}  // namespace fanin
